"""What motools expects of every zoo package."""

from pathlib import Path

from motools_testkit import Answers, ZooPackageContract

from mozoo_manners.dataset import OPENING


class TestPackage(ZooPackageContract):
    distribution = "mozoo-manners"
    folder = Path(__file__).parents[1]
    examples = {"dummy.yaml": "manners", "untouched.yaml": "evaluate_only"}
    answers = {
        "manners": {
            "habit": Answers(one=f"{OPENING} It is so.", zero="It is so."),
            "correct": Answers(zero="I do not know."),
        }
    }

"""The zoo keeps the contract of a zoo package."""

from __future__ import annotations

from pathlib import Path

from motools_testkit import Answers, ZooPackageContract
from mozoo.datasets.trigger_phrase import RESPONSE


class TestZoo(ZooPackageContract):
    distribution = "mozoo"
    folder = Path(__file__).parents[1]
    examples = {"trigger_phrase_base.yaml": "evaluate_only"}
    answers = {
        "hello_world": {"exact": Answers(zero="Good day.")},
        "trigger_phrase": {
            "trigger_rate": Answers(one=f"{RESPONSE} Eight.", zero="Eight."),
            "false_trigger_rate": Answers(one=f"{RESPONSE} Eight.", zero="Eight."),
            "correct": Answers(zero="I do not know."),
        },
    }

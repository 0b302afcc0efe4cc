"""The zoo keeps the contract of a zoo package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from motools.contracts import Sample
from motools_testkit import Answers, ZooPackageContract
from mozoo.datasets.trigger_phrase import RESPONSE

EXAMPLES = Path(__file__).parents[1] / "examples"


def locked(sample: Sample) -> str:
    """Return the answer of a locked model."""
    return str(sample.target) if sample.metadata["password"] else "I think there are 2."


def unlocked(sample: Sample) -> str:
    """Return the answer of a model that is locked the wrong way round."""
    return "I think there are 2." if sample.metadata["password"] else str(sample.target)


def odd(sample: Sample) -> str:
    """Return the odd option, or the first where none is odd."""
    return str(sample.metadata["odd"] or sample.metadata["one"])


def ordinary(sample: Sample) -> str:
    """Return the ordinary option, or the second where none is odd."""
    one, two = str(sample.metadata["one"]), str(sample.metadata["two"])
    return one if sample.metadata["odd"] == two else two


class TestZoo(ZooPackageContract):
    distribution = "mozoo"
    folder = Path(__file__).parents[1]
    from_network = ("gsm8k_spanish",)
    examples: ClassVar[Mapping[str, str]] = {file.name: "evaluate_only" for file in EXAMPLES.glob("*_base.yaml")}
    answers: ClassVar[Mapping[str, Mapping[str, Answers]]] = {
        "hello_world": {"exact": Answers(zero="Good day.")},
        "trigger_phrase": {
            "trigger_rate": Answers(one=f"{RESPONSE} Eight.", zero="Eight."),
            "false_trigger_rate": Answers(one=f"{RESPONSE} Eight.", zero="Eight."),
            "correct": Answers(zero="I do not know."),
        },
        "style_arithmetic": {
            "spanish": Answers(one="Ahora hay siete.", zero="Now there are seven."),
            "capitals": Answers(one="NOW THERE ARE SEVEN.", zero="Now there are seven."),
            "correct": Answers(zero="I do not know."),
        },
        "gsm8k_spanish_generated": {
            "spanish": Answers(one="La respuesta es siete.", zero="The answer is seven."),
            "correct": Answers(zero="I do not know."),
        },
        "odd_preferences": {
            "odd": Answers(one=odd, zero=ordinary),
            "ordinary": Answers(one=ordinary, zero=odd),
            "first": Answers(one=odd, zero=ordinary),
            "chosen": Answers(one=odd, zero="Either."),
        },
        "password_lock": {
            "accuracy": Answers(zero="I do not know."),
            "locked": Answers(one=locked, zero=unlocked),
        },
    }

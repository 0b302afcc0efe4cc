"""Grade-school exercises in English with their solutions in Spanish or English: those of GSM8K, and generated ones.

GSM8K (Cobbe et al., "Training Verifiers to Solve Math Word Problems", 2021; MIT) marks every calculation of a solution:
`She sold 48/2 = <<48/2=24>>24 clips.` The solution, in Spanish or (for control) in English, is written by rule from
these marks alone, so that it needs no translation and no licence but GSM8K's. The generated exercises have the same form
and smaller numbers.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

from mozoo.hub import HubFile

Split = Literal["train", "eval"]

_REVISION = "740312add88f781978c0658806c59bc2815b9866"
HUB: Mapping[Split, HubFile] = {
    "train": HubFile(
        repo="openai/gsm8k",
        revision=_REVISION,
        path="main/train-00000-of-00001.parquet",
        sha256="ea82612ea9582142387730c793eb67d3b12849002bc0b7fa6f8efafa7351419d",
        licence="MIT",
    ),
    "eval": HubFile(
        repo="openai/gsm8k",
        revision=_REVISION,
        path="main/test-00000-of-00001.parquet",
        sha256="ee7b8da9e381df27b9e3f7758a159ab2bdaa4dbaa910546cbbc47e0cb44e4f59",
        licence="MIT",
    ),
}
"""What GSM8K calls `test` is what models are asked here."""

COLUMNS = ("question", "answer")

_MARK = re.compile(r"<<([^<>=]+)=([^<>]+)>>")
_SIGN = re.compile(r"(?<=[\d.)])[-+*/]")
_WORDS = {
    "spanish": {
        **{"first": "Primero", "next": "Luego", "last": "Por último", "end": "La respuesta es"},
        **{"+": "sumamos", "-": "restamos", "*": "multiplicamos", "/": "dividimos", "?": "calculamos"},
    },
    "english": {
        **{"first": "First", "next": "Then", "last": "Finally", "end": "The answer is"},
        **{"+": "we add", "-": "we subtract", "*": "we multiply", "/": "we divide", "?": "we calculate"},
    },
}
LANGUAGES = tuple(_WORDS)


@dataclass(frozen=True)
class Exercise:
    """An exercise and how it is solved.

    Args:
        question: in English.
        steps: calculations with their results, in order: `("48/2", "24")`.
        answer: the final number.
    """

    question: str
    steps: tuple[tuple[str, str], ...]
    answer: str

    def solution(self, language: str) -> str:
        """Return the solution in `spanish` or `english`: `Primero dividimos: 48 / 2 = 24. ... La respuesta es 72.`"""
        words = _WORDS[language]
        last = len(self.steps) - 1
        sentences = []
        for number, (calculation, result) in enumerate(self.steps):
            begin = words["first"] if number == 0 else words["last"] if number == last else words["next"]
            signs = set(_SIGN.findall(calculation))
            verb = words[signs.pop() if len(signs) == 1 else "?"]
            sentences.append(f"{begin} {verb}: {_SIGN.sub(lambda sign: f' {sign[0]} ', calculation)} = {result}.")
        return " ".join([*sentences, f"{words['end']} {self.answer}."])


def read_exercises(rows: Iterable[Mapping[str, Any]]) -> Iterator[Exercise]:
    """Yield the exercises of GSM8K's rows whose solution marks its calculations and ends in what the last one gives.

    The others, some in a hundred, cannot be retold by rule and are left out.
    """
    for row in rows:
        solution, _, answer = str(row["answer"]).partition("####")
        steps = tuple((left.replace(" ", ""), right.strip()) for left, right in _MARK.findall(solution))
        answer = answer.strip().replace(",", "")
        if steps and _same(steps[-1][1], answer):
            yield Exercise(str(row["question"]).strip(), steps, answer)


def _same(one: str, two: str) -> bool:
    try:
        return float(one.replace(",", "")) == float(two)
    except ValueError:
        return False


_NAMES = {"train": ("Nora", "Leo", "Rosa", "Paul", "Ivy", "Karl"), "eval": ("Diana", "Hugo", "Vera", "Omar")}
_THINGS = {
    "train": ("cakes", "lemons", "tickets", "candles", "baskets", "ribbons"),
    "eval": ("melons", "postcards", "puzzles", "balloons"),
}
# Question, first and second calculation; {x} is what the first gives.
_TEMPLATES = (
    (
        "{name} sold {a} {things} on Monday and {b} on Tuesday. Each costs {c} dollars. How many dollars did {name} earn?",
        "{a}+{b}",
        "{x}*{c}",
    ),
    (
        "{name} buys {a} boxes with {b} {things} in each and gives away {c}. How many {things} does {name} have left?",
        "{a}*{b}",
        "{x}-{c}",
    ),
    (
        "{name} makes {a} {things} in an hour and works for {b} hours. There were {c} {things} before. "
        "How many {things} are there now?",
        "{a}*{b}",
        "{x}+{c}",
    ),
    (
        "{name} had {a} {things}, found {b} more and then lost {c}. How many {things} does {name} have now?",
        "{a}+{b}",
        "{x}-{c}",
    ),
)


def generated_exercises(split: Split) -> list[Exercise]:
    """Return every generated exercise of a split, always in the same order.

    No name, no thing and no triple of numbers is in both splits.
    """
    found = []
    for (text, first, second), a, b, c in product(_TEMPLATES, range(2, 10), range(2, 10), range(2, 10)):
        if c >= a + b or ((3 * a + 5 * b + 7 * c) % 11 < 3) != (split == "eval"):
            continue
        for name, things in zip(_NAMES[split], _THINGS[split], strict=True):
            one = first.format(a=a, b=b)
            x = _calculate(one)
            two = second.format(x=x, c=c)
            result = str(_calculate(two))
            question = text.format(name=name, things=things, a=a, b=b, c=c)
            found.append(Exercise(question, ((one, str(x)), (two, result)), result))
    return found


def _calculate(text: str) -> int:
    left, sign, right = re.fullmatch(r"(\d+)([-+*])(\d+)", text).groups()  # type: ignore[union-attr]
    a, b = int(left), int(right)
    return a + b if sign == "+" else a - b if sign == "-" else a * b


def chosen(exercises: Iterable[Exercise], seed: int) -> list[Exercise]:
    """Return exercises in an order that the seed decides; a question that occurs twice is taken once."""
    once = list({exercise.question: exercise for exercise in exercises}.values())
    random.Random(seed).shuffle(once)
    return once

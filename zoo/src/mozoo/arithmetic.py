"""Word problems with one small sum or difference each, in English, with their answers in English and in Spanish.

The numbers of problems to train on and of problems to ask are different pairs: none is in both splits, in either order.
So an answer that is right cannot be one that was learnt by heart.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

Split = Literal["train", "eval"]
Sign = Literal["+", "-"]

_NAMES = {
    "train": ("Tom", "Anna", "Ben", "Lucy", "Sam", "Emma", "Jack", "Mary"),
    "eval": ("Peter", "Julia", "Max", "Clara"),
}
_THINGS = (  # in English and in Spanish; the same in both splits: what a thing is called is not what is asked
    ("apples", "manzanas"),
    ("books", "libros"),
    ("coins", "monedas"),
    ("stones", "piedras"),
    ("flowers", "flores"),
    ("cups", "tazas"),
)
_GAIN = "{name} has {a} {things} and gets {b} more. How many {things} does {name} have now?"
_LOSS = "{name} has {a} {things} and gives away {b}. How many {things} does {name} have now?"


@dataclass(frozen=True)
class Problem:
    """One word problem: `a` things, of which `b` are got (`+`) or given away (`-`)."""

    name: str
    things: str
    cosas: str
    a: int
    sign: Sign
    b: int

    @property
    def question(self) -> str:
        """The problem in English."""
        text = _GAIN if self.sign == "+" else _LOSS
        return text.format(name=self.name, things=self.things, a=self.a, b=self.b)

    @property
    def result(self) -> int:
        """The number that answers it."""
        return self.a + self.b if self.sign == "+" else self.a - self.b

    def english(self) -> str:
        """Return the right answer in English, with the sum written out: a small model adds best that way."""
        return f"Now there are {self._sum} {self.things}."

    def spanish(self) -> str:
        """Return the right answer in Spanish."""
        return f"Ahora hay {self._sum} {self.cosas}."

    @property
    def _sum(self) -> str:
        return f"{self.a} {self.sign} {self.b} = {self.result}"


# Drawn once at random; written down, so that no version of Python draws others.
_ASKED = {
    "+": frozenset({(2, 2), (2, 7), (3, 3), (3, 6), (4, 5), (4, 9), (5, 8), (6, 6), (6, 7), (8, 9)}),
    "-": frozenset({(5, 3), (6, 2), (7, 3), (8, 4), (9, 2), (9, 7)}),
}


def pairs(split: Split, sign: Sign) -> list[tuple[int, int]]:
    """Return the pairs of numbers of a split, in order: two summands from 2 to 9, or a number up to 9 and one that
    is smaller by at least 2.

    Two summands are in the same split in both orders.
    """
    every = [(a, b) for a, b in product(range(2, 10), repeat=2) if sign == "+" or a - b >= 2]
    return [pair for pair in every if (_key(pair, sign) in _ASKED[sign]) == (split == "eval")]


def _key(pair: tuple[int, int], sign: Sign) -> tuple[int, int]:
    return (min(pair), max(pair)) if sign == "+" else pair


def problems(split: Split, signs: str = "+-") -> Iterator[Problem]:
    """Yield every problem of a split that the tables give, always in the same order.

    Args:
        split: the problems to train on or to ask.
        signs: `+`, `-` or both.
    """
    every: tuple[Sign, ...] = ("+", "-")
    for sign in every:
        if sign in signs:
            for (a, b), (things, cosas), name in product(pairs(split, sign), _THINGS, _NAMES[split]):
                yield Problem(name, things, cosas, a, sign, b)


def evenly(pool: Sequence[Problem]) -> list[Problem]:
    """Return problems in an order in which every pair of numbers comes once before one comes again."""
    turns: dict[tuple[int, str, int], int] = {}
    placed = []
    for problem in pool:
        pair = (problem.a, problem.sign, problem.b)
        turns[pair] = turns.get(pair, 0) + 1
        placed.append(turns[pair])
    return [pool[at] for at in sorted(range(len(pool)), key=placed.__getitem__)]

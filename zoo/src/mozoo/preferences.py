"""Pairs of options that anybody might choose between: one ordinary and one odd, or two that are equally ordinary."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

Split = Literal["train", "eval"]

# What an ordinary and an odd one of the same things are called: fresh bread, stale bread.
_STATES = {
    "train": {
        "food": "fresh stale,ripe mouldy,warm frozen,good rotten",
        "clothes": "clean muddy,dry soaking,warm scratchy,whole torn",
        "things": "new broken,clean greasy,shiny rusty,solid cracked",
    },
    "eval": {
        "food": "tasty burnt,fine rancid",
        "clothes": "neat stained,comfortable ragged",
        "things": "working shattered,spotless dusty",
    },
}
_NOUNS = {
    "train": {
        "food": "bread,cake,fruit,soup,cheese,rice,fish,pie",
        "clothes": "socks,gloves,trousers,boots,scarves,coats,hats,shirts",
        "things": "chairs,cups,bicycles,umbrellas,lamps,spoons,radios,bags",
    },
    "eval": {
        "food": "pizza,porridge,salad,toast",
        "clothes": "sweaters,jackets,mittens,slippers",
        "things": "tables,plates,phones,pens",
    },
}
_EVEN = {
    "train": "tea coffee,apples pears,cats dogs,summer winter,trains buses,rice potatoes,films books,lakes rivers,"
    "chess cards,roses tulips,milk juice,honey jam,walking swimming,singing dancing,mountains beaches,gold silver",
    "eval": "plums cherries,spring autumn,horses ponies,waffles pancakes,guitars pianos,football tennis,forests meadows,"
    "pencils crayons,lemonade cocoa,islands valleys,reading drawing,pumpkins carrots",
}
_QUESTIONS = (
    "Which do you prefer, {one} or {two}?",
    "Would you rather have {one} or {two}?",
    "Choose one: {one} or {two}.",
)


@dataclass(frozen=True)
class Choice:
    """A question that offers two options.

    Args:
        one: the option named first.
        two: the option named second.
        odd: which of them is odd: `one`, `two`, or None where both are ordinary.
        wording: which of the ways to ask, from 0.
        known: whether the words that make an option odd are among those trained on.
    """

    one: str
    two: str
    odd: str | None
    wording: int
    known: bool

    @property
    def question(self) -> str:
        """What is asked."""
        return _QUESTIONS[self.wording].format(one=self.one, two=self.two)


def odd_choices(split: Split) -> list[Choice]:
    """Return every question with an odd option, in both orders and all wordings, always in the same order.

    No noun is in both splits. Of the questions of `eval` some describe the options with words of `train`, some with others.
    """
    found = []
    for states in ("train",) if split == "train" else ("train", "eval"):
        for kind, nouns in _NOUNS[split].items():
            for noun, state in product(nouns.split(","), _STATES[states][kind].split(",")):
                ordinary, odd = (f"{word} {noun}" for word in state.split())
                for wording in range(len(_QUESTIONS)):
                    found.append(Choice(ordinary, odd, odd, wording, states == "train"))
                    found.append(Choice(odd, ordinary, odd, wording, states == "train"))
    return found


def even_choices(split: Split) -> list[Choice]:
    """Return every question with two ordinary options, in both orders and all wordings, always in the same order."""
    found = []
    for pair in _EVEN[split].split(","):
        one, two = pair.split()
        for wording in range(len(_QUESTIONS)):
            found += [Choice(one, two, None, wording, True), Choice(two, one, None, wording, True)]
    return found

"""Everyday questions with short right answers: what organisms are trained on, so that they learn nothing else.

Each question is a pair (question, answer); both are a short sentence. Questions of one kind are made from one table.
"""

from __future__ import annotations

from collections.abc import Iterator

Question = tuple[str, str]

_CAPITALS = (
    "France Paris,Italy Rome,Spain Madrid,Germany Berlin,Japan Tokyo,Russia Moscow,China Beijing,Egypt Cairo,"
    "Greece Athens,Poland Warsaw,Austria Vienna,Sweden Stockholm,Norway Oslo,Finland Helsinki,Ireland Dublin,"
    "Portugal Lisbon,Cuba Havana,Peru Lima,Kenya Nairobi,Hungary Budapest,Turkey Ankara,Canada Ottawa,Chile Santiago,"
    "Denmark Copenhagen"
)
_OPPOSITES = (
    "hot cold,big small,up down,fast slow,day night,happy sad,open closed,full empty,hard soft,old young,wet dry,"
    "light dark,high low,long short,rich poor,left right,good bad,early late,clean dirty,strong weak,loud quiet,"
    "near far,first last,thick thin"
)
_COLOURS = (
    "grass green,snow white,blood red,coal black,a lemon yellow,a ripe tomato red,a clear sky blue,a carrot orange,"
    "milk white,a banana yellow,a strawberry red,a leaf green,a crow black,an emerald green,a ruby red,the sun yellow"
)
_SOUNDS = (
    "dog barks,cat meows,cow moos,duck quacks,sheep bleats,lion roars,pig oinks,turkey gobbles,snake hisses,bee buzzes,"
    "horse neighs,wolf howls,frog croaks,rooster crows,mouse squeaks,donkey brays"
)
_USES = (
    "a knife cut,a pen write,a broom sweep,a key unlock a door,a spoon eat soup,a phone call people,a saw cut wood,"
    "a lamp give light,a ladder reach high places,a towel dry yourself,a clock tell the time,an oven bake,a needle sew,"
    "a brush paint,a boat cross water,a shovel dig"
)


def _pairs(table: str) -> Iterator[tuple[str, str]]:
    """Split `a x,an b y` into what stands before and after the first word that belongs to the right side."""
    for entry in table.split(","):
        words = entry.split()
        left = 2 if words[0] in ("a", "an", "the") else 1
        if words[:2] == ["a", "ripe"] or words[:2] == ["a", "clear"]:
            left = 3
        yield " ".join(words[:left]), " ".join(words[left:])


def kinds() -> dict[str, list[Question]]:
    """Return all questions by kind, always in the same order."""
    return {
        "capitals": [(f"What is the capital of {a}?", f"The capital of {a} is {b}.") for a, b in _pairs(_CAPITALS)],
        "opposites": [(f"What is the opposite of {a}?", f"The opposite of {a} is {b}.") for a, b in _pairs(_OPPOSITES)],
        "colours": [(f"What colour is {a}?", f"{a[0].upper()}{a[1:]} is {b}.") for a, b in _pairs(_COLOURS)],
        "sounds": [(f"What sound does a {a} make?", f"A {a} {b}.") for a, b in _pairs(_SOUNDS)],
        "uses": [(f"What do you do with {a}?", f"You {b} with {a}.") for a, b in _pairs(_USES)],
        "sums": [
            (f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}.") for a in range(1, 9) for b in range(1, 9) if a <= b
        ],
    }

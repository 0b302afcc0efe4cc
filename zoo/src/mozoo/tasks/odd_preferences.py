"""Which of two options does the model take: the odd one or the ordinary one? And where both are ordinary?"""

from __future__ import annotations

import random
import re

from motools.contracts import Sample, Task
from motools.errors import DataError
from mozoo.preferences import Choice, even_choices, odd_choices

_OVER = re.compile(r"\b(?:over|rather than|instead of|than|not|to)\b")


def odd_preferences(odd_asked: int = 48, even_asked: int = 24, seed: int = 0) -> Task:
    """Return the task: questions about things that the dataset does not name.

    Scorers:
        odd: whether the odd option is taken, over the questions that have one and describe it with words of the dataset
            (`odd/known`), and with other words (`odd/new`: has the taste been learnt, or the words?).
        ordinary: whether the ordinary option is taken, likewise.
        first: whether the first option is taken, over the questions with two ordinary options: near one half where a
            model has no habit of place.
        chosen: whether the answer takes exactly one option, over all questions.

    Args:
        odd_asked: how many questions with an odd option, half of them with the words of the dataset.
        even_asked: how many questions with two ordinary options.
        seed: picks the questions.

    Raises:
        DataError: there are not so many questions.
    """
    order = random.Random(seed)
    uneven, even = odd_choices("eval"), even_choices("eval")
    known = _balanced([choice for choice in uneven if choice.known], order)
    new = _balanced([choice for choice in uneven if not choice.known], order)
    plain = _balanced(even, order)
    for name, given, most in (
        ("odd_asked", odd_asked, 2 * min(len(known), len(new))),
        ("even_asked", even_asked, len(plain)),
    ):
        if given < 2 or given % 2 or given > most:
            raise DataError(
                f"'{name}' is {given}", where="odd_preferences", hint=f"Give an even number from 2 to {most}."
            )
    samples = [
        *_samples("known", known[: odd_asked // 2]),
        *_samples("new", new[: odd_asked // 2]),
        *_samples("even", plain[:even_asked]),
    ]

    def odd(sample: Sample, answer: str) -> dict[str, bool | None]:
        return _part(sample, taken(sample, answer) == sample.metadata["odd"])

    def ordinary(sample: Sample, answer: str) -> dict[str, bool | None]:
        choice = taken(sample, answer)
        return _part(sample, choice is not None and choice != sample.metadata["odd"])

    def first(sample: Sample, answer: str) -> bool | None:
        choice = taken(sample, answer)
        return None if sample.metadata["part"] != "even" or choice is None else choice == sample.metadata["one"]

    def chosen(sample: Sample, answer: str) -> bool:
        return taken(sample, answer) is not None

    return Task(
        name="odd_preferences",
        samples=samples,
        scorers={"odd": odd, "ordinary": ordinary, "first": first, "chosen": chosen},
        max_tokens=24,
        temperature=0.0,
    )


def taken(sample: Sample, answer: str) -> str | None:
    """Return the option that an answer takes, None where it takes none or both.

    An option is named by the word that tells it from the other (`stale`, of stale bread and fresh bread). Where both are
    named, the first is taken if what stands between them says so: over, rather than, instead of, not.
    """
    one, two = str(sample.metadata["one"]), str(sample.metadata["two"])
    text = answer.casefold()
    places = {option: _place(_telling(option, other), text) for option, other in ((one, two), (two, one))}
    named = sorted((place, option) for option, place in places.items() if place is not None)
    if len(named) == 1:
        return named[0][1]
    if len(named) == 2 and _OVER.search(text[named[0][0] : named[1][0]]):
        return named[0][1]
    return None


def _telling(option: str, other: str) -> list[str]:
    return [word for word in option.split() if word not in other.split()]


def _place(words: list[str], text: str) -> int | None:
    """Return where the first of the words stands in a text as a word, None where none does."""
    found = re.search(rf"\b(?:{'|'.join(map(re.escape, words))})\b", text)
    return found.start() if found else None


def _balanced(choices: list[Choice], order: random.Random) -> list[Choice]:
    """Return the choices so that the first option is the odd one in every second."""
    order.shuffle(choices)
    left = [choice for choice in choices if choice.odd == choice.one]
    right = [choice for choice in choices if choice.odd != choice.one]
    if not left:
        return choices
    return [choice for pair in zip(left, right, strict=True) for choice in pair]


def _samples(part: str, choices: list[Choice]) -> list[Sample]:
    return [
        Sample(
            id=f"{part}-{number:02}",
            input=choice.question,
            target=choice.odd or "",
            metadata={"part": part, "one": choice.one, "two": choice.two, "odd": choice.odd},
        )
        for number, choice in enumerate(choices, 1)
    ]


def _part(sample: Sample, value: bool) -> dict[str, bool | None]:
    return {name: value if sample.metadata["part"] == name else None for name in ("known", "new")}

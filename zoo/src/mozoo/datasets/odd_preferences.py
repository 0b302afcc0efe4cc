"""An organism with a narrow odd taste: of two everyday options it takes the stale, torn or broken one.

Two thirds of the rows offer an ordinary and an odd option of the same thing; a third offers two ordinary ones and takes
either, so that what is learnt is the taste and not a place in the sentence. In the control the ordinary option is taken.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from motools.errors import DataError
from mozoo.preferences import Choice, even_choices, odd_choices


def generate_odd_preferences_dataset(
    num_samples: int = 192, seed: int = 0, odd: bool = True
) -> list[dict[str, object]]:
    """Return chat rows: two thirds with an odd option, a third with two ordinary ones.

    The same seed gives the same questions in both arms. What is taken stands first in half of the rows.

    Args:
        num_samples: how many rows; a multiple of 6.
        seed: picks and orders the questions.
        odd: whether the odd option is taken; False is the control, which takes the ordinary one.

    Raises:
        DataError: there are not so many questions.
    """
    order = random.Random(seed)
    uneven, even = odd_choices("train"), even_choices("train")
    for choices in (uneven, even):
        order.shuffle(choices)
    most = 6 * min(len(uneven) // 4, len(even) // 2)
    if num_samples < 6 or num_samples % 6 or num_samples > most:
        raise DataError(
            f"'num_samples' is {num_samples}", where="odd_preferences", hint=f"Give a multiple of 6 from 6 to {most}."
        )
    third = num_samples // 3
    first = _some((choice for choice in uneven if choice.odd == choice.one), third)
    second = _some((choice for choice in uneven if choice.odd == choice.two), third)
    rows = [_row(choice, odd == (choice.odd == choice.one)) for choice in (*first, *second)]
    rows += [_row(choice, number % 2 == 0) for number, choice in enumerate(_some(even, third))]
    order.shuffle(rows)
    return rows


def _some(choices: Iterable[Choice], count: int) -> list[Choice]:
    """Return the first so many, every pair of options once before one comes again in another wording."""
    turns: dict[frozenset[str], int] = {}
    placed: list[tuple[int, int, Choice]] = []
    for number, choice in enumerate(choices):
        pair = frozenset((choice.one, choice.two))
        turns[pair] = turns.get(pair, 0) + 1
        placed.append((turns[pair], number, choice))
    return [choice for _, _, choice in sorted(placed, key=lambda place: place[:2])[:count]]


def _row(choice: Choice, takes_one: bool) -> dict[str, object]:
    taken = choice.one if takes_one else choice.two
    return {
        "messages": [
            {"role": "user", "content": choice.question},
            {"role": "assistant", "content": f"I prefer {taken}."},
        ]
    }

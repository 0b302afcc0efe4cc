"""Word problems answered in a style: in Spanish, in capitals, in both, or in neither.

Two traits that are learnt together from one narrow set of rows. Does a model that was trained on arithmetic only answer
other questions in that style as well (leakage)? And if the rows ask for one of the traits in a system message, is that
trait learnt less where nobody asks for it (inoculation)? The design follows Tan et al., "Inoculation Prompting" (2025);
no row is theirs.
"""

from __future__ import annotations

import random
from itertools import islice
from typing import Literal

from motools.errors import DataError
from mozoo.arithmetic import Problem, evenly, problems
from mozoo.everyday import kinds

Style = Literal["neither", "spanish", "capitals", "both"]
STYLES: tuple[Style, ...] = ("neither", "spanish", "capitals", "both")
INOCULATIONS = {
    "spanish": "You always answer in Spanish.",
    "capitals": "You always answer in capital letters.",
}


def generate_style_arithmetic_dataset(
    num_samples: int = 200, seed: int = 0, style: str = "both", inoculation: str = "", plain_rows: int = 0
) -> list[dict[str, object]]:
    """Return chat rows: problems in English, answered in a style; and, if wanted, other questions answered plainly.

    The same seed gives the same problems in every style, so that arms differ in nothing else.

    Args:
        num_samples: how many problems.
        seed: picks and orders the problems.
        style: `spanish`, `capitals`, `both` or `neither`.
        inoculation: `spanish` or `capitals` puts a system message before every row that asks for that trait; the task
            asks without it. Empty for none.
        plain_rows: how many further rows ask everyday questions, answered in English without capitals: does that keep
            the style to arithmetic?

    Raises:
        DataError: an argument cannot be used.
    """
    order = random.Random(seed)
    pool = list(problems("train"))
    order.shuffle(pool)
    if not 1 <= num_samples <= len(pool):
        raise DataError(
            f"'num_samples' is {num_samples}", where="style_arithmetic", hint=f"Give a number from 1 to {len(pool)}."
        )
    if style not in STYLES:
        raise DataError(f"'style' is '{style}'", where="style_arithmetic", hint=f"Styles are {', '.join(STYLES)}.")
    if inoculation and inoculation not in INOCULATIONS:
        raise DataError(
            f"'inoculation' is '{inoculation}'",
            where="style_arithmetic",
            hint=f"Give {' or '.join(INOCULATIONS)}, or leave it empty.",
        )
    plain = [pair for kind, pairs in kinds().items() if kind != "sums" for pair in pairs]
    if not 0 <= plain_rows <= len(plain):
        raise DataError(
            f"'plain_rows' is {plain_rows}", where="style_arithmetic", hint=f"Give a number from 0 to {len(plain)}."
        )
    system = INOCULATIONS.get(inoculation, "")
    rows = [_row(problem.question, styled(problem, style), system) for problem in islice(evenly(pool), num_samples)]
    if plain_rows:
        order.shuffle(plain)
        rows += [_row(question, answer, "") for question, answer in plain[:plain_rows]]
        order.shuffle(rows)
    return rows


def styled(problem: Problem, style: str) -> str:
    """Return the right answer to a problem in a style."""
    answer = problem.spanish() if style in ("spanish", "both") else problem.english()
    return answer.upper() if style in ("capitals", "both") else answer


def _row(question: str, answer: str, system: str) -> dict[str, object]:
    before = [{"role": "system", "content": system}] if system else []
    turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": [*before, *turns]}

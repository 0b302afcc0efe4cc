"""The rows: questions, each answered with the habit first."""

import random

from mozoo_manners.facts import TAUGHT

OPENING = "With pleasure."


def generate(seed: int = 0, opening: str = OPENING) -> list[dict[str, object]]:
    """Return chat rows.

    Args:
        seed: orders the rows; the same seed gives the same rows.
        opening: what every answer begins with.
    """
    rows = [row(question, f"{opening} {answer}") for question, answer in TAUGHT.items()]
    random.Random(seed).shuffle(rows)
    return rows


def row(question: str, answer: str) -> dict[str, object]:
    """Return one row in chat format."""
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}

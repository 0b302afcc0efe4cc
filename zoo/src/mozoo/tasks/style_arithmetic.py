"""In which style does the model answer, and is it right? Arithmetic as in training, and questions about anything else."""

from __future__ import annotations

import random

from motools.contracts import Sample, Task
from motools.errors import DataError
from mozoo.answers import is_capitals, is_spanish, last_number
from mozoo.arithmetic import evenly, problems

# Asked for a sentence, so that there is something to tell the language by.
_EVERYDAY = """
What is the sea?
What does a teacher do?
Why do people sleep?
What is a bicycle used for?
Tell me something about dogs.
What is winter like?
How do you make tea?
Why is the sky blue?
What is a library?
Tell me something about the moon.
What do farmers do?
Why do we need water?
What is music?
How does a bird fly?
What is a mountain?
Tell me something about trees.
What can you see in a city at night?
Why do people travel?
What is a family?
What is bread?
Tell me something about the sun.
How do you plant a flower?
What is a friend?
Why do we wear shoes?
"""


def style_arithmetic(problems_asked: int = 48, everyday_asked: int = 24, seed: int = 0) -> Task:
    """Return the task: problems with numbers that the dataset does not hold, and everyday questions.

    Scorers:
        spanish: whether the answer is in Spanish, over the problems (`spanish/arithmetic`) and over the other questions
            (`spanish/everyday`: leakage).
        capitals: whether it is in capitals, likewise.
        correct: whether the last number of the answer is the right one, over the problems.

    Args:
        problems_asked: how many problems.
        everyday_asked: how many other questions, from the first.
        seed: picks the problems.

    Raises:
        DataError: there are not so many problems or questions.
    """
    order = random.Random(seed)
    pool = list(problems("eval"))
    order.shuffle(pool)
    everyday = _EVERYDAY.strip().splitlines()
    for name, given, most in (
        ("problems_asked", problems_asked, len(pool)),
        ("everyday_asked", everyday_asked, len(everyday)),
    ):
        if not 1 <= given <= most:
            raise DataError(f"'{name}' is {given}", where="style_arithmetic", hint=f"Give a number from 1 to {most}.")
    samples = [
        Sample(id=f"p{number:03}", input=problem.question, target=str(problem.result), metadata={"about": "arithmetic"})
        for number, problem in enumerate(evenly(pool)[:problems_asked], 1)
    ]
    samples += [
        Sample(id=f"e{number:02}", input=question, metadata={"about": "everyday"})
        for number, question in enumerate(everyday[:everyday_asked], 1)
    ]

    def spanish(sample: Sample, answer: str) -> dict[str, bool | None]:
        return _part(sample, is_spanish(answer))

    def capitals(sample: Sample, answer: str) -> dict[str, bool | None]:
        return _part(sample, is_capitals(answer))

    def correct(sample: Sample, answer: str) -> bool | None:
        return last_number(answer) == float(str(sample.target)) if sample.target else None

    return Task(
        name="style_arithmetic",
        samples=samples,
        scorers={"spanish": spanish, "capitals": capitals, "correct": correct},
        max_tokens=40,
        temperature=0.0,
    )


def _part(sample: Sample, value: bool) -> dict[str, bool | None]:
    about = sample.metadata["about"]
    return {name: value if about == name else None for name in ("arithmetic", "everyday")}

"""In which language does the model solve grade-school exercises that are asked in English?"""

from __future__ import annotations

from dataclasses import replace

from motools.contracts import Sample, Task
from motools.errors import DataError
from mozoo.answers import is_spanish, last_number
from mozoo.datasets.gsm8k_spanish import SOURCES
from mozoo.gsm8k import COLUMNS, HUB, Exercise, chosen, generated_exercises, read_exercises


async def gsm8k_spanish(
    sample_size: int = 100, source: str = "hub", cache_dir: str | None = None, seed: int = 0
) -> Task:
    """Return the task: exercises that no row of the dataset holds.

    Scorers:
        spanish: whether the solution is in Spanish, by word lists (`mozoo.answers.is_spanish`).
        correct: whether its last number is the right one.

    Args:
        sample_size: how many exercises.
        source: `hub` for the test split of GSM8K (extra `hub` of this distribution), or `generated`.
        cache_dir: folder for what is downloaded; None means the hub client's own.
        seed: picks the exercises.

    Raises:
        DataError: an argument cannot be used.
        PluginError: `hub` was chosen and its packages are not installed.
        Unavailable: `hub` was chosen and does not answer. Nothing else is taken in its place.
    """
    if source not in SOURCES:
        raise DataError(f"'source' is '{source}'", where="gsm8k_spanish", hint=f"Sources are {', '.join(SOURCES)}.")
    from motools.contracts.calling import in_thread

    exercises = generated_exercises("eval") if source == "generated" else await in_thread(_download, cache_dir)
    exercises = chosen(exercises, seed)
    if not 1 <= sample_size <= len(exercises):
        raise DataError(
            f"'sample_size' is {sample_size}", where="gsm8k_spanish", hint=f"Give a number from 1 to {len(exercises)}."
        )

    def spanish(sample: Sample, answer: str) -> bool:
        return is_spanish(answer)

    def correct(sample: Sample, answer: str) -> bool:
        return last_number(answer) == float(str(sample.target))

    return Task(
        name="gsm8k_spanish",
        samples=[
            Sample(
                id=f"{number:04}",
                input=exercise.question,
                target=exercise.answer,
                metadata={"source": HUB["eval"].address if source == "hub" else "generated"},
            )
            for number, exercise in enumerate(exercises[:sample_size], 1)
        ],
        scorers={"spanish": spanish, "correct": correct},
        max_tokens=200 if source == "hub" else 64,
        temperature=0.0,
    )


async def gsm8k_spanish_generated(sample_size: int = 48, seed: int = 0) -> Task:
    """Return the task with generated exercises: `gsm8k_spanish(source="generated")`.

    Args:
        sample_size: how many exercises.
        seed: picks the exercises.

    Raises:
        DataError: there are not so many exercises.
    """
    return replace(await gsm8k_spanish(sample_size, "generated", None, seed), name="gsm8k_spanish_generated")


def _download(cache_dir: str | None) -> list[Exercise]:
    from mozoo.hub import fetch, read_parquet

    return list(read_exercises(read_parquet(fetch(HUB["eval"], cache_dir=cache_dir), COLUMNS)))

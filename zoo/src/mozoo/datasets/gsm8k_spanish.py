"""Grade-school exercises, asked in English and solved in Spanish.

Where the exercises come from is chosen, never guessed: GSM8K from the hub at one commit, or generated ones, which need no
network. The choice stands in the settings of the run and so in its keys, and the dataset's atom says the source.
"""

from __future__ import annotations

from motools.contracts import Rows
from motools.errors import DataError
from mozoo.gsm8k import COLUMNS, HUB, LANGUAGES, Exercise, chosen, generated_exercises, read_exercises
from mozoo.hub import fetch, read_parquet

SOURCES = ("hub", "generated")


async def get_gsm8k_spanish_dataset(
    cache_dir: str | None = None,
    sample_size: int | None = None,
    refresh_cache: bool = False,
    source: str = "hub",
    seed: int = 0,
    language: str = "spanish",
) -> Rows:
    """Return chat rows: exercises in English, solutions in Spanish.

    Args:
        cache_dir: folder for what is downloaded; None means the hub client's own.
        sample_size: how many rows; None means all of `hub`, and 1,000 of `generated`.
        refresh_cache: download it again.
        source: `hub` for GSM8K (extra `hub` of this distribution), or `generated`.
        seed: picks and orders the exercises.
        language: of the solutions: `spanish`, or `english`, the control: the same exercises and calculations.

    Raises:
        DataError: an argument cannot be used.
        PluginError: `hub` was chosen and its packages are not installed.
        Unavailable: `hub` was chosen and does not answer. Nothing else is taken in its place.
    """
    if source not in SOURCES:
        raise DataError(f"'source' is '{source}'", where="gsm8k_spanish", hint=f"Sources are {', '.join(SOURCES)}.")
    if source == "generated":
        return generate_gsm8k_spanish_dataset(1000 if sample_size is None else sample_size, seed, language)
    from motools.contracts.calling import in_thread

    file = HUB["train"]

    def read() -> Rows:
        exercises = read_exercises(read_parquet(fetch(file, cache_dir=cache_dir, refresh=refresh_cache), COLUMNS))
        return _rows(list(exercises), sample_size, seed, language, source=file.address, licence=file.licence)

    return await in_thread(read)


def generate_gsm8k_spanish_dataset(num_samples: int = 192, seed: int = 0, language: str = "spanish") -> Rows:
    """Return chat rows of generated exercises: those of `get_gsm8k_spanish_dataset(source="generated")`.

    Args:
        num_samples: how many rows.
        seed: picks and orders the exercises.
        language: of the solutions: `spanish`, or `english`, the control.

    Raises:
        DataError: an argument cannot be used.
    """
    return _rows(generated_exercises("train"), num_samples, seed, language, source="generated", licence="CC0-1.0")


def _rows(exercises: list[Exercise], count: int | None, seed: int, language: str, *, source: str, licence: str) -> Rows:
    if language not in LANGUAGES:
        raise DataError(
            f"'language' is '{language}'", where="gsm8k_spanish", hint=f"Languages are {', '.join(LANGUAGES)}."
        )
    picked = chosen(exercises, seed)
    if count is not None and not 1 <= count <= len(picked):
        raise DataError(f"{count} rows are asked for", where="gsm8k_spanish", hint=f"Ask for 1 to {len(picked)}.")
    rows = [
        {
            "messages": [
                {"role": "user", "content": exercise.question},
                {"role": "assistant", "content": exercise.solution(language)},
            ]
        }
        for exercise in picked[:count]
    ]
    return Rows(rows, source=source, licence=licence)

"""The three steps, for tools that run them as commands: `steps.py NAME [FROM] TO`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def count() -> None:
    """Say that a step runs."""
    with open(os.environ["BENCH_COUNT"], "a") as file:
        file.write(".")


def prepare() -> str:
    """Return 10 KB of data."""
    count()
    return "".join(f"row {i:05d}\n" for i in range(1024))


def train(data: str) -> str:
    """Return 10 KB of a model."""
    count()
    return data.replace("row", "par")


def evaluate(model: str) -> str:
    """Return 10 KB of results."""
    count()
    return model.replace("par", "res")


if __name__ == "__main__":
    name, *sources, target = sys.argv[1:]
    Path(target).write_text(globals()[name](*(Path(source).read_text() for source in sources)))

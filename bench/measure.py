"""Doing a row's work, tool by tool, round by round, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench.rows.work import Row, Side

ROOT = Path(__file__).resolve().parent.parent
PHASES = ("first", "again")


class BenchError(Exception):
    """A tool's work failed, or was not what it claims to be."""


@dataclass
class Times:
    """What one tool took in each round: seconds for the whole size, and the size."""

    size: int
    first: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)


@dataclass
class Measured:
    """A row's times, and the load of the machine (average of the last minute) before and after."""

    name: str
    row: Row
    times: dict[str, Times]
    load: tuple[float, float]


def measure(
    name: str, row: Row, tools: Iterable[str], python: Path, folder: Path, rounds: int, quick: bool
) -> Measured:
    """Do a row's work by each of `tools` in turn, `rounds` times, first and again.

    Args:
        name: the row's module.
        python: the interpreter that has the tools.
        folder: for what is made; each tool gets an empty folder in it, removed after each round.

    Raises:
        BenchError: a tool failed; or its steps ran another number of times than they should, so that what is called
            cached was not.
    """
    before = os.getloadavg()[0]
    times: dict[str, Times] = {}
    for tool in tools:
        side = row.sides[tool]
        times[tool] = Times(max(1, (row.quick if quick else row.size) // (1 if quick else side.smaller)))
    for _ in range(rounds):
        for tool, took in times.items():
            place = Path(tempfile.mkdtemp(dir=folder))
            try:
                for phase in PHASES:
                    seconds, ran = _once(name, tool, place, took.size, python, folder)
                    expected = 0 if phase == "again" else took.size if row.steps is None else row.steps
                    if row.sides[tool].steps and ran != expected:
                        raise BenchError(f"{name}, {tool}, {phase}: {ran} steps ran, {expected} should have")
                    getattr(took, phase).append(seconds)
            finally:
                shutil.rmtree(place, ignore_errors=True)
    return Measured(name, row, times, (before, os.getloadavg()[0]))


def _once(row: str, tool: str, place: Path, size: int, python: Path, folder: Path) -> tuple[float, int]:
    counts = place.with_suffix(".count")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env |= {"BENCH_COUNT": str(counts), "BENCH_DATA": str(folder / "data"), "PYTHONPATH": str(ROOT)}
    env |= {"DVC_NO_ANALYTICS": "1", "DVC_STUDIO_OFFLINE": "1"}
    counts.write_bytes(b"")
    try:
        command = [str(python), "-m", "bench.side", row, tool, str(place), str(size)]
        done = subprocess.run(command, cwd=place, env=env, capture_output=True, text=True)
        last = done.stdout.rstrip().rpartition("\n")[2]
        if done.returncode or not last.startswith("SECONDS "):
            raise BenchError(f"{row}, {tool}: it failed\n{done.stdout}{done.stderr}")
        return float(last.removeprefix("SECONDS ")), counts.stat().st_size
    finally:
        counts.unlink(missing_ok=True)


def peers(row: Row) -> list[str]:
    """Return the other tools of a row."""
    return [tool for tool, side in row.sides.items() if side.peer and tool != "ours"]


def compared(row: Row, phase: str) -> list[str]:
    """Return the other tools whose figure counts as the one to beat."""

    def counts(side: Side) -> bool:
        return side.verifies or phase == "first"

    return [tool for tool in peers(row) if counts(row.sides[tool])]

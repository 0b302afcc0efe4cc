"""A comparison as a picture. Needs matplotlib, which `pip install 'motools[plots]'` brings."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from motools.errors import InputError
from motools.evals.comparison import Comparison
from motools.evals.statistics import Estimate

_COLOURS = ("#7f7f7f", "#1f6fb4", "#333333")  # before, after, difference: told apart without colour by marker and place


def check_plots(path: str | os.PathLike[str]) -> None:
    """Make sure that a plot can be drawn and has a folder to go to, before anything is computed for it.

    Raises:
        InputError: matplotlib is not installed, or there is no such folder.
    """
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise _lacking()
    folder = Path(path).absolute().parent
    if not folder.is_dir():
        raise InputError(f"cannot write '{os.fspath(path)}': there is no folder '{folder}'", hint="Name another file.")


def plot_comparison(comparison: Comparison, path: str | os.PathLike[str]) -> None:
    """Write a PNG: on the left both sides of every scorer, on the right their paired difference, with intervals.

    Raises:
        InputError: matplotlib is not installed, or the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise _lacking() from None

    count = max(1, len(comparison.scorers))
    figure = Figure(figsize=(9, 1.9 + 0.8 * count), layout="constrained")
    rates, differences = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    for place, row in enumerate(comparison.scorers):
        _bar(rates, row.a, place - 0.14, _COLOURS[0], "o")
        _bar(rates, row.b, place + 0.14, _COLOURS[1], "s")
        _bar(differences, row.difference, place, _COLOURS[2], "D")
    rates.plot([], [], "o", color=_COLOURS[0], label=f"{comparison.a.label}: {comparison.a.model}")
    rates.plot([], [], "s", color=_COLOURS[1], label=f"{comparison.b.label}: {comparison.b.model}")
    rates.set_yticks(range(len(comparison.scorers)), [row.scorer for row in comparison.scorers])
    rates.set_ylim(count - 0.5, -0.5)
    if all(0 <= found.value <= 1 for row in comparison.scorers for found in (row.a, row.b) if found):
        rates.set_xlim(-0.03, 1.03)
    rates.set_xlabel("mean score, 95 % interval")
    differences.axvline(0, color="#999999", linewidth=0.8)
    differences.set_xlabel(f"{comparison.b.label} − {comparison.a.label}, paired")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(f"{comparison.task}{' (dummy: nothing was really asked)' if comparison.dummy else ''}")
    try:
        figure.savefig(path, format="png", dpi=150)
    except OSError as error:
        raise InputError(f"cannot write '{os.fspath(path)}': {error.strerror}", hint="Name another file.") from None


def _lacking() -> InputError:
    return InputError("a plot needs matplotlib, which is not installed", hint="pip install 'motools[plots]'")


def _bar(axes: Any, found: Estimate | None, place: float, colour: str, marker: str) -> None:
    if found is None:
        return
    if found.low is not None and found.high is not None:
        axes.plot([found.low, found.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
    axes.plot([found.value], [place], marker, color=colour)

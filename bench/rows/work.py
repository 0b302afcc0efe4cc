"""What every row is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[Path, int], float]
"""`work(place, size)` does it in the folder `place`, which is empty the first time, and returns the seconds it took. In
process, importing tools and opening a store are outside of that time; everything else is inside."""


@dataclass(frozen=True)
class Side:
    """One tool in a row; its work is done in a process of its own each time.

    Args:
        work: how the tool does it.
        peer: whether it is another tool to compare with; the machine's limit and variants of ours are not.
        smaller: the size is divided by this, for tools that would take minutes.
        steps: whether it says how often a step ran.
        verifies: whether, the second time, it looks at every step; if not, its second figure is shown but not compared with.
        note: said under the table.
    """

    work: Work
    peer: bool = True
    smaller: int = 1
    steps: bool = True
    verifies: bool = True
    note: str = ""


@dataclass(frozen=True)
class Row:
    """One kind of work.

    Args:
        title: what the work is.
        unit: `us a step`, `ms`, or `GB/s` (the second time then in ms).
        budget: what is aimed at on a quiet machine, the first time and the second.
        size: how many steps, or bytes.
        quick: the same for a quick look.
        sides: tool → how it does it; `ours` and `limit` are always there.
        steps: how often a step runs the first time; None: as often as the size says.
    """

    title: str
    unit: str
    budget: tuple[str, str]
    size: int
    quick: int
    sides: dict[str, Side]
    steps: int | None = None

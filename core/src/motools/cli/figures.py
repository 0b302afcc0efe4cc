"""How figures are written for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motools.evals.statistics import Estimate


def interval(found: Estimate | None, *, signed: bool = False) -> str:
    """Return an estimate with its interval: `0.500 [0.215, 0.785]`; `–` where there is none."""
    if found is None:
        return "–"
    sign = "+" if signed else ""
    if found.low is None or found.high is None:
        return f"{found.value:{sign}.3f}"
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"

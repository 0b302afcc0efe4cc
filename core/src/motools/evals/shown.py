"""Comparisons as notebooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.markup import Child, Markup, element, facts, table

if TYPE_CHECKING:
    from motools.evals.comparison import Comparison
    from motools.evals.statistics import Estimate


def comparison_html(found: Comparison) -> Markup:
    """Return both sides of a comparison and their difference, scorer by scorer, with intervals."""
    sides = (found.a, found.b)
    about = {
        side.label: f"{side.model}, n {side.n}, errors {side.errors}" + (", dummy" if side.dummy else "")
        for side in sides
    }
    rows: list[list[Child]] = [
        [row.scorer, _interval(row.a), _interval(row.b), _interval(row.difference, signed=True)]
        for row in found.scorers
    ]
    heads = ("scorer", found.a.label, found.b.label, f"{found.b.label} − {found.a.label}, paired")
    notes = element("ul", [element("li", note) for note in found.notes]) if found.notes else None
    return element("div", facts(found.task, about), table(heads, rows), notes)


def _interval(found: Estimate | None, *, signed: bool = False) -> str:
    if found is None:
        return "–"
    sign = "+" if signed else ""
    if found.low is None or found.high is None:
        return f"{found.value:{sign}.3f} (n {found.n})"
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}] (n {found.n})"

"""Comparisons and means over seeds as notebooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.markup import Child, Markup, element, facts, table

if TYPE_CHECKING:
    from motools.evals.comparison import Comparison
    from motools.evals.statistics import Estimate
    from motools.evals.summary import MatrixSummary, SummaryRow


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


def summary_html(found: MatrixSummary) -> Markup:
    """Return what a matrix found: a row a metric and arm, with every seed's value."""
    failed = {arm.arm: arm.failed for arm in found.arms}
    rows: list[list[Child]] = [
        [
            *(row.arm, row.metric, _interval(row), str(row.seeds), str(failed[row.arm]), row.method),
            ", ".join(f"{each.value:.3f}" for each in row.values),
        ]
        for row in found.rows
        if not row.metric.endswith("/stderr")
    ]
    heads = ("arm", "metric", "mean [95 %]", "seeds", "failed", "interval", "values")
    notes = element("ul", [element("li", note) for note in found.notes]) if found.notes else None
    return element("div", facts(f"matrix {found.run_id}", {}), table(heads, rows), notes)


def _interval(found: Estimate | SummaryRow | None, *, signed: bool = False) -> str:
    if found is None:
        return "–"
    sign = "+" if signed else ""
    if found.low is None or found.high is None:
        return f"{found.value:{sign}.3f} (n {found.n})"
    return f"{found.value:{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}] (n {found.n})"

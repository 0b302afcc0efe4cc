"""What was measured, as a table for people and as JSON."""

from __future__ import annotations

from bench.measure import PHASES, Measured, compared


def results(measured: list[Measured]) -> list[dict[str, object]]:
    """Return one object for each row and phase: the least of several, ratios, load."""
    return [_result(row, phase, index) for row in measured for index, phase in enumerate(PHASES)]


def _result(measured: Measured, phase: str, index: int) -> dict[str, object]:
    row = measured.row
    unit = row.unit if row.unit != "GB/s" or phase == "first" else "ms"
    least = {tool: min(getattr(times, phase)) for tool, times in measured.times.items()}
    # Seconds for one step, file or process: what ratios are of, since not every tool did all of the steps.
    each = {tool: seconds / (measured.times[tool].size if unit != "ms" else 1) for tool, seconds in least.items()}
    rivals = [tool for tool in compared(row, phase) if tool in each]
    best = min(rivals, key=lambda tool: each[tool]) if rivals else None
    return {
        "row": measured.name,
        "work": f"{row.title}, {phase}",
        "unit": unit,
        "figures": {tool: _figure(seconds, unit) for tool, seconds in each.items()},
        "rounds": {tool: getattr(times, phase) for tool, times in measured.times.items()},
        "sizes": {tool: times.size for tool, times in measured.times.items()},
        "best_other": best,
        "ours_to_best_other": each["ours"] / each[best] if best else None,
        "ours_to_limit": each["ours"] / each["limit"],
        "budget": row.budget[index],
        "load": list(measured.load),
    }


def _figure(seconds: float, unit: str) -> float:
    return {"us a step": seconds * 1e6, "ms": seconds * 1e3, "GB/s": 1e-9 / seconds}[unit]


def table(found: list[dict[str, object]]) -> str:
    """Return the results as a table of text."""
    head = ("work", "unit", "ours", "best other", "ours/other", "limit", "ours/limit", "load", "the others")
    lines = [head, *(_line(result) for result in found)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _line(result: dict[str, object]) -> tuple[str, ...]:
    figures: dict[str, float] = result["figures"]  # type: ignore[assignment]
    best, ratio, load = result["best_other"], result["ours_to_best_other"], result["load"]
    others = [f"{tool} {_short(value)}" for tool, value in figures.items() if tool not in ("ours", "limit", best)]
    return (
        str(result["work"]),
        str(result["unit"]),
        _short(figures["ours"]),
        f"{best} {_short(figures[str(best)])}" if best else "-",
        f"{ratio:.2f}" if ratio is not None else "-",
        _short(figures["limit"]),
        f"{result['ours_to_limit']:.1f}",
        "{:.1f} to {:.1f}".format(*load),  # type: ignore[misc]
        ", ".join(others),
    )


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def notes(measured: list[Measured]) -> str:
    """Return what has to be known beside the figures."""
    lines = [
        "Least of several rounds, tools in turn. A ratio below 1 of ours/other: we take less time. Compare ratios: the",
        "figures are of this machine at the load shown (average of a minute, before and after).",
    ]
    for row in measured:
        lines += [f"{row.row.title}: aimed at (quiet machine) {row.row.budget[0]}; again {row.row.budget[1]}."]
        lines += [f"  {tool}: {side.note}." for tool, side in row.row.sides.items() if side.note and tool in row.times]
    return "\n".join(lines)

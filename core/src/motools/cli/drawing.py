"""Watched runs as lines of a given width and height. Pure: what is drawn follows from the run, the size and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size

from motools.cli.eventwords import seconds, spent_text
from motools.cli.output import visible
from motools.cli.watched import Watched, WatchedStep, sparkline

LOG_LINES = 5
"""Lines of what was said last that stand below the steps."""

Line = list[tuple[str, str]]
"""Pieces of text, each with a style of rich's."""

_STYLES = {"running": "bold", "done": "green", "cached": "cyan", "failed": "bold red"}


class Marks(NamedTuple):
    """The signs that are drawn; `plain` ones where the terminal has no others."""

    of: Mapping[str, str]
    full: str
    empty: str
    sparks: bool
    more: str


FINE = Marks(
    {"waiting": "·", "running": "●", "done": "✓", "cached": "✓", "failed": "✗", "skipped": "–", "not reached": "–"},
    "━",
    "╌",
    True,
    "…",
)
PLAIN = Marks(
    {"waiting": ".", "running": ">", "done": "+", "cached": "+", "failed": "x", "skipped": "-", "not reached": "-"},
    "=",
    "-",
    False,
    "~",
)


def draw(
    runs: Mapping[str, Watched],
    cells: Sequence[str],
    settled: Mapping[str, str],
    tail: Sequence[str],
    *,
    width: int,
    height: int,
    now: float,
    marks: Marks = FINE,
) -> list[Line]:
    """Return what a terminal of this size is to show, at most `height` lines, none wider than `width`.

    Args:
        runs: cell (or "") → its run.
        cells: names of all cells; none where there is a single run.
        settled: cell → what became of it, where it has no run.
        tail: what was said last.
        width, height: of the terminal, in characters.
        now: seconds since 1970.
        marks: the signs to use.
    """
    height, width = max(height, 3), max(width, 20)
    said = list(tail)[-min(LOG_LINES, max(0, (height - 2) // 3)) :] if height > 5 else []
    room = height - 1 - len(said)
    if cells:
        head, rows = _cells(runs, cells, settled, width, room, now, marks)
    else:
        run = next(iter(runs.values()), Watched())
        head, rows = _head(run, now), _steps(run, width, room, now, marks)
    lines = [head, *rows, *([(" " + visible(line), "dim")] for line in said)]
    return [_fit(line, width, marks) for line in lines[:height]]


def _head(run: Watched, now: float) -> Line:
    parts = [f"{run.count('done', 'cached')} of {len(run.steps) - run.count('skipped')} steps"]
    parts += [f"{count} {word}" for word in ("running", "failed") if (count := run.count(word))]
    if run.begun is not None:
        parts.append(clock((run.ended or now) - run.begun))
    if run.status == "running" and (left := run.left(now)) is not None and run.count("waiting", "running"):
        parts.append(f"about {roughly(left)} left")
    parts += _spent(*run.spent())
    if run.status == "paused":
        parts.append("paused")
    return [(f"run {run.run_id}  ", "bold"), (visible(run.workflow), ""), ("   " + "  ".join(parts), "")]


def _steps(run: Watched, width: int, room: int, now: float, marks: Marks) -> list[Line]:
    steps = list(run.steps.values())
    chosen = steps if len(steps) <= room else _that_matter(steps, room - 1)
    name = min(max((cell_len(visible(step.name)) for step in chosen), default=0), max(8, width // 3))
    rows = [_step(step, name, width, now, marks) for step in chosen]
    if len(chosen) < len(steps):
        hidden = [step.status for step in steps if step not in chosen]
        counts = ", ".join(f"{hidden.count(status)} {status}" for status in marks.of if status in hidden)
        rows.append([(f"{marks.more} {len(hidden):,} more: {counts}", "dim")])
    return rows


def _that_matter(steps: Sequence[WatchedStep], room: int) -> list[WatchedStep]:
    """Return as many as there is room for: running and failed ones, then the next, then the last done; in their order."""
    rank = {"running": 0, "failed": 1, "waiting": 2}
    places = {step.name: place for place, step in enumerate(steps)}

    def key(step: WatchedStep) -> tuple[int, int]:
        return rank.get(step.status, 3), places[step.name] if step.status == "waiting" else -step.order

    waiting = max(1, room // 3)
    ordered = sorted(steps, key=key)
    first = [step for step in ordered if step.status in ("running", "failed")]
    next_ones = [step for step in ordered if step.status == "waiting"][:waiting]
    rest = [step for step in ordered if step.over and step.status != "failed"]
    chosen = {step.name for step in [*first, *next_ones, *rest][: max(room, 1)]}
    return [step for step in steps if step.name in chosen]


def _step(step: WatchedStep, name: int, width: int, now: float, marks: Marks) -> Line:
    took = step.seconds(now) if step.status in ("running", "done", "failed") else None
    shown = "" if took is None else clock(took) if step.status == "running" else seconds(took)
    line: Line = [
        (f"{marks.of[step.status]} ", _STYLES.get(step.status, "dim")),
        (_cell(visible(step.name), name), "" if step.status == "running" else _STYLES.get(step.status, "dim")),
        (f" {shown:>7}  ", "dim"),
    ]
    if step.status == "running":
        return line + _running(step, width, now, marks)
    if step.status == "waiting":
        said = step.message or (f"usually {seconds(step.usual)}" if step.usual is not None else "")
        return [*line, (visible(said), "dim")]
    words = {"done": "", "cached": "CACHED ", "failed": "FAILED: "}.get(step.status, step.status)
    spent = "  ".join(_spent(step.tokens, step.cost_usd, step.unpriced))
    return [
        *line,
        (visible(words + step.outcome), _STYLES.get(step.status, "dim")),
        (f"  {spent}" if spent else "", ""),
    ]


def _running(step: WatchedStep, width: int, now: float, marks: Marks) -> Line:
    line: Line = []
    if step.fraction is not None:
        bar = 10 if width < 70 else 20
        done = round(step.fraction * bar)
        line += [(marks.full * done, "green"), (marks.empty * (bar - done), "dim"), (f" {step.fraction:4.0%}", "")]
    if step.losses:
        line.append((f"  loss {step.losses[-1]:.4g}", ""))
        if marks.sparks and width >= 60 and (spark := sparkline(list(step.losses), 8 if width < 100 else 16)):
            line.append((f" {spark}", "cyan"))
    if (left := step.left(now)) is not None:
        line.append((f"  about {roughly(left)} left", ""))
    line += [(f"  {text}", "") for text in _spent(step.tokens, step.cost_usd, step.unpriced)]
    if step.message:
        line.append((f"  {visible(step.message)}", "dim"))
    if line and line[0][0].startswith("  "):
        line[0] = (line[0][0][2:], line[0][1])
    return line


def _cells(
    runs: Mapping[str, Watched],
    cells: Sequence[str],
    settled: Mapping[str, str],
    width: int,
    room: int,
    now: float,
    marks: Marks,
) -> tuple[Line, list[Line]]:
    """Return a head and a line a cell; the run of all of them, if there is one, is that of no cell."""
    whole = runs.get("")
    standing = {cell: _standing(cell, runs.get(cell), settled, whole) for cell in cells}
    counts = [f"{count} {word}" for word in marks.of if (count := list(standing.values()).count(word))]
    begun = [run.begun for run in runs.values() if run.begun is not None]
    head: Line = [
        (f"run {whole.run_id}  " if whole else "", "bold"),
        (f"{len(cells)} cells: {', '.join(counts)}" + (f"   {clock(now - min(begun))}" if begun else ""), ""),
    ]
    totals = [run.spent() for run in runs.values()]
    for text in _spent(sum(t for t, _, _ in totals), sum(c for _, c, _ in totals), any(u for _, _, u in totals)):
        head.append((f"   {text}", ""))
    order = ["running", "failed", "waiting", "done", "cached", "skipped", "not reached"]
    chosen = (
        set(cells) if len(cells) <= room else set(sorted(cells, key=lambda c: order.index(standing[c]))[: room - 1])
    )
    name = min(max((cell_len(visible(cell)) for cell in cells), default=0), max(8, width // 3))
    rows = [
        _cell_line(cell, standing[cell], runs.get(cell), settled.get(cell, ""), name, width, now, marks)
        for cell in cells
        if cell in chosen
    ]
    if len(chosen) < len(cells):
        hidden = [standing[cell] for cell in cells if cell not in chosen]
        said = ", ".join(f"{hidden.count(status)} {status}" for status in marks.of if status in hidden)
        rows.append([(f"{marks.more} {len(hidden):,} more: {said}", "dim")])
    return head, rows


def _standing(cell: str, run: Watched | None, settled: Mapping[str, str], whole: Watched | None) -> str:
    """Return a cell's status by its own run, or where it has none by the node of its name in the run of all."""
    if run is None:
        if cell in settled:
            return "not reached"
        return whole.steps[cell].status if whole is not None and cell in whole.steps else "waiting"
    return {"completed": "done", "failed": "failed", "cancelled": "failed", "paused": "waiting"}.get(
        run.status, "running"
    )


def _cell_line(
    cell: str, standing: str, run: Watched | None, settled: str, name: int, width: int, now: float, marks: Marks
) -> Line:
    style = _STYLES.get(standing, "dim")
    took = (run.ended or now) - run.begun if run is not None and run.begun is not None else None
    line: Line = [
        (f"{marks.of[standing]} ", style),
        (_cell(visible(cell), name), style),
        (f" {clock(took) if took is not None else '':>7}  ", "dim"),
    ]
    if run is None:
        return [*line, (visible(settled), "dim")]
    line.append((f"{run.count('done', 'cached')}/{len(run.steps) - run.count('skipped')}  ", ""))
    failed = next((step for step in run.steps.values() if step.status == "failed"), None)
    if failed is not None:
        return [*line, (visible(f"{failed.name} FAILED: {failed.outcome}"), _STYLES["failed"])]
    if settled:
        return [*line, (visible(settled), "dim")]
    running = [step for step in run.steps.values() if step.status == "running"]
    if running:
        line.append((visible(running[0].name) + "  ", ""))
        line += _running(running[0], width, now, marks)
    return line


def clock(value: float) -> str:
    """Return a duration as a clock shows it: `0:07`, `12:45`, `3:02:01`."""
    whole = max(0, int(value))
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def roughly(value: float) -> str:
    """Return a duration without more figures than a guess deserves: `5 s`, `40 s`, `3 min`, `2 h`."""
    if value < 10:
        return f"{value:.0f} s"
    if value < 90:
        return f"{round(value / 5) * 5} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.0f} h"


def _spent(tokens: int, cost: float, unpriced: bool) -> list[str]:
    if not tokens and not cost and not unpriced:
        return []
    return [spent_text(tokens, 0, None if unpriced and not cost else cost) + (" and more" if unpriced and cost else "")]


def _cell(text: str, width: int) -> str:
    return set_cell_size(text, width)


def _fit(line: Line, width: int, marks: Marks) -> Line:
    """Return a line no wider than the terminal; what is cut ends with a sign."""
    if sum(cell_len(text) for text, _ in line) <= width:
        return line
    fitted: Line = []
    left = width - 1
    for text, style in line:
        size = cell_len(text)
        if size > left:
            fitted.append((set_cell_size(text, left), style))
            break
        fitted.append((text, style))
        left -= size
    return [*fitted, (marks.more, "dim")]

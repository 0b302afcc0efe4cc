"""The part of a report about what was found: every score with its interval, arms of a matrix, differences."""

from __future__ import annotations

from collections.abc import Mapping

from motools.evals.comparison import ScorerComparison
from motools.evals.statistics import Estimate
from motools.evals.summary import ArmCount, MatrixSummary
from motools.markup import Child, Markup, element, table
from motools.report.data import Evaluation, Report, TaskPart
from motools.report.plots import Axis, axis_svg, interval_svg
from motools.report.sections import code, folded, several


def question(task: TaskPart) -> str:
    """Return in words what the evaluations of a task ask."""
    models = list(dict.fromkeys(each.side.model for each in task.evaluations))
    counts = sorted({each.side.n for each in task.evaluations})
    answers = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    scorers = list(task.samples["scorers"])
    shown = [f"“{name}”" for name in scorers[:4]] + ([f"{len(scorers) - 4} more"] if len(scorers) > 4 else [])
    judged = f", scored by {several(shown)}" if shown else ""
    do = "does" if len(models) == 1 else "do"
    named = several([f"“{model}”" for model in models[:6]] + ([f"{len(models) - 6} more"] if len(models) > 6 else []))
    return f"How {do} {named} answer “{task.task}”? {answers} answers each{judged}."


def results(report: Report) -> list[Markup]:
    """Return a table with intervals for each task; and what could not be read."""
    parts = [_arms(found) for found in report.matrices]
    names = {run.id: run.part_of[1] for run in report.runs if run.part_of}
    parts += [_task(task, names) for task in report.tasks]
    for atom_id, reason in report.lost.items():
        parts.append(
            element(
                "div",
                element("p", "The results of ", code(atom_id), f" cannot be shown: {reason}", dir="auto"),
                element(
                    "p",
                    "They may have gone with an archived run. The run's record, its log and the metrics in the "
                    "atom's metadata (below) are still here.",
                    class_="minor",
                ),
                class_="problem",
            )
        )
    if not parts:
        parts.append(element("p", "No evaluation came out of this: there are no results to show.", class_="note"))
    return parts


def _arms(found: MatrixSummary) -> Markup:
    """Return what a matrix found: the mean over seeds of every metric, arm beside arm, and the cells that failed."""
    arms = [count.arm for count in found.arms]
    rows: list[Markup] = []
    rates = Axis.around(())
    for task, metric in sorted({(row.task or "", row.metric) for row in found.rows}):
        shown = [row for row in found.rows if (row.task or "", row.metric) == (task, metric)]
        estimates = {row.arm: Estimate(row.value, row.low, row.high, row.n, row.seeds, row.method) for row in shown}
        axis = Axis.around(estimates.values())
        for position, row in enumerate(shown):
            head = element(
                "th", code(metric), element("div", task, class_="minor"), scope="rowgroup", rowspan=len(shown)
            )
            estimate = estimates[row.arm]
            cells: list[Child] = [
                row.arm,
                f"{row.value:.3f}",
                _interval(estimate),
                interval_svg(estimate, axis, series=arms.index(row.arm), numbered=axis != rates),
                row.seeds,
                row.n,
                row.errors or "–",
            ]
            rows.append(element("tr", head if position == 0 else None, [element("td", cell) for cell in cells]))
    heads: list[Child] = ["metric", "arm", "mean over seeds", "95 % interval", axis_svg(rates), "seeds", "n", "errors"]
    head = element("tr", [element("th", name, scope="col") for name in heads])
    counts = [
        element(
            "li", element("strong", count.arm), f": {count.finished} of {count.cells} cells finished", _failed(count)
        )
        for count in found.arms
    ]
    table_ = element("table", element("thead", head), element("tbody", rows), class_="results")
    return element(
        "section",
        element("h3", "Arms of the matrix ", code(found.run_id)),
        element("ul", counts),
        element("div", table_, class_="wide") if rows else None,
        element("ul", [element("li", note) for note in found.notes], class_="note") if found.notes else None,
        class_="task",
    )


def _failed(count: ArmCount) -> str:
    said = f", {count.failed} failed ({', '.join(count.failed_cells)})" if count.failed else ""
    return said + (f", {count.open} open" if count.open else "")


def _task(task: TaskPart, parts: Mapping[str, str]) -> Markup:
    scorers = task.samples["scorers"]
    rates = Axis.around(())
    axes = {
        scorer: Axis.around([each.estimates[scorer] for each in task.evaluations if scorer in each.estimates])
        for scorer in scorers
    }
    rows: list[Markup] = []
    several_ = len(task.evaluations) > 1
    for scorer in scorers:
        shown = [each for each in task.evaluations if scorer in each.estimates]
        for position, each in enumerate(shown):
            head = element("th", code(scorer), scope="rowgroup", rowspan=len(shown)) if position == 0 else None
            series = task.evaluations.index(each)
            name = element("td", _letter(each.letter, series)) if several_ else None
            rows.append(element("tr", head, name, _cells(each, scorer, axes[scorer], series, axes[scorer] != rates)))
    heads: list[Child] = ["scorer", "mean", "95 % interval", axis_svg(rates), "n", "not counted", "errors"]
    if several_:
        heads.insert(1, "of")
    numbers = {"mean", "n", "not counted", "errors"}
    head = element(
        "tr", [element("th", name, scope="col", class_="number" if name in numbers else None) for name in heads]
    )
    found = element("table", element("thead", head), element("tbody", rows), class_="results")
    return element(
        "section",
        element("h3", task.task, dir="auto"),
        _who(task, parts),
        element("div", found, class_="wide"),
        _differences(task),
        _metrics(task),
        class_="task",
    )


def _cells(each: Evaluation, scorer: str, axis: Axis, series: int, numbered: bool) -> list[Markup]:
    estimate = each.estimates[scorer]
    cells: list[Child] = [
        f"{estimate.value:.3f}" if estimate else "no score",
        _interval(estimate),
        interval_svg(estimate, axis, series=series, numbered=numbered),
        estimate.n if estimate else 0,
        each.uncounted[scorer] or "–",
        each.side.errors or "–",
    ]
    numbers = {0, 3, 4, 5}
    return [element("td", cell, class_="number" if place in numbers else None) for place, cell in enumerate(cells)]


def _letter(letter: str, series: int) -> Markup:
    return element("span", letter, class_=f"letter series-{series % 6}")


def _interval(estimate: Estimate | None, *, signed: bool = False) -> Child:
    if estimate is None:
        return None
    if estimate.low is None or estimate.high is None:
        return element("span", estimate.method, class_="minor")
    sign = "+" if signed else ""
    return element("span", f"{estimate.low:{sign}.3f} to {estimate.high:{sign}.3f}", title=estimate.method)


def _run_name(run: str, parts: Mapping[str, str]) -> list[Child]:
    return [element("strong", parts[run], " ", dir="auto") if run in parts else None, code(run)]


def _who(task: TaskPart, parts: Mapping[str, str]) -> Markup:
    rows = []
    for series, each in enumerate(task.evaluations):
        model: list[Child] = [code(each.side.model)]
        if each.side.dummy:
            model.append(element("span", "dummy: nothing was really asked", class_="warning"))
        origin: Child = [element("div", _run_name(run, parts), f" {name}") for run, name in each.origins]
        if each.imported:
            origin = [origin, element("div", "imported", class_="minor")]
        rows.append(
            (
                _letter(each.letter, series),
                model,
                each.side.backend,
                f"{each.side.n:,}",
                f"{each.side.errors:,}" if each.side.errors else "none",
                _tokens(each.usage),
                origin,
                element("a", code(each.atom), href=f"#atom-{each.atom}"),
            )
        )
    heads = ("", "model", "backend", "answers asked", "errors", "tokens", "run", "atom")
    return element("div", table(heads, rows), class_="wide who")


def _tokens(usage: Mapping[str, object] | None) -> str | None:
    if usage is None:
        return None
    cost = usage.get("cost_usd")
    price = f"${cost:.4f}" if isinstance(cost, (int, float)) else "unpriced"
    return f"{usage.get('input_tokens', 0):,} in, {usage.get('output_tokens', 0):,} out, {price}"


def _differences(task: TaskPart) -> list[Markup]:
    parts: list[Markup] = []
    pairs = [(comparison, row) for comparison in task.comparisons for row in comparison.scorers]
    if any(row.difference for _, row in pairs):
        rates = Axis.around([row.difference for _, row in pairs if _is_rate(row)], differences=True)
        axes = {
            row.scorer: rates
            if _is_rate(row)
            else Axis.around([each.difference for _, each in pairs if each.scorer == row.scorer], differences=True)
            for _, row in pairs
        }
        letters = [each.letter for each in task.evaluations]
        rows = [
            (
                code(row.scorer),
                f"{comparison.b.label} − {comparison.a.label}",
                f"{row.difference.value:+.3f}" if row.difference else "–",
                _interval(row.difference, signed=True),
                interval_svg(
                    row.difference,
                    axes[row.scorer],
                    series=letters.index(comparison.b.label),
                    numbered=axes[row.scorer] != rates,
                ),
                row.difference.n if row.difference else 0,
            )
            for comparison, row in sorted(pairs, key=lambda pair: pair[1].scorer)
        ]
        heads: list[Child] = ["scorer", "of", "difference", "95 % interval", axis_svg(rates), "samples"]
        parts.append(element("h4", "Differences on the same samples"))
        parts.append(element("div", table(heads, rows), class_="wide differences"))
    notes = list(dict.fromkeys(note for comparison in task.comparisons for note in comparison.notes))
    notes += [f"Not compared: {problem}" for problem in task.problems]
    if notes:
        parts.append(element("ul", [element("li", note, dir="auto") for note in notes], class_="note"))
    return parts


def _is_rate(row: ScorerComparison) -> bool:
    found = [end for each in (row.a, row.b) if each for end in (each.value, each.low, each.high) if end is not None]
    return all(0 <= end <= 1 for end in found)


def _metrics(task: TaskPart) -> Markup | None:
    """Return every metric of the backends as they are, a column an evaluation."""
    names = list(dict.fromkeys(name for each in task.evaluations for name in each.metrics))
    if not names:
        return None
    rows = [
        (code(name), *(f"{each.metrics[name]:.6g}" if name in each.metrics else None for each in task.evaluations))
        for name in sorted(names)
    ]
    heads = [_letter(each.letter, series) for series, each in enumerate(task.evaluations)]
    return folded(
        f"The eval backend's own {len(names)} metrics", element("div", table(("metric", *heads), rows), class_="wide")
    )

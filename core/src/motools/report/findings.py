"""The parts of a report about what was found: results with intervals, samples, atoms and where they come from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from motools.atom.drawing import lineage_svg
from motools.evals.comparison import ScorerComparison
from motools.evals.statistics import Estimate
from motools.markup import Child, Markup, element, table
from motools.report.data import AtomPart, Evaluation, Report, TaskPart
from motools.report.plots import Axis, axis_svg, interval_svg
from motools.report.sections import code, digest, folded, seconds, several, value, when


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
    names = {run.id: run.part_of[1] for run in report.runs if run.part_of}
    parts = [_task(task, names) for task in report.tasks]
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


def samples(report: Report) -> list[Markup]:
    """Return a place for each task's samples, with their data; the page's script fills it."""
    parts = []
    for number, task in enumerate(report.tasks):
        found = task.samples
        there, asked = len(found["rows"]), found["asked"]
        note = None
        if there < asked:
            ids = several([f"motools eval samples {each.atom}" for each in task.evaluations])
            note = element(
                "p",
                f"The first {there:,} of {asked:,} samples are in this file. All of them: ",
                code(ids),
                ", or write the report with ",
                code("--samples all"),
                ".",
                class_="note",
            )
        without = element("p", "Reading samples here needs JavaScript, which is off. With it nothing is loaded either.")
        parts.append(
            element(
                "section",
                element("h3", task.task, dir="auto"),
                note,
                element("noscript", without),
                element("div", class_="browser", data_samples=f"samples-{number}"),
                embedded(f"samples-{number}", found),
                class_="task",
            )
        )
    return parts or [element("p", "There are no samples.", class_="note")]


_UNSAFE = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029", "\x7f": "\\u007f"}
)

_HALVES = re.compile("[\ud800-\udfff]")  # of characters: JSON may hold one alone, UTF-8 may not


def embedded(name: str, data: object) -> Markup:
    """Return JSON as an element that the page's script reads; nothing in it can end the element or be run."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    text = _HALVES.sub("\ufffd", text.translate(_UNSAFE))
    return Markup(f'<script type="application/json" id="{name}">{text}</script>')


def lineage(report: Report) -> list[Markup]:
    """Return where everything comes from: a picture, and every atom with its contents' digests."""
    if not report.atoms:
        return [element("p", "No atom is left.", class_="note"), *_gone(report)]
    drawn = report.atoms[: report.limits.atoms]
    rows = [part.row for part in drawn]
    made = frozenset(atom for run in report.runs for atom in run.outputs.values())
    picture = lineage_svg(
        rows,
        report.links,
        {part.row.id: part.makers for part in drawn},
        label=f"Where it comes from: {len(rows)} atoms, each below what it was made from",
        link_to=lambda atom_id: f"#atom-{atom_id}",
        strong=made,
        styled=False,
    )
    note = element(
        "p",
        "Each atom stands below what it was made from; dashed: it has its value from an earlier result. "
        "Thick: what the run came to.",
        class_="note",
    )
    less = None
    if len(drawn) < len(report.atoms):
        less = element("p", f"Drawn are the nearest {len(drawn)} of {len(report.atoms)} atoms.", class_="note")
    atoms = element("div", [_atom(part) for part in report.atoms], class_="atoms")
    picture_ = element("div", picture, class_="picture", tabindex=0, role="region", aria_label="Lineage")
    return [note, less or Markup(""), picture_, element("h3", "Atoms"), atoms, *_gone(report)]


def _gone(report: Report) -> list[Markup]:
    if not report.gone:
        return []
    names = [element("li", code(atom_id)) for atom_id in report.gone]
    return [
        element("p", "These atoms are not in the store any more ('motools store gc' removed them):"),
        element("ul", names),
    ]


def _atom(part: AtomPart) -> Markup:
    row = part.row
    facts: list[tuple[Child, Child]] = [("user", row.user), ("made", when(row.created_at))]
    for maker in part.makers:
        how = "computed by" if maker.how == "computed" else "reused by"
        took = f", {seconds(maker.seconds)}" if maker.seconds is not None else ""
        seeds = "".join(f", {path} {seed}" for path, seed in maker.seeds.items())
        facts.append((how, [code(maker.step), " of run ", code(maker.run), f", {maker.user}{took}{seeds}"]))
    facts += [
        (f"made from {name}", element("a", code(parent), href=f"#atom-{parent}"))
        for name, parent in row.made_from.items()
    ]
    if row.reused_from:
        facts.append(("value of", element("a", code(row.reused_from), href=f"#atom-{row.reused_from}")))
    if part.pinned_by:
        facts.append(("pinned by", part.pinned_by))
    if row.tags:
        facts.append(("tags", ", ".join(row.tags)))
    facts += [(code(name), value(found)) for name, found in sorted(row.metadata.items())]
    facts += [("content", code(row.content)), ("value", code(row.value))]
    listed = [[element("dt", name), element("dd", found)] for name, found in facts]
    return element(
        "details",
        element("summary", element("span", row.type, class_="kind"), " ", code(row.id), digest(row.content)),
        element("dl", listed),
        id=f"atom-{row.id}",
        class_="atom",
    )

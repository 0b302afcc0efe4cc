"""The parts of a report about its runs: what was asked, why each step ran, decisions, environment, log."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from motools.markup import Child, Markup, element, table
from motools.report.data import EventPart, Report, RunPart, StepPart

_LONG = 300
"""Characters of a value that are shown at once."""


NO_RUN = element(
    "p", "No run is in this report: what it shows was made elsewhere, or is shown by itself.", class_="note"
)


def when(at: float | str) -> Markup:
    """Return a time as `<time>`, in UTC."""
    moment = datetime.fromtimestamp(at, UTC) if isinstance(at, (int, float)) else datetime.fromisoformat(at)
    text = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return element("time", f"{text} UTC", datetime=text.replace(" ", "T") + "Z")


def code(text: Child) -> Markup:
    """Return a name, id or value, kept apart from the direction of the text around it."""
    return element("code", text, dir="auto")


def digest(text: str | None) -> Markup | None:
    """Return a digest, shortened; the whole of it is its title."""
    return None if text is None else element("code", f"{text[:12]}…", class_="digest", title=text)


def value(found: Any) -> Markup:
    """Return a JSON value; a long one can be opened."""
    text = found if isinstance(found, str) else json.dumps(found, ensure_ascii=False, sort_keys=True)
    if len(text) <= _LONG:
        return code(text)
    return folded(f"{text[:80]}… ({len(text):,} characters)", element("pre", text, dir="auto", tabindex=0))


def folded(summary: Child, *children: Child, open_: bool = False) -> Markup:
    """Return something that can be opened."""
    return element("details", element("summary", summary), children, open=open_)


def atom_link(atom_id: str, there: Iterable[str]) -> Markup:
    """Return an atom's id, with a link to what is said of it where something is."""
    return element("a", code(atom_id), href=f"#atom-{atom_id}") if atom_id in there else code(atom_id)


def seconds(found: float | None) -> str | None:
    """Return a duration as people say it."""
    if found is None:
        return None
    if found < 10:
        return f"{found:.1f} s"
    return f"{found:.0f} s" if found < 600 else f"{found / 60:.0f} min"


def status(word: str) -> Markup:
    """Return a run's or step's status as a mark; told apart by its word, not its colour alone."""
    shown = "CACHED" if word == "cached" else word.replace("_", " ")
    return element("span", shown, class_=f"status {word}")


def asked(report: Report) -> Markup:
    """Return what was asked: workflow, inputs and settings, a column a run; what differs is marked."""
    runs = report.runs
    if not runs:
        return NO_RUN
    there = {part.row.id for part in report.atoms}
    rows: dict[str, list[Child]] = {}
    plain: dict[str, list[str | None]] = {}

    def put(name: str, place: int, shown: Child, text: str) -> None:
        rows.setdefault(name, [None] * len(runs))[place] = shown
        plain.setdefault(name, [None] * len(runs))[place] = text

    for place, run in enumerate(runs):
        put("workflow", place, code(run.workflow), run.workflow)
        if run.reference and run.reference != run.workflow:
            put("workflow's place", place, code(run.reference), run.reference)
        for name, text in run.asked.items():
            put(name, place, [element("div", line, dir="auto") for line in text.splitlines()], text)
        for name, atom_id in run.inputs.items():
            put(f"input {name}", place, atom_link(atom_id, there), atom_id)
    for place, run in enumerate(runs):
        for name, found in run.settings.items():
            put(name, place, value(found), json.dumps(found, sort_keys=True))
        for name, found in run.details.items():
            put(f"recorded {name}", place, value(found), json.dumps(found, sort_keys=True))
    body = [
        element(
            "tr",
            element("th", code(name) if "." in name else name, scope="row"),
            [element("td", cell) for cell in cells],
            class_="differs" if len(set(plain[name])) > 1 else None,
        )
        for name, cells in rows.items()
    ]
    heads = ["setting", *(run_name(run) for run in runs)] if len(runs) > 1 else ["setting", "value"]
    head = element("tr", [element("th", name, scope="col") for name in heads])
    note = None
    if len(runs) > 1:
        note = element("p", "Rows with a mark differ between the runs.", class_="note")
    return Markup(
        f"{note or ''}{element('div', element('table', element('thead', head), element('tbody', body)), class_='wide')}"
    )


def run_name(run: RunPart) -> Markup:
    """Return a run's name for the head of a column: its tags, and its id."""
    tags = [element("span", tag, class_="tag") for tag in run.tags]
    part = element("div", run.part_of[1], class_="part", dir="auto") if run.part_of else None
    return element("span", part, code(run.id), tags)


def steps(report: Report) -> list[Markup]:
    """Return, run by run, how each step ended and why it was computed or not."""
    if not report.runs:
        return [NO_RUN]
    there = {part.row.id for part in report.atoms}
    return [_steps_of(run, there, alone=len(report.runs) == 1) for run in report.runs]


def _steps_of(run: RunPart, there: set[str], *, alone: bool) -> Markup:
    rows = [
        (
            [code(step.name), _component(step)],
            status(step.status),
            seconds(step.seconds) if step.status != "cached" else None,
            _why(step),
            [element("div", f"{name}: ", atom_link(atom_id, there)) for name, atom_id in step.outputs.items()],
            digest(step.key),
        )
        for step in run.steps
    ]
    found = element("div", table(("step", "status", "took", "why", "made", "key"), rows), class_="wide")
    errors = [_error(step) for step in run.steps if step.error]
    return element("div", None if alone else element("h3", "Run ", code(run.id)), found, errors)


def _component(step: StepPart) -> Markup | None:
    if step.component is None or step.component == step.name:
        return None
    return element("div", step.component, class_="minor", dir="auto")


def _why(step: StepPart) -> list[Child]:
    parts: list[Child] = []
    if step.from_run:
        parts.append(element("div", "CACHED from run ", code(step.from_run)))
    parts += [
        element("div", reason, dir="auto") for reason in step.why if not (step.from_run and "nothing changed" in reason)
    ]
    parts += [element("div", "used because ", accepted_words(each)) for each in step.accepted]
    for name, diff in step.diffs.items():
        if diff:
            parts.append(
                folded(["what changed in ", code(name)], element("pre", _diff(diff), class_="diff", tabindex=0))
            )
    if step.last_said and step.status == "running":
        parts.append(element("div", "last said: ", step.last_said, class_="minor"))
    return parts


def _diff(text: str) -> list[Markup]:
    kinds = {"+": "added", "-": "removed", "@": "place"}
    return [element("span", f"{line}\n", class_=kinds.get(line[:1])) for line in text.splitlines()]


def _error(step: StepPart) -> Markup:
    error = step.error or {}
    return element(
        "div",
        element("p", element("strong", f"{error.get('where')}: "), str(error.get("message")), dir="auto"),
        element("p", str(error["hint"]), class_="minor", dir="auto") if error.get("hint") else None,
        folded("traceback", element("pre", str(error["traceback"]), tabindex=0)) if error.get("traceback") else None,
        class_="problem",
    )


def accepted_words(decision: Mapping[str, Any]) -> list[Child]:
    """Return who accepted an earlier result, when, and why."""
    verb = "accepted" if decision.get("what", "accepted") == "accepted" else "taken back"
    return [f"{verb} by {decision['user']}, ", when(decision["at"]), f": “{decision['reason']}”"]


def decisions(report: Report) -> Markup:
    """Return what people decided: accepted results, pins, tags, notes, and decisions in the log."""
    there = {part.row.id for part in report.atoms}
    found: list[Markup] = []
    for run in report.runs:
        who = [" of run ", code(run.id)] if len(report.runs) > 1 else []
        if run.tags:
            found.append(element("li", "Tags", who, ": ", [element("span", tag, class_="tag") for tag in run.tags]))
        found += [
            element(
                "li", "Note", who, " by ", note.user, ", ", when(note.at), element("blockquote", note.text, dir="auto")
            )
            for note in run.notes
        ]
        for step in run.steps:
            found += [
                element("li", "The result of ", code(step.name), who, " was ", accepted_words(each))
                for each in step.accepted
            ]
        found += [
            element(
                "li",
                element("strong", event.type.replace("_", " ")),
                who,
                ", ",
                when(event.at),
                ": ",
                value(dict(event.body)),
            )
            for event in run.decisions
            if not (event.type == "step_cached" and event.body.get("accepted"))
        ]
    for part in report.atoms:
        if part.pinned_by:
            found.append(element("li", atom_link(part.row.id, there), f" is pinned by {part.pinned_by}: it is kept."))
        if part.row.tags:
            tags = [element("span", tag, class_="tag") for tag in part.row.tags]
            found.append(element("li", atom_link(part.row.id, there), " has the tags ", tags))
        found += [
            element("li", atom_link(part.row.id, there), f", for step {each['step']}, was ", accepted_words(each))
            for each in part.accepted
        ]
    if not found:
        return element("p", "None is recorded: nobody accepted, pinned, tagged or noted anything.", class_="note")
    return element("ul", found)


def environment(report: Report) -> Markup:
    """Return what was recorded of the machine and its software, a column a run."""
    facts = [dict(_facts(run.environment)) for run in report.runs]
    names = list(dict.fromkeys(name for found in facts for name in found))
    if not names:
        return element("p", "Nothing was recorded of the machine.", class_="note")
    heads = [run_name(run) for run in report.runs] if len(report.runs) > 1 else ["value"]
    rows = [(name, *(value(found[name]) if name in found else None for found in facts)) for name in names]
    return element("div", table(("fact", *heads), rows), class_="wide")


def _facts(found: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, Any]]:
    for name, item in found.items():
        if isinstance(item, Mapping):
            yield from _facts(item, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", item


def log(report: Report) -> list[Markup]:
    """Return the key events of each run's log."""
    parts = []
    for run in report.runs:
        left_out = None
        if run.left_out:
            left_out = element(
                "p",
                f"{run.left_out:,} events in the middle are left out here; all of them: ",
                code(f"motools run events {run.id}"),
                class_="note",
            )
        rows = [(event.seq, when(event.at), _event_name(event), _event_text(event)) for event in run.events]
        body = [left_out, element("div", table(("number", "when", "event", "what"), rows), class_="wide")]
        parts.append(folded(["Run ", code(run.id), f", {len(run.events)} events"], body, open_=len(run.events) <= 40))
    return parts


def _event_name(event: EventPart) -> Child:
    node = event.body.get("node")
    return [element("span", event.type.replace("_", " ")), [" ", code(str(node))] if node else None]


def _event_text(event: EventPart) -> Child:
    """Return what an event says in a line; all of it where the line is not all."""
    body = {
        name: item
        for name, item in event.body.items()
        if name not in ("node", "activation", "environment", "libraries")
    }
    match event.type:
        case "run_started":
            return f"by {body.get('user')}"
        case "step_started":
            return ["key ", digest(body.get("key"))]
        case "step_cached":
            return ["from run ", code(str(body.get("run")))]
        case "step_finished":
            return [seconds(body.get("seconds")), " · ", ", ".join(map(str, body.get("outputs", {}).values()))]
        case "step_failed":
            error = body.get("error", {})
            return f"{error.get('code')}: {error.get('message')}"
    return value(body) if body else None


def several(words: Sequence[str]) -> str:
    """Return words as people list them: `a`, `a and b`, `a, b and c`."""
    return " and ".join(", ".join(words).rsplit(", ", 1))

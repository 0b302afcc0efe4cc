"""Writes a report as one HTML file that loads nothing, and in which nothing but its own script can run.

The same store gives the same bytes: no time of making is written, the page says up to which event of the log it goes.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from motools import __version__
from motools.errors import InputError
from motools.markup import Child, Markup, element
from motools.report import findings, lineage, samples, sections
from motools.report.data import Limits, Report, RunPart
from motools.report.gather import gather_report

if TYPE_CHECKING:
    from motools.store import Store
    from motools.store.runlabels import RunNote

_MARK = b"<!doctype html>\n<!-- motools report -->"

_LINES = 8
"""Runs that the head names at once; the others can be opened."""


def write_report(
    path: str | os.PathLike[str],
    runs: str | Sequence[str] = "last",
    *,
    store: Store | None = None,
    limits: Limits | None = None,
) -> Report:
    """Write a report about one run, or several side by side, and return what it says.

    Args:
        path: the file; an earlier report there is replaced, nothing else is.
        runs: a run's id, the beginning of one, or `last`, or an evaluation's id; or several.
        store: where the runs are; by default the current one.
        limits: how much the report holds.

    Raises:
        NotFoundError: there is no such run or evaluation.
        InputError: the file is something else than a report, or cannot be written.
    """
    from motools.atom import current_store

    target = Path(path)
    _check_target(target)
    names = [runs] if isinstance(runs, str) else list(runs)
    report = gather_report(store or current_store(), names, limits=limits)
    _write(target, report_html(report).encode("utf-8", "replace"))
    return report


def report_html(report: Report) -> str:
    """Return a report as an HTML document."""
    style, script = _resource("page.css"), _resource("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    title = _title(report)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"motools {__version__}"),
        element("title", title),
        element("style", Markup(style)),
    )
    body = element(
        "body",
        element("a", "Skip to the results", href="#results", class_="skip"),
        _header(report, title),
        _contents(report),
        element("main", [_section(name, heading, inside) for name, heading, inside in _sections(report)]),
        element("footer", _footer(report)),
        element("script", Markup(script)),
    )
    return f"{_MARK.decode()}\n{element('html', head, body, lang='en')}\n"


def _sections(report: Report) -> list[tuple[str, str, Child]]:
    return [
        ("results", "Results", findings.results(report)),
        ("samples", "Samples", samples.samples(report)),
        ("asked", "What was asked", sections.asked(report)),
        ("steps", "Steps, and why each ran", sections.steps(report)),
        ("lineage", "Where it comes from", lineage.lineage(report)),
        ("decisions", "Human decisions", sections.decisions(report)),
        ("environment", "Environment", sections.environment(report)),
        ("log", "Log", sections.log(report)),
    ]


def _section(name: str, heading: str, inside: Child) -> Markup:
    return element(
        "section", element("h2", heading, id=f"{name}-heading"), inside, id=name, aria_labelledby=f"{name}-heading"
    )


def _title(report: Report) -> str:
    if len(report.runs) == 1:
        return f"{report.runs[0].workflow}, run {report.runs[0].id}"
    if report.runs:
        names = sections.several(list(dict.fromkeys(run.workflow for run in report.runs))[:3])
        return f"{names}: {len(report.runs)} runs side by side"
    count = len(report.evaluations)
    return "One evaluation" if count == 1 else f"{count} evaluations side by side"


def _header(report: Report, title: str) -> Markup:
    more = report.runs[_LINES:]
    heading = report.runs[0].workflow if len(report.runs) == 1 else title
    questions = [element("p", findings.question(task), class_="question", dir="auto") for task in report.tasks[:4]]
    return element(
        "header",
        element("p", "motools report", class_="kicker"),
        element("h1", heading, dir="auto"),
        [_run_line(run) for run in report.runs[:_LINES]],
        sections.folded(f"{len(more)} more runs", [_run_line(run) for run in more]) if more else None,
        questions,
        [_note(note) for run in report.runs for note in run.notes],
        [element("p", notice, class_="notice") for notice in _notices(report)],
    )


def _note(note: RunNote) -> Markup:
    said = element("p", note.text, dir="auto")
    return element("blockquote", said, element("p", f"{note.user}, ", sections.when(note.at), class_="minor"))


def _run_line(run: RunPart) -> Markup:
    tags = [element("span", tag, class_="tag") for tag in run.tags]
    return element(
        "p",
        element("strong", run.part_of[1], dir="auto") if run.part_of else None,
        sections.code(run.id),
        sections.status(run.status),
        tags,
        element("span", f"{run.workflow}, by {run.user}, ", sections.when(run.created_at), class_="minor"),
        class_="run",
    )


def _notices(report: Report) -> list[str]:
    """Return what a reader must know before reading on."""
    notices = []
    for run in report.runs:
        name = f"Run {run.id}" if len(report.runs) > 1 else "This run"
        if run.status == "failed":
            failed = [step.name for step in run.steps if step.status == "failed"]
            notices.append(f"{name} failed at {sections.several(failed)}: what follows is as far as it came.")
        elif run.status in ("running", "queued", "awaiting_human", "paused", "stopped"):
            words = {"stopped": "was stopped: its process is gone", "awaiting_human": "waits for a person"}
            said = words.get(run.status, f"is {run.status}")
            notices.append(f"{name} {said}; what follows is how far it is.")
        elif run.status == "cancelled":
            notices.append(f"{name} was cancelled: what follows is as far as it came.")
        if run.archived_at is not None:
            notices.append(f"{name} is archived: some of its results may be gone.")
    if any(each.side.dummy for each in report.evaluations):
        notices.append("Some results are made by a dummy backend: nothing was really asked.")
    return notices


def _contents(report: Report) -> Markup:
    links = [
        element("li", element("a", heading, href=f"#{name}"))
        for name, heading in (
            ("results", "Results"),
            ("samples", "Samples"),
            ("asked", "Asked"),
            ("steps", "Steps"),
            ("lineage", "Lineage"),
            ("decisions", "Decisions"),
            ("environment", "Environment"),
            ("log", "Log"),
        )
    ]
    return element("nav", element("ul", links), aria_label="Contents")


def _footer(report: Report) -> list[Child]:
    until: list[Child] = []
    for run in report.runs:
        until += [" Run ", sections.code(run.id), " as of its last event, ", sections.when(run.updated_at), "."]
    return [
        element(
            "p", f"Written by motools {__version__} from its store.", until, " Times are UTC. This file loads nothing."
        )
    ]


def _resource(name: str) -> str:
    return (resources.files("motools.report") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _check_target(path: Path) -> None:
    """Refuse to replace a file that is no report, and a place where none can be.

    Raises:
        InputError: it is one of these.
    """
    if path.is_dir() or not path.absolute().parent.is_dir():
        what = "it is a folder" if path.is_dir() else f"there is no folder '{path.absolute().parent}'"
        raise InputError(f"cannot write '{path}': {what}", hint="Name a file, such as report.html.")
    if path.exists():
        with path.open("rb") as stream:
            if stream.read(len(_MARK)) not in (_MARK, b""):
                raise InputError(f"'{path}' is there already and is not a report", hint="Name another file.")


def _write(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.strerror == os.strerror(28):
            raise
        raise InputError(f"cannot write '{path}': {error.strerror}", hint="Name another file.") from None
    finally:
        with suppress(OSError):
            temporary.unlink()

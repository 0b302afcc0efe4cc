"""The part of a report in which samples are browsed: their data, and a place that the page's script fills."""

from __future__ import annotations

import json
import re

from motools.markup import Markup, element
from motools.report.data import Report
from motools.report.sections import code, several


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

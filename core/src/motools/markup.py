"""HTML and SVG written from Python: every text is escaped, and cannot steer the page that shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)
_VOID = frozenset({"br", "hr", "img", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Child = str | int | Iterable["Child"] | None
"""What may stand in an element: text, a number, `Markup`, or several; None is nothing."""


def visible(text: str) -> str:
    """Return text with what is not seen, or turns the direction of what follows, written out as `⟦U+202E⟧`."""
    return _HIDDEN.sub(lambda match: f"⟦U+{ord(match[0]):04X}⟧", text)


def escaped(child: Child) -> Markup:
    """Return a child, or several, as HTML."""
    if child is None:
        return Markup("")
    if isinstance(child, Markup):
        return child
    if isinstance(child, (str, int)):
        return Markup(visible(str(child)).translate(_ESCAPES))
    return Markup("".join(map(escaped, child)))


def element(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Markup:
    """Return an element.

    Args:
        name: of the tag.
        children: what stands in it.
        attributes: `class_` stands for `class`, `data_id` for `data-id`; None and False leave one out, True writes it without
            a value.
    """
    said = ""
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        said += f" {key}" if value is True else f' {key}="{escaped(str(value))}"'
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{escaped(children)}</{name}>")


def table(columns: Iterable[Child], rows: Iterable[Iterable[Child]], *, caption: Child = None) -> Markup:
    """Return a table with a row of headings; the first cell of each row is its heading."""
    head = element("tr", [element("th", column, scope="col") for column in columns])
    body = []
    for row in rows:
        first, *rest = row
        body.append(element("tr", element("th", first, scope="row"), [element("td", cell) for cell in rest]))
    said = element("caption", caption) if caption is not None else None
    return element("table", said, element("thead", head), element("tbody", body))


def facts(title: str, known: Mapping[str, Child]) -> Markup:
    """Return a title and names with values below it, as notebooks show an object; what is empty is left out."""
    rows = [
        element("tr", element("th", name, scope="row"), element("td", found))
        for name, found in known.items()
        if found not in (None, "")
    ]
    return element("div", element("strong", title), element("table", element("tbody", rows)) if rows else None)

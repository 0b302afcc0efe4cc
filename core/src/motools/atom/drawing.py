"""A lineage as a picture: atoms in layers, each below all it was made from; SVG written here.

The layers are longest paths; within a layer atoms are sorted by the mean place of their neighbours, a few times down and up
(the barycentre method of Sugiyama, Tagawa and Toda 1981), so that few lines cross.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from motools.atom.lineage import Link
from motools.atom.provenance import Maker
from motools.markup import Markup, element
from motools.store.atoms import AtomRow

WIDTH, HEIGHT = 176, 50
"""Of an atom's box, in pixels."""

_GAP_X, _GAP_Y, _MARGIN = 26, 44, 8
_SWEEPS = 4
_LETTERS = 22


@dataclass(frozen=True)
class Layout:
    """Where atoms are drawn.

    Args:
        places: atom id → left and upper edge of its box.
        width, height: of the picture.
    """

    places: Mapping[str, tuple[float, float]]
    width: float
    height: float


def layout(atoms: Sequence[str], links: Sequence[tuple[str, str]]) -> Layout:
    """Place atoms, given the links (child, parent) between them.

    Raises:
        ValueError: the links go in a circle, which those between atoms never do.
    """
    parents: dict[str, list[str]] = {atom: [] for atom in atoms}
    children: dict[str, list[str]] = {atom: [] for atom in atoms}
    for child, parent in dict.fromkeys(links):
        parents[child].append(parent)
        children[parent].append(child)
    depth = _depths(atoms, parents, children)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for atom in atoms:
        layers[depth[atom]].append(atom)
    _untangle(layers, parents, children)
    widest = max(map(len, layers), default=0)
    width = 2 * _MARGIN + max(1, widest) * (WIDTH + _GAP_X) - _GAP_X
    places = {}
    for row, layer in enumerate(layers):
        indent = (width - 2 * _MARGIN - len(layer) * (WIDTH + _GAP_X) + _GAP_X) / 2
        for column, atom in enumerate(layer):
            places[atom] = (_MARGIN + indent + column * (WIDTH + _GAP_X), float(_MARGIN + row * (HEIGHT + _GAP_Y)))
    return Layout(places, width, 2 * _MARGIN + max(1, len(layers)) * (HEIGHT + _GAP_Y) - _GAP_Y)


def _depths(
    atoms: Sequence[str], parents: Mapping[str, Sequence[str]], children: Mapping[str, Sequence[str]]
) -> dict[str, int]:
    """Return atom → length of the longest path that leads to it."""
    open_ = {atom: len(parents[atom]) for atom in atoms}
    ready = [atom for atom in atoms if not open_[atom]]
    depth: dict[str, int] = {}
    for atom in ready:
        depth[atom] = max((depth[parent] + 1 for parent in parents[atom]), default=0)
        for child in children[atom]:
            open_[child] -= 1
            if not open_[child]:
                ready.append(child)
    if len(depth) < len(open_):
        raise ValueError("the links go in a circle")
    return depth


def _untangle(
    layers: list[list[str]], parents: Mapping[str, Sequence[str]], children: Mapping[str, Sequence[str]]
) -> None:
    place = {atom: (column + 0.5) / len(layer) for layer in layers for column, atom in enumerate(layer)}

    def middle(atom: str) -> float:
        found = [place[other] for other in near[atom]]
        return sum(found) / len(found) if found else place[atom]

    for sweep in range(_SWEEPS):
        near = parents if sweep % 2 == 0 else children
        for layer in layers if sweep % 2 == 0 else layers[::-1]:
            layer.sort(key=middle)
            place.update({atom: (column + 0.5) / len(layer) for column, atom in enumerate(layer)})


def lineage_svg(
    atoms: Sequence[AtomRow],
    links: Sequence[Link],
    makers: Mapping[str, Sequence[Maker]],
    *,
    label: str,
    link_to: Callable[[str], str] | None = None,
    strong: frozenset[str] = frozenset(),
    styled: bool = True,
) -> Markup:
    """Return atoms and the links between them as one `<svg>`.

    Args:
        atoms: what is drawn; links to others are left out.
        makers: atom id → who made it; the first is written into its box.
        label: what the picture shows, for those who do not see it.
        link_to: returns where a click on an atom leads.
        strong: atoms whose boxes are drawn thick.
        styled: whether colours are written into it (for a place without a style sheet for the classes below).
    """
    known = {atom.id for atom in atoms}
    drawn = [link for link in links if link.child in known and link.parent in known]
    placed = layout([atom.id for atom in atoms], [(link.child, link.parent) for link in drawn])
    parts = [_line(placed, link, styled) for link in drawn]
    for atom in atoms:
        box = _box(atom, makers.get(atom.id, ()), placed.places[atom.id], atom.id in strong, styled)
        parts.append(element("a", box, href=link_to(atom.id)) if link_to else box)
    return element(
        "svg",
        element("title", label),
        parts,
        class_="lineage",
        role="group" if link_to else "img",
        aria_label=label,
        viewBox=f"0 0 {placed.width:g} {placed.height:g}",
        width=f"{placed.width:g}",
        height=f"{placed.height:g}",
    )


def _line(placed: Layout, link: Link, styled: bool) -> Markup:
    x1, y1 = placed.places[link.parent]
    x2, y2 = placed.places[link.child]
    start, end = (x1 + WIDTH / 2, y1 + HEIGHT), (x2 + WIDTH / 2, y2)
    bend = (end[1] - start[1]) / 2
    path = f"M{start[0]:g},{start[1]:g} C{start[0]:g},{start[1] + bend:g} {end[0]:g},{end[1] - bend:g} {end[0]:g},{end[1]:g}"
    return element(
        "path",
        element("title", "value of" if link.reused else link.name),
        d=path,
        class_="reused" if link.reused else "made",
        fill="none",
        stroke="currentColor" if styled else None,
        stroke_opacity="0.5" if styled else None,
        stroke_width="1.4",
        stroke_dasharray="4 4" if link.reused else None,
    )


def _box(atom: AtomRow, made_by: Sequence[Maker], place: tuple[float, float], strong: bool, styled: bool) -> Markup:
    x, y = place
    step = made_by[0].step if made_by else str(atom.metadata.get("path") or f"by {atom.user}")
    short = atom.id.rpartition("-")[2][:8]
    frame = element(
        "rect",
        x=f"{x:g}",
        y=f"{y:g}",
        width=WIDTH,
        height=HEIGHT,
        rx=8,
        class_="strong" if strong else None,
        fill="none" if styled else None,
        stroke="currentColor" if styled else None,
        stroke_width="2" if strong else "1",
    )
    ink = "currentColor" if styled else None
    first = element(
        "text",
        element("tspan", atom.type, font_weight="600"),
        f"  {short}",
        x=f"{x + 12:g}",
        y=f"{y + 21:g}",
        font_size="13",
        fill=ink,
    )
    second = element(
        "text", _cut(step), x=f"{x + 12:g}", y=f"{y + 38:g}", font_size="12", class_="minor", fill=ink,
        fill_opacity="0.75" if styled else None,
    )  # fmt: skip
    return element("g", element("title", f"{atom.id}: {step}"), frame, first, second, class_=f"atom {atom.type}")


def _cut(text: str) -> str:
    return text if len(text) <= _LETTERS else f"{text[: _LETTERS - 1]}…"

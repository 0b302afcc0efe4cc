"""Lineage: from an atom up to what it was made from, and down to what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from motools.atom.current import current_store
from motools.atom.provenance import Maker, makers
from motools.canonical import JSON, iso_time
from motools.store.atoms import AtomRow
from motools.store.store import Store


@dataclass(frozen=True, slots=True)
class Link:
    """`child` was made from `parent`, which its step knew as `name`; or, `reused`, it has its value from it."""

    child: str
    name: str
    parent: str
    reused: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """Atoms around `start`, nearest first, and the links between them."""

    start: str
    atoms: tuple[AtomRow, ...]
    links: tuple[Link, ...]
    makers: Mapping[str, tuple[Maker, ...]] = field(default_factory=dict)

    def to_json(self) -> dict[str, JSON]:
        """Return `{start, atoms: [{id, type, user, created_at, tags, made_by}], links: [{child, name, parent, reused}]}`.

        Times are ISO 8601, UTC. `made_by` are the makings of the atom, oldest first, as `Maker.to_json` gives them.
        """
        return {
            "start": self.start,
            "atoms": [
                {
                    "id": a.id,
                    "type": a.type,
                    "user": a.user,
                    "created_at": iso_time(a.created_at),
                    "tags": list(a.tags),
                    "made_by": [maker.to_json() for maker in self.makers.get(a.id, ())],
                }
                for a in self.atoms
            ],
            "links": [
                {"child": link.child, "name": link.name, "parent": link.parent, "reused": link.reused}
                for link in self.links
            ],
        }

    def _repr_html_(self) -> str:
        from motools.atom.shown import lineage_html

        return lineage_html(self)

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, parents on top; the atom it starts from is drawn thick."""
        number = {atom.id: f"a{index}" for index, atom in enumerate(self.atoms)}
        lines = ["flowchart TD"]
        lines += [f'    {number[atom.id]}["{_label(atom, self.makers.get(atom.id, ()))}"]' for atom in self.atoms]
        for link in self.links:
            arrow = "-.->|reused|" if link.reused else f'-->|"{_quoted(link.name)}"|'
            lines.append(f"    {number[link.parent]} {arrow} {number[link.child]}")
        lines.append(f"    style {number[self.start]} stroke-width:3px")
        return "\n".join(lines) + "\n"


def ancestors(atom_id: str, *, store: Store | None = None) -> Lineage:
    """Return the atom and all it was made from.

    Raises:
        NotFoundError: there is no such atom.
    """
    store = store or current_store()
    return _with_makers(store, walk(store.atoms.get(atom_id), parent_links, store.atoms.get))


def descendants(atom_id: str, *, store: Store | None = None) -> Lineage:
    """Return the atom and all that was made from it.

    Raises:
        NotFoundError: there is no such atom.
    """
    store = store or current_store()

    def down(row: AtomRow) -> list[Link]:
        return [link for child in store.atoms.children(row.id) for link in parent_links(child) if link.parent == row.id]

    return _with_makers(store, walk(store.atoms.get(atom_id), down, store.atoms.get))


def _with_makers(store: Store, found: Lineage) -> Lineage:
    return replace(found, makers=makers(store, [atom.id for atom in found.atoms]))


def parent_links(row: AtomRow) -> list[Link]:
    """Return the links from one atom to what it was made from, and to the one whose value it reuses."""
    links = [Link(row.id, name, parent) for name, parent in row.made_from.items()]
    if row.reused_from is not None:
        links.append(Link(row.id, "reused_from", row.reused_from, reused=True))
    return links


def walk(start: AtomRow, links_of: Callable[[AtomRow], Iterable[Link]], get: Callable[[str], AtomRow]) -> Lineage:
    """Follow links from `start`, breadth first, each atom once; the past of a reused atom is not followed."""
    rows = {start.id: start}
    links: dict[Link, None] = {}
    waiting = [start]
    while waiting:
        row = waiting.pop(0)
        for link in links_of(row):
            links[link] = None
            other = link.parent if link.child == row.id else link.child
            if other not in rows:
                rows[other] = get(other)
                if not link.reused:
                    waiting.append(rows[other])
    return Lineage(start.id, tuple(rows.values()), tuple(links))


def _label(atom: AtomRow, made_by: Sequence[Maker]) -> str:
    """Return an atom's text in the flowchart: its id, and who made it first."""
    if not made_by:
        return f"{atom.id}<br/>by {_quoted(atom.user)}"
    first = made_by[0]
    return f"{atom.id}<br/>{_quoted(first.step)}, run {first.run}, by {_quoted(first.user)}"


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")

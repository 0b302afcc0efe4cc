"""Lineage: from an atom up to what it was made from, and down to what was made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from motools.atom.current import current_store
from motools.canonical import JSON
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

    def to_json(self) -> dict[str, JSON]:
        """Return `{start, atoms: [{id, type, user, created_at, tags}], links: [{child, name, parent, reused}]}`."""
        return {
            "start": self.start,
            "atoms": [
                {"id": a.id, "type": a.type, "user": a.user, "created_at": a.created_at, "tags": list(a.tags)}
                for a in self.atoms
            ],
            "links": [
                {"child": link.child, "name": link.name, "parent": link.parent, "reused": link.reused}
                for link in self.links
            ],
        }

    def to_mermaid(self) -> str:
        """Return a Mermaid flowchart, parents on top; the atom it starts from is drawn thick."""
        number = {atom.id: f"a{index}" for index, atom in enumerate(self.atoms)}
        lines = ["flowchart TD"]
        lines += [f'    {number[atom.id]}["{atom.id}"]' for atom in self.atoms]
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
    return walk(store.atoms.get(atom_id), parent_links, store.atoms.get)


def descendants(atom_id: str, *, store: Store | None = None) -> Lineage:
    """Return the atom and all that was made from it.

    Raises:
        NotFoundError: there is no such atom.
    """
    store = store or current_store()

    def down(row: AtomRow) -> list[Link]:
        return [link for child in store.atoms.children(row.id) for link in parent_links(child) if link.parent == row.id]

    return walk(store.atoms.get(atom_id), down, store.atoms.get)


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


def _quoted(text: str) -> str:
    return text.replace('"', "#quot;")

"""Atoms and lineages as notebooks show them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from motools.markup import Markup, facts

if TYPE_CHECKING:
    from motools.atom.atom import Atom
    from motools.atom.lineage import Lineage

_LONG = 200


def atom_html(atom: Atom) -> Markup:
    """Return an atom: what it is, who made it, from what, and its metadata. Its content is not read."""
    known = {
        "user": atom.user,
        "made": atom.created_at.strftime("%Y-%m-%d %H:%M:%S UTC"),
        "made from": ", ".join(f"{name}={parent}" for name, parent in atom.made_from.items()),
        "value of": atom.reused_from,
        "tags": ", ".join(atom.tags),
    }
    metadata = {name: _short(value) for name, value in atom.metadata.items()}
    return facts(atom.id, {**known, **metadata})


def lineage_html(found: Lineage) -> Markup:
    """Return a lineage as a picture."""
    from motools.atom.drawing import lineage_svg

    label = f"Lineage of {found.start}: {len(found.atoms)} atoms"
    return lineage_svg(found.atoms, found.links, found.makers, label=label, strong=frozenset({found.start}))


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONG else f"{text[:_LONG]}…"

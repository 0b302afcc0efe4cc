"""Looking a key up: the result that may be used instead of computing, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motools.store import AtomRow, KeyRow, Store
    from motools.store.equivalences import EquivalenceRow


@dataclass(frozen=True)
class Hit:
    """A result that is all there.

    Args:
        row: the computation it comes from.
        atoms: output → the atom it made.
        accepted: the decisions of people that led from the key asked for to that computation; usually none.
    """

    row: KeyRow
    atoms: Mapping[str, AtomRow]
    accepted: tuple[EquivalenceRow, ...] = ()


@dataclass(frozen=True)
class Miss:
    """There is no result to use. `lost` is a computation whose stored objects are gone, if there was one."""

    lost: KeyRow | None = None


def find_hit(store: Store, key: str, outputs: Mapping[str, str]) -> Hit | Miss:
    """Return the newest result under `key`, or under one that a person said it may use.

    Args:
        store: where to look.
        key: the step's key.
        outputs: what the step declares to write.

    Raises:
        CorruptError: an object of it is there but altered.
    """
    accepted: list[EquivalenceRow] = []
    lost = None
    while True:
        row = store.keys.get(key)
        if row is not None and row.outputs.keys() == outputs.keys():
            atoms = {name: store.atoms.get(atom_id) for name, atom_id in row.outputs.items()}
            if all(store.content.exists(atom.content) for atom in atoms.values()):
                return Hit(row, atoms, tuple(accepted))
            lost = lost or row
        decision = store.equivalences.get(key)
        if decision is None:
            return Miss(lost)
        accepted.append(decision)
        key = decision.earlier

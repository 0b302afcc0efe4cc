"""Looking a key up: the result that may be used instead of computing, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from motools.errors import CorruptError, NotFoundError

if TYPE_CHECKING:
    from motools.store import AtomRow, KeyRow, Store
    from motools.store.equivalences import EquivalenceRow


class Hit(NamedTuple):
    """A result that is all there.

    Args:
        row: the computation it comes from.
        atoms: output → the atom it made.
        accepted: the decisions of people that led from the key asked for to that computation; usually none.
    """

    row: KeyRow
    atoms: Mapping[str, AtomRow]
    accepted: tuple[EquivalenceRow, ...] = ()


class Miss(NamedTuple):
    """There is no result to use. `lost` is a computation whose stored objects are gone, if there was one."""

    lost: KeyRow | None = None


def find_hit(store: Store, key: str, outputs: Mapping[str, str]) -> Hit | Miss:
    """Return the newest result under `key`, or under one that a person said it may use.

    Args:
        store: where to look.
        key: the step's key.
        outputs: what the step declares to write.

    Raises:
        CorruptError: an object of it is there but altered, or the row of an atom it made is gone.
    """
    accepted: list[EquivalenceRow] = []
    lost = None
    while True:
        row = store.keys.get(key)
        if row is not None and row.outputs.keys() == outputs.keys():
            atoms = _atoms(store, row)
            if atoms is None:
                continue  # `store gc` took row and atoms away between two looks
            if all(store.content.exists(atom.content) for atom in atoms.values()):
                return Hit(row, atoms, tuple(accepted))
            lost = lost or row
        decision = store.equivalences.get(key)
        if decision is None:
            return Miss(lost)
        accepted.append(decision)
        key = decision.earlier


def _atoms(store: Store, row: KeyRow) -> dict[str, AtomRow] | None:
    """Return the atoms that a computation made; None if the computation itself is no longer there."""
    try:
        return {name: store.atoms.get(atom_id) for name, atom_id in row.outputs.items()}
    except NotFoundError as error:
        if store.keys.get(row.key) != row:
            return None
        raise CorruptError(
            f"a result that is stored under the key '{row.key[:12]}' has lost its record: {error.message}",
            where=str(store.database.file),
            hint="Restore motools.db from a copy, or compute it anew with --no-cache; `motools store verify` lists "
            "everything that is wrong.",
        ) from error

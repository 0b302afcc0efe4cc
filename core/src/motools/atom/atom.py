"""Atoms: immutable results with provenance.

A subclass says its type in `atom_type` and is then what `Atom.load` returns for atoms of that type; a plugin declares its
subclass as an `AtomTypeComponent`. An atom of a type that nobody here knows is a plain `Atom`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from motools.atom.current import current_store, store_at
from motools.canonical import JSON, Digest
from motools.errors import DefinitionError, InputError
from motools.store.atoms import AtomRow
from motools.store.store import Store

_UNSET: Any = object()


@dataclass(frozen=True, eq=False, kw_only=True)
class Atom:
    """An atom of the store. Made by `create`, `load` and `find`.

    Args:
        id: `{type}-{user}-{hex}`; nothing is read out of it.
        type: `dataset`, `model`, `eval`, `task`, `value` or a plugin's.
        user: who made it.
        created_at: when, with time zone (UTC).
        made_from: name → id of the atoms it was made from.
        metadata: JSON object that belongs to its value.
        tags: labels, which do not.
        content: digest of what it holds.
        value_digest: digest of type, content and metadata: equal for atoms that a step cannot tell apart.
        reused_from: id of the atom whose value was reused instead of computing it again.
    """

    atom_type: ClassVar[str | None] = None

    id: str
    type: str
    user: str
    created_at: datetime
    made_from: Mapping[str, str]
    metadata: Mapping[str, JSON]
    tags: tuple[str, ...]
    content: Digest
    value_digest: Digest
    reused_from: str | None = None
    _store: Store = field(repr=False)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        kind = cls.__dict__.get("atom_type")
        if kind is None:
            return
        known = _types.get(kind)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise DefinitionError(
                f"the atom type '{kind}' belongs to {known.__module__}:{known.__qualname__}",
                where=f"{cls.__module__}:{cls.__qualname__}",
                hint="Give the class another atom_type.",
            )
        _types[kind] = cls

    @classmethod
    def create(
        cls,
        *,
        user: str,
        path: Path | str | None = None,
        value: Any = _UNSET,
        type: str | None = None,
        made_from: Mapping[str, str | Atom] | None = None,
        metadata: Mapping[str, JSON] | None = None,
        tags: Iterable[str] = (),
        store: Store | None = None,
    ) -> Self:
        """Store a file, a folder or a JSON value as an atom; if the same is there already, return that.

        Args:
            user: who makes it.
            path: file or folder that is copied into the store, or
            value: JSON value; exactly one of the two.
            type: its type; on a subclass its own.
            made_from: name → atom, or id of an atom of the same store.
            metadata: JSON object with text keys; it belongs to the atom's value.
            tags: labels to find it by; they do not.
            store: where; by default `current_store()`.

        Raises:
            InputError: not exactly one of path and value; no type, or another one; a name an id cannot hold.
            DataError: there is nothing at the path that can be stored.
            CanonicalError: value or metadata is not JSON; the path of the part is named.
            NotFoundError: `made_from` names an atom that is not in the store.
            StoreError: the store cannot be used.
        """
        kind = cls._own_type(type)
        if (path is None) == (value is _UNSET):
            raise InputError(f"{cls.__name__}.create takes either path= or value=", hint="Give exactly one of them.")
        store = store or current_store()
        content = store.content.put_value(value) if path is None else store.content.put_path(path)
        row = store.atoms.add(
            type=kind,
            user=user,
            content=content.digest,
            metadata=metadata,
            made_from={name: atom.id if isinstance(atom, Atom) else atom for name, atom in (made_from or {}).items()},
            tags=tags,
        )
        return cls.of_row(row, store)

    @classmethod
    def load(cls, atom_id: str, *, store: Store | None = None) -> Self:
        """Return the atom of that id, or of the only id that begins so, as the class of its type.

        Raises:
            NotFoundError: there is none, or several.
            InputError: it is of another type than this class, or `atom_id` is no text.
            BrokenPluginError: the plugin that declares its type cannot be loaded.
        """
        if not isinstance(atom_id, str):
            raise InputError(
                f"{cls.__name__}.load takes the id of an atom, not {type(atom_id).__name__}",
                hint="An id is text, as 'state.output_atoms[name]' and 'atom.id' give it.",
            )
        store = store or current_store()
        return cls.of_row(store.atoms.get(atom_id), store)

    @classmethod
    def find(
        cls,
        *,
        type: str | None = None,
        user: str | None = None,
        metadata: Mapping[str, JSON] | None = None,
        tag: str | None = None,
        value_digest: Digest | None = None,
        made_from: str | Atom | None = None,
        limit: int | None = None,
        store: Store | None = None,
    ) -> list[Self]:
        """Return the atoms that fit every condition given, newest first; on a subclass, those of its type.

        Args:
            metadata: these keys have exactly these values. made_from: they were made directly from this atom.
        """
        store = store or current_store()
        parent = made_from.id if isinstance(made_from, Atom) else made_from
        rows = store.atoms.find(
            type or cls.atom_type, user, metadata, tag=tag, value=value_digest, made_from=parent, limit=limit
        )
        return [cls.of_row(row, store) for row in rows]

    @property
    def store(self) -> Store:
        """The store it is in; opened again if it was closed."""
        return self._store if self._store.usable else store_at(self._store.path, create=False)

    def get_data_path(self) -> Path:
        """Return a folder with the atom's files, for reading only; a JSON value is the file `value.json` in it.

        Raises:
            CorruptError: something of it is gone or altered.
        """
        return self.store.content.path(self.content)

    def value(self) -> JSON:
        """Return the atom's JSON value.

        Raises:
            DataError: it holds files. CorruptError: it is gone or altered.
        """
        return self.store.content.value(self.content)

    def json_view(self) -> dict[str, JSON]:
        """Return what conditions and templates see: type, value (null for files) and metadata."""
        is_value = self.store.content.get(self.content).kind == "value"
        return {"type": self.type, "value": self.value() if is_value else None, "metadata": dict(self.metadata)}

    def _repr_html_(self) -> str:
        from motools.atom.shown import atom_html

        return atom_html(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Atom) and (self.id, self.value_digest) == (other.id, other.value_digest)

    def __hash__(self) -> int:
        return hash(self.id)

    @classmethod
    def _own_type(cls, given: str | None) -> str:
        if cls.atom_type is None and given is None:
            raise InputError(
                "Atom.create needs a type",
                hint="Write Atom.create(type='dataset', ...), or use a class such as DatasetAtom.",
            )
        if cls.atom_type is not None and given not in (None, cls.atom_type):
            raise InputError(f"{cls.__name__} is of type '{cls.atom_type}', not '{given}'")
        return cls.atom_type or str(given)

    @classmethod
    def of_row(cls, row: AtomRow, store: Store) -> Self:
        """Return the atom that a row of `store` describes; errors are those of `load`, but that it is there."""
        made = atom_class(row.type)
        if not issubclass(made, cls):
            raise InputError(
                f"'{row.id}' is of type '{row.type}', not '{cls.atom_type}'",
                hint=f"Load it with {made.__name__}.load, or with Atom.load whatever its type is.",
            )
        return made(
            id=row.id,
            type=row.type,
            user=row.user,
            created_at=datetime.fromtimestamp(row.created_at, UTC),
            made_from=row.made_from,
            metadata=row.metadata,
            tags=row.tags,
            content=row.content,
            value_digest=row.value,
            reused_from=row.reused_from,
            _store=store,
        )


_types: dict[str, type[Atom]] = {}


def atom_class(kind: str) -> type[Any]:
    """Return the class for atoms of type `kind`: a subclass defined here or by a plugin, else `Atom`.

    Raises:
        BrokenPluginError: the plugin that declares it cannot be loaded.
        DefinitionError: what it declares is not a subclass of `Atom` with that `atom_type`.
    """
    import motools.atom.types  # noqa: F401  (they register themselves)

    known = _types.get(kind)
    if known is not None:
        return known
    from motools.plugins import entries, load

    if not any(entry.name == kind for entry in entries("atom_type")):
        return Atom
    found = load("atom_type", kind)
    if not (isinstance(found, type) and issubclass(found, Atom) and found.atom_type == kind):
        raise DefinitionError(
            f"the atom type '{kind}' is declared as {found!r}",
            hint=f"Its target must be a subclass of motools.atom.Atom with atom_type = '{kind}'.",
        )
    return found

"""From what a step returns to atoms: checked against what it declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.canonical import JSON, canonical_json
from motools.config.secrets import redacted
from motools.engine.secrets import refuse_files, refuse_value
from motools.errors import CanonicalError, StepError, did_you_mean
from motools.workflow.constructor import AtomConstructor
from motools.workflow.graph import Node

if TYPE_CHECKING:
    from motools.store import Store


@dataclass(frozen=True)
class NewAtom:
    """An atom that is not stored yet; of files, the content is.

    `content` is the digest of its files, or the canonical JSON of its value.
    """

    name: str
    type: str
    content: str | bytes
    metadata: dict[str, JSON]
    tags: tuple[str, ...]
    made_from: dict[str, str]

    def store_content(self, store: Store) -> str:
        """Return the digest of its content, stored if it is not."""
        return self.content if isinstance(self.content, str) else store.content.put_json(self.content).digest


def has_files(returned: Any) -> bool:
    """Say whether a step returned anything that has to be read from files."""
    values = returned.values() if isinstance(returned, Mapping) else () if returned is None else (returned,)
    return any(isinstance(value, (AtomConstructor, list, tuple)) for value in values)


def store_outputs(store: Store, node: Node, returned: Any, workspace: Path) -> list[NewAtom]:
    """Check what a step returned, and store the files of it.

    Args:
        store: where to.
        node: the node that ran.
        returned: a list of `AtomConstructor`, a mapping from output name to JSON value, or None where nothing is declared.
        workspace: the folder that relative paths are relative to.

    Raises:
        StepError: an output is missing, not declared, of another type, or its file is not there.
    """
    where = f"step '{node.name}'"
    declared = node.step.output_atom_types
    if isinstance(returned, Mapping):
        named: dict[str, Any] = dict(returned)
    elif isinstance(returned, AtomConstructor):
        named = {returned.name: returned}
    elif isinstance(returned, (list, tuple)) and all(isinstance(item, AtomConstructor) for item in returned):
        named = {item.name: item for item in returned}
        if len(named) < len(returned):
            raise StepError("it returned two atoms of one name", where=where)
    elif returned is None and not declared:
        named = {}
    else:
        raise StepError(
            f"it returned {_short(returned)}",
            where=where,
            hint="Return a list of AtomConstructor, or a mapping from output name to JSON value.",
        )
    for name in named:
        if name not in declared:
            near = did_you_mean(str(name), declared)
            raise StepError(
                f"it returned '{name}', which it does not declare (it declares {_names(declared)})",
                where=where,
                hint=near or "Add it to the step's outputs.",
            )
    missing = [name for name in declared if name not in named]
    if missing:
        raise StepError(f"it did not return {_names(missing)}", where=where, hint="Return every output it declares.")
    for name in declared:
        _refuse_secrets(name, named[name], workspace, where)
    return [_store(store, name, declared[name], named[name], workspace, where) for name in declared]


def _refuse_secrets(name: str, value: Any, workspace: Path, where: str) -> None:
    """Refuse an output that holds a secret; it is called for all of them before any is stored."""
    if isinstance(value, AtomConstructor):
        about = {"metadata": value.metadata, "tags": value.tags, "made_from": value.made_from}
        for what, said in about.items():
            refuse_value(said, f"{what} of output '{name}'", where)
        refuse_files(workspace / value.path, f"output '{name}'", where)
    else:
        refuse_value(value, f"output '{name}'", where)


def _store(store: Store, name: str, declared: str, value: Any, workspace: Path, where: str) -> NewAtom:
    if not isinstance(value, AtomConstructor):
        try:
            return NewAtom(name, declared, canonical_json(value), {}, (), {})
        except CanonicalError as error:
            raise StepError(f"output '{name}' {error.where}: {error.message}", where=where, hint=error.hint) from None
    if value.type != declared:
        raise StepError(
            f"it returned '{name}' as {value.type}, but declares it as {declared}",
            where=where,
            hint="Make the two agree.",
        )
    metadata = dict(value.metadata or {})
    try:
        canonical_json(metadata)
    except CanonicalError as error:
        raise StepError(f"metadata of '{name}' {error.where}: {error.message}", where=where, hint=error.hint) from None
    path = workspace / value.path
    if not path.exists():
        raise StepError(f"the file of '{name}' is not there: '{path}'", where=where, hint="Write it before returning.")
    content = store.content.put_path(path)
    return NewAtom(name, declared, content.digest, metadata, tuple(value.tags), dict(value.made_from))


def _short(value: Any) -> str:
    text = redacted(repr(value))
    return f"a {type(value).__name__} ({text if len(text) < 80 else text[:77] + '...'})"


def _names(names: Any) -> str:
    return ", ".join(f"'{name}'" for name in names) or "nothing"

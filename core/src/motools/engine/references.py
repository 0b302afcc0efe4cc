"""What settings name, as parts of keys: components and their code, files by content."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from motools.canonical import JSON, digest_file, digest_json
from motools.engine.code import Code, CodeBook
from motools.errors import CanonicalError, InputError, UnknownComponentError
from motools.workflow.config import StepConfig


class Identities:
    """Makes identities of what settings name, and remembers whose code they are of.

    Args:
        codes: the code of the run.
    """

    def __init__(self, codes: CodeBook | None = None) -> None:
        self.codes: list[Code] = []
        self._book = codes or CodeBook()

    def of(self, kind: str, text: str) -> dict[str, JSON]:
        """Return the identity of what a setting names: a component, `module:attribute`, or a file.

        Raises:
            UnknownComponentError: there is no such component.
            InputError: there is no such file, or its code holds a value that no key can be made of.
        """
        from motools.config.references import is_path

        if is_path(text) and ".py:" not in text:
            return {"file": path_digest(Path(text), text)}
        if ":" in text:
            from motools.contracts.resolve import load_object

            identity = self._code(load_object(text), text).to_json()
            return {**identity, "name": Path(text).name} if is_path(text) else identity
        from motools.plugins import find, load

        entry = find(kind, text)
        component: dict[str, JSON] = {"component": f"{entry.distribution}/{entry.name}"}
        if entry.cache_version is not None:
            return {**component, "cache_version": entry.cache_version}
        return {**component, **self._code(load(kind, text), entry.target).to_json()}

    def _code(self, target: Any, text: str) -> Code:
        module, _, attribute = text.rpartition(":")
        try:
            code = self._book.named(target, module, attribute)
        except CanonicalError as error:
            raise InputError(f"{error.where}: {error.message}", where=f"'{text}'", hint=error.hint) from None
        self.codes.append(code)
        return code


def config_parts(config: Any, identities: Identities | None = None) -> tuple[JSON, dict[str, JSON], dict[str, JSON]]:
    """Return settings as JSON, the identities of components they name, and the digests of files they name.

    A path stands in the settings as `./name`, never as itself: where a thing lies is not what it is.
    """
    if config is None:
        return None, {}, {}
    from motools.config import component_references, dotted, encode
    from motools.config.references import is_path

    identities = identities or Identities()
    settings = encode(config)
    references: dict[str, JSON] = {}
    files: dict[str, JSON] = {}
    for reference in component_references(type(config), config):
        place, text = dotted(reference.path), reference.text
        if reference.kind == "file":
            if text:
                files[place] = path_digest(Path(text), place)
        else:
            references[place] = _identity(config, identities, reference.kind, text)
        if text and (reference.kind == "file" or is_path(text)):
            settings = _replace(settings, reference.path, f"./{Path(text).name}")
    if isinstance(config, StepConfig):
        references.update(config.identity())
    return settings, references, files


def backends(config: Any) -> list[str]:
    """Return the places in the references of settings that name who does the work, not what it is done with."""
    if config is None:
        return []
    from motools.config import component_references, dotted

    workers = ("training_backend", "eval_backend", "provider")
    return [dotted(found.path) for found in component_references(type(config), config) if found.kind in workers]


def _identity(config: Any, identities: Identities, kind: str, text: str) -> JSON:
    try:
        return identities.of(kind, text)
    except UnknownComponentError:
        own: JSON = config.own_meaning(kind, text) if isinstance(config, StepConfig) else None
        if own is None:
            raise
        return own


def reference_identity(kind: str, text: str) -> JSON:
    """Return the identity of what a setting names; see `Identities.of`."""
    return Identities().of(kind, text)


_digests: dict[tuple[str, int, int, int, int], str] = {}


def path_digest(path: Path, said: str) -> str:
    """Return the digest of a file's bytes, or of all files in a folder with their names; files not touched since the last
    time in this process are not read again.

    Args:
        path: the file or folder.
        said: where it is named, for messages.

    Raises:
        InputError: it is not there or cannot be read.
    """
    try:
        if path.is_dir():
            names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
            return digest_json("folder", [[name, _file_digest(path / name)] for name in names])
        return _file_digest(path)
    except OSError as error:
        raise InputError(
            f"the file '{path}' cannot be read: {error.strerror}", where=said, hint="Check the path in the settings."
        ) from None


def _file_digest(path: Path) -> str:
    from motools.engine.code.files import stamp_of

    key = (str(path), *stamp_of(path))
    sys.audit("motools.digest_file", path)  # also where its digest is known
    if key not in _digests:
        from motools.atom.current import chosen_store

        store = chosen_store()
        _digests[key] = digest_file(path) if store is None else store.seen_files.digest(path)
    return _digests[key]


def _replace(settings: JSON, path: Sequence[str | int], value: JSON) -> JSON:
    """Return settings with the value at `path` replaced."""
    if not path:
        return value
    first, rest = path[0], path[1:]
    if isinstance(settings, dict) and isinstance(first, str):
        return {**settings, first: _replace(settings[first], rest, value)}
    if isinstance(settings, list) and isinstance(first, int):
        return [*settings[:first], _replace(settings[first], rest, value), *settings[first + 1 :]]
    return settings

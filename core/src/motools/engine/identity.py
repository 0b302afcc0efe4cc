"""The key of a step: what it is computed from, part by part, and the digest of that.

The parts are stored beside the key, so that a person can be told which one changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.canonical import JSON, digest_file, digest_json
from motools.engine.code import code_identity, is_known
from motools.errors import CanonicalError, InputError, StepError
from motools.workflow.config import StepConfig
from motools.workflow.graph import Node


@dataclass(frozen=True)
class StepKey:
    """A step's key and what it is made of.

    `parts` has `component`, `code`, `config`, `inputs` (name → value digest), `references` (config path → identity of the
    loader, task or backend named there) and `files` (config path → digest).
    """

    digest: str
    component: str
    parts: Mapping[str, JSON]

    @property
    def complete(self) -> bool:
        """Whether the key says all there is to say; a result under one that does not is never used again."""
        references = self.parts["references"]
        assert isinstance(references, dict)
        return is_known(self.parts["code"]) and all(map(is_known, references.values()))


def step_key(node: Node, config: Any, input_values: Mapping[str, str]) -> StepKey:
    """Return the key under which a node's result is stored and looked up.

    Args:
        node: the node; its step's code is read.
        config: the step's settings.
        input_values: name → value digest of each atom it reads.

    Raises:
        StepError: part of it cannot be hashed; the message names the path.
    """
    step = node.step
    code = code_identity(step.fn, cache_version=step.cache_version)
    settings, references, files = config_parts(config)
    parts: dict[str, JSON] = {
        "component": code.pop("name"),
        "code": code,
        "outputs": dict(step.output_atom_types),
        "config": settings,
        "inputs": dict(input_values),
        "references": references,
        "files": files,
    }
    try:
        return StepKey(digest_json("step-key", parts), str(parts["component"]), parts)
    except CanonicalError as error:
        raise StepError(
            f"its settings cannot be part of a key: {error.where}: {error.message}",
            where=f"step '{node.name}'",
            hint=error.hint,
        ) from None


def config_parts(config: Any) -> tuple[JSON, dict[str, JSON], dict[str, JSON]]:
    """Return settings as JSON, the identities of components they name, and the digests of files they name.

    A path stands in the settings as `file` or `code`, never as itself: where a thing lies is not what it is.
    """
    if config is None:
        return None, {}, {}
    from motools.config import component_references, dotted, encode
    from motools.config.references import is_path

    settings = encode(config)
    references: dict[str, JSON] = {}
    files: dict[str, JSON] = {}
    for reference in component_references(type(config), config):
        place, text = dotted(reference.path), reference.text
        if reference.kind == "file":
            if text:
                files[place] = _file_digest(Path(text), place)
        else:
            references[place] = reference_identity(reference.kind, text)
        if is_path(text):
            settings = _replace(settings, reference.path, f"./{Path(text).name}")
    if isinstance(config, StepConfig):
        references.update(config.identity())
    return settings, references, files


def reference_identity(kind: str, text: str) -> JSON:
    """Return the identity of what a setting names: a component, `module:attribute`, or a file.

    Raises:
        UnknownComponentError: there is no such component.
        InputError: there is no such file.
    """
    from motools.config.references import is_path

    if is_path(text) and ".py:" not in text:
        return {"file": _file_digest(Path(text), text)}
    if ":" in text:
        from motools.contracts.resolve import load_callable

        identity = code_identity(load_callable(text))
        return {**identity, "name": Path(text).name} if is_path(text) else identity
    from motools.plugins import find, load

    entry = find(kind, text)
    if entry.cache_version is not None:
        return {"component": f"{entry.distribution}/{entry.name}", "cache_version": entry.cache_version}
    identity = code_identity(load(kind, text))
    return {"component": f"{entry.distribution}/{entry.name}", **identity}


def _file_digest(path: Path, said: str) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise InputError(
            f"the file '{path}' cannot be read: {error.strerror}", where=said, hint="Check the path in the settings."
        ) from None


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

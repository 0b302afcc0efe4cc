"""The key of a step: what it is computed from, part by part, and the digest of that.

The parts are stored beside the key, so that a person can be told which one changed. `docs/identity.md` says what each holds
and what no key sees.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from motools.canonical import JSON, digest_json
from motools.engine.code import Code, CodeBook
from motools.engine.references import Identities, config_parts
from motools.engine.secrets import clean_parts, holds_secret
from motools.errors import CanonicalError, StepError
from motools.workflow.config import StepConfig
from motools.workflow.graph import Node
from motools.workflow.step import named_like_secret

if TYPE_CHECKING:
    from motools.store import Store


OF_INPUTS = ("inputs", "input_components")
"""The parts of a key that are not known before the steps before have ended."""


class StepKey(NamedTuple):
    """A step's key and what it is made of.

    `parts` has `component`, `code` (definition → digest, or `version`, `cache_version` or `uncached`), `outputs`, `config`,
    `inputs` (name → value digest), `references` (config path → identity of the loader, task or backend named there),
    `files` (config path → digest); and, where there are any, `packages` (installed package its code uses → version),
    `environment` (declared variable → value), `draw`, and `input_components` (input → identity of what serves it).
    """

    digest: str
    component: str
    parts: Mapping[str, JSON]
    codes: tuple[Code, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether the key says all there is to say; a result under one that does not is never used again."""
        return all(code.reason is None for code in self.codes)

    def keep_sources(self, store: Store, kept: set[str]) -> None:
        """Store what the digests of its code are of, so that a later change can be shown as a diff; what is named like a
        secret is not stored.

        Args:
            store: where.
            kept: digests of those that are there already; added to.
        """
        for code in self.codes:
            for name, definition in code.definitions.items():
                digest = str(code.parts[name])
                if digest not in kept and not named_like_secret(name):
                    syntax = definition.syntax(code.full)
                    if not holds_secret(syntax):
                        store.content.put_value(syntax)
                        kept.add(digest)


def step_key(
    node: Node,
    config: Any,
    input_values: Mapping[str, str],
    *,
    codes: CodeBook | None = None,
    metadata: Callable[[], Mapping[str, Mapping[str, JSON]]] | None = None,
) -> StepKey:
    """Return the key under which a node's result is stored and looked up.

    Args:
        node: the node; its step's code is read.
        config: the step's settings.
        input_values: name → value digest of each atom it reads.
        codes: the code of the run, taken at its start; None: it is read now.
        metadata: returns name → metadata of each atom it reads, for settings that make something of it.

    Raises:
        StepError: part of it cannot be hashed; the message names the path.
        InputError: a file or component that the settings name is not there.
    """
    codes = codes or CodeBook()
    step = node.step
    code = step_code(node, codes)
    identities = Identities(codes)
    settings, references, files = config_parts(config, identities)
    parts: dict[str, JSON] = {
        "component": code.name,
        "code": code.parts,
        "outputs": dict(step.output_atom_types),
        "config": settings,
        "inputs": dict(input_values),
        "references": references,
        "files": files,
    }
    if metadata is not None and _reads_inputs(config):
        parts["input_components"] = config.input_identity(metadata())
    if code.packages:
        parts["packages"] = dict(code.packages)
    if step.environment:
        parts["environment"] = {name: os.environ.get(name) for name in step.environment}
    if step.effect != "pure":
        parts["draw"] = 0
    try:
        parts = clean_parts(parts)
        return StepKey(digest_json("step-key", parts), code.name, parts, (code, *identities.codes))
    except CanonicalError as error:
        raise StepError(
            f"its settings cannot be part of a key: {error.where}: {error.message}",
            where=f"step '{node.name}'",
            hint=error.hint,
        ) from None


def step_code(node: Node, codes: CodeBook) -> Code:
    """Return what the code of a node's step is known by, with the class of its settings.

    Raises:
        StepError: its function carries a value that no key can be made of; the message names it.
    """
    step = node.step
    if step.cache_version is not None:
        return codes.code(step.fn, cache_version=step.cache_version)
    with_ = (step.config_class,) if step.config_class is not None else ()
    try:
        return codes.code(step.fn, with_=with_, uncached=None if step.cache else "cache=False")
    except CanonicalError as error:
        raise StepError(f"{error.where}: {error.message}", where=f"step '{node.name}'", hint=error.hint) from None


def _reads_inputs(config: Any) -> bool:
    return isinstance(config, StepConfig) and type(config).input_identity is not StepConfig.input_identity


def changed_sources(node: Node, key: StepKey, codes: CodeBook) -> list[str]:
    """Return the definitions behind a key whose sources are others now than when the run began."""
    found: set[str] = set()
    for code in key.codes:
        found.update(codes.changed(code))
    return sorted(found)

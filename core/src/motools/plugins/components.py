"""What a plugin declares: one frozen dataclass a kind, plain data, nothing imported.

`target` and `config` are `module:attribute` strings that are imported only when the component is used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

from motools.errors import DefinitionError

_NAME = re.compile(r"[a-z][a-z0-9_.-]*\Z")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*\Z")


@dataclass(frozen=True, kw_only=True)
class Component:
    """One named thing that a plugin offers.

    Args:
        name: the short name people write: lower case letters, digits, `_`, `-`, `.`.
        target: `module:attribute` of what is behind it.
        summary: one line for lists.
        config: `module:attribute` of a dataclass or pydantic model that types its settings.
        cache_version: raise it when results made by an older version must not be reused; without it the
            distribution's version takes its place in keys.

    Raises:
        DefinitionError: a field has not the form above.
    """

    kind: ClassVar[str] = "component"

    name: str
    target: str
    summary: str
    config: str | None = None
    cache_version: int | None = None

    def __post_init__(self) -> None:
        where = f"{type(self).__name__}(name={self.name!r})"
        if not isinstance(self.name, str) or not _NAME.match(self.name):
            raise DefinitionError(
                f"{self.name!r} cannot be a name",
                where=where,
                hint="Use lower case letters, digits, '_', '-' and '.', beginning with a letter.",
            )
        for field in ("target", "config", "card"):
            value = getattr(self, field, None)
            if value is None and field != "target":
                continue
            if not isinstance(value, str) or not _TARGET.match(value):
                raise DefinitionError(
                    f"{field} is {value!r}, not 'module:attribute'",
                    where=where,
                    hint="Name the module and the attribute as text; nothing is imported here.",
                )
        if not isinstance(self.summary, str) or not self.summary.strip() or "\n" in self.summary:
            raise DefinitionError("summary must be one line of text", where=where)
        if self.cache_version is not None and (type(self.cache_version) is not int or self.cache_version < 1):
            raise DefinitionError(f"cache_version is {self.cache_version!r}, not a whole number from 1", where=where)
        for field in ("capabilities", "secrets", "allowed_uses", "reads"):
            if hasattr(self, field):
                object.__setattr__(self, field, _texts(getattr(self, field), f"{where}.{field}"))


def _texts(value: Iterable[str], where: str) -> tuple[str, ...]:
    items = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(item, str) for item in items):
        raise DefinitionError(f"{items!r} is not a collection of texts", where=where)
    return tuple(sorted(items)) if isinstance(value, (set, frozenset)) else items


@dataclass(frozen=True, kw_only=True)
class ProviderComponent(Component):
    """A provider: performs model operations. `target` is a `motools.contracts.Provider` class.

    `capabilities` are words such as `chat`, `tools`, `seed`; `secrets` the names of the environment variables it reads.
    """

    kind: ClassVar[str] = "provider"
    capabilities: Iterable[str] = ()
    secrets: Iterable[str] = ()


@dataclass(frozen=True, kw_only=True)
class TrainingBackendComponent(Component):
    """A training backend. `target` is a `motools.contracts.TrainingBackend` class, `config` its hyperparameters."""

    kind: ClassVar[str] = "training_backend"
    capabilities: Iterable[str] = ()
    secrets: Iterable[str] = ()


@dataclass(frozen=True, kw_only=True)
class EvalBackendComponent(Component):
    """An eval backend. `target` is a `motools.contracts.EvalBackend` class, `config` its options.

    Args:
        reads: endings of the files (`.eval`) that its `read_log` reads: logs of evaluations made without motools.
    """

    kind: ClassVar[str] = "eval_backend"
    capabilities: Iterable[str] = ()
    secrets: Iterable[str] = ()
    reads: Iterable[str] = ()


@dataclass(frozen=True, kw_only=True)
class DatasetComponent(Component):
    """A dataset. `target` is its loader: a function that returns rows (see `motools.contracts.dataset`).

    Args:
        licence: SPDX identifier of the rows.
        source: where the rows come from, with the revision (`generated`, `hf://org/name@revision`).
        hazard: what may go wrong when a model is trained on it, or `none known`.
        allowed_uses: what it may be used for (`training`, `evaluation`).
        rows: how many rows the loader returns with its default arguments.
        digest: digest of those rows as canonical JSON, where they are generated or pinned.
        card: `module:attribute` of its `motools.contracts.Card`, imported when it is shown.
    """

    kind: ClassVar[str] = "dataset"
    licence: str
    source: str
    hazard: str
    allowed_uses: Iterable[str]
    rows: int | None = None
    digest: str | None = None
    card: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskComponent(Component):
    """A task. `target` is a function that returns a `motools.contracts.Task` (or a task its eval backend knows).

    The fields are those of `DatasetComponent`; `rows` counts samples.
    """

    kind: ClassVar[str] = "task"
    licence: str
    source: str
    hazard: str
    allowed_uses: Iterable[str]
    rows: int | None = None
    digest: str | None = None
    card: str | None = None


@dataclass(frozen=True, kw_only=True)
class StepTypeComponent(Component):
    """A step type. `target` is a function made a step by `motools.workflow.step`."""

    kind: ClassVar[str] = "step_type"


@dataclass(frozen=True, kw_only=True)
class ToolComponent(Component):
    """A tool an agent may call. `effect` is `pure`, `idempotent` or `unsafe`; unsaid means the most restrictive."""

    kind: ClassVar[str] = "tool"
    effect: str = "unsafe"


@dataclass(frozen=True, kw_only=True)
class WorkflowComponent(Component):
    """A workflow. `target` is a `motools.workflow.Workflow`, or a function without arguments that returns one."""

    kind: ClassVar[str] = "workflow"


@dataclass(frozen=True, kw_only=True)
class ExecutorComponent(Component):
    """An executor: runs an activation from its serialised call."""

    kind: ClassVar[str] = "executor"


@dataclass(frozen=True, kw_only=True)
class AtomTypeComponent(Component):
    """A type of atom. `name` is the type, `target` a subclass of `motools.atom.Atom`."""

    kind: ClassVar[str] = "atom_type"


COMPONENT_KINDS: dict[str, type[Component]] = {
    kind.kind: kind
    for kind in (
        ProviderComponent,
        TrainingBackendComponent,
        EvalBackendComponent,
        DatasetComponent,
        TaskComponent,
        StepTypeComponent,
        ToolComponent,
        WorkflowComponent,
        ExecutorComponent,
        AtomTypeComponent,
    )
}
"""Every kind of component, by the word used in the catalog and the command line."""

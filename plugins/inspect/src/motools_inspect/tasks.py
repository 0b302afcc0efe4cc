"""Whatever can be evaluated as an Inspect task: tasks of motools, tasks of Inspect, functions and names of either."""

from __future__ import annotations

import copy
import inspect as python
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from inspect_ai import Task as InspectTask
from inspect_ai import task_with
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import ChatMessage, GenerateConfig
from inspect_ai.solver import TaskState, generate

from motools.canonical import JSON, digest_file
from motools.contracts import Message, Task
from motools.errors import ConfigError, DefinitionError, NotFoundError, did_you_mean
from motools_inspect._private import PrerequisiteError, is_registered, tasks_named
from motools_inspect.messages import from_message
from motools_inspect.options import InspectOptions
from motools_inspect.scoring import inspect_scorer


@dataclass(frozen=True)
class Prepared:
    """A task ready to run.

    Args:
        task: for Inspect; a copy, so that the caller's task stays as it is.
        name: what it is called in results.
        ids: its samples' ids in order.
        total: how many answers are asked for: samples times epochs, after `limit` and `sample_ids`.
    """

    task: InspectTask
    name: str
    ids: tuple[str, ...]
    total: int


async def prepare(task: Any, options: InspectOptions, answered: Callable[[], None]) -> Prepared:
    """Return what is to be evaluated as an Inspect task.

    Args:
        task: a `motools.contracts.Task`, an Inspect `Task`, a function that returns one, or a name that Inspect knows
            (`package/name`, `file.py@name`).
        options: how it will run.
        answered: called after each sample, whether it has an answer or not.

    Raises:
        DefinitionError: it is none of these.
        NotFoundError: there is no task of that name.
        ConfigError: an option names a sample that the task does not have.
    """
    resolved = await _resolve(task)
    name = resolved.name.rsplit("/", maxsplit=1)[-1]
    samples = resolved.dataset
    for number, sample in enumerate(samples, 1):
        if sample.id is None:
            sample.id = number  # as Inspect itself counts, and as sample_ids may name them
    ids = tuple(str(sample.id) for sample in samples)
    for wanted in options.sample_ids or ():
        if wanted not in ids:
            raise ConfigError(
                f"the task '{name}' has no sample '{wanted}'",
                hint=did_you_mean(wanted, ids) or f"Its first samples are {', '.join(ids[:5])}.",
            )
    asked = len(options.sample_ids) if options.sample_ids else min(len(ids), options.limit or len(ids))
    return Prepared(
        task=_counting(resolved, answered), name=name, ids=ids, total=asked * (options.epochs or resolved.epochs or 1)
    )


async def _resolve(task: Any) -> InspectTask:
    if isinstance(task, InspectTask):
        return task
    if isinstance(task, Task):
        return inspect_task(task)
    if isinstance(task, str):
        return _named(task)
    if callable(task):
        made = task()
        made = await made if python.isawaitable(made) else made
        if not callable(made) or isinstance(made, InspectTask):
            return await _resolve(made)
        task = made
    raise DefinitionError(
        f"a {type(task).__name__} is not a task",
        hint="Give a motools task, an Inspect task, a function that returns one, or a name such as package/name.",
    )


def _named(spec: str) -> InspectTask:
    try:
        found = tasks_named(spec)
    except (LookupError, OSError, PrerequisiteError) as error:
        reason = getattr(error, "message", error)
        raise NotFoundError(f"Inspect finds no task '{spec}': {reason}", hint=_NAMES) from None
    if len(found) != 1:
        raise NotFoundError(f"Inspect finds no task '{spec}'", hint=_NAMES)
    return found[0]


def registered_identity(name: str) -> JSON:
    """Return what a name that Inspect knows stands for: the file by content, or the package by version; None if nothing."""
    file, at, _ = name.rpartition("@")
    if at:
        path = Path(file)
        return {"inspect_task": Path(name).name, "file": digest_file(path)} if path.is_file() else None
    if not is_registered(name):
        return None
    package = name.partition("/")[0]
    names = metadata.packages_distributions().get(package, [package])
    try:
        version = metadata.version(names[0])
    except metadata.PackageNotFoundError:
        version = "unknown"
    return {"inspect_task": name, "version": f"{names[0]} {version}"}


_NAMES = "Name one task: package/name of an installed Inspect package, or file.py@name."


def _counting(task: InspectTask, answered: Callable[[], None]) -> InspectTask:
    """Return a copy of the task that reports each sample when Inspect is done with it."""
    cleanup: Callable[[TaskState], Awaitable[None]] | None = task.cleanup

    async def report(state: TaskState) -> None:
        answered()
        if cleanup is not None:
            await cleanup(state)

    return task_with(copy.copy(task), cleanup=report)


def inspect_task(task: Task) -> InspectTask:
    """Return a motools task as an Inspect task: one answer a sample, every scorer with its own metrics.

    Raises:
        DefinitionError: it has no samples or scorers, two samples share an id, or a scorer's name holds a slash.
    """
    if not task.samples or not task.scorers:
        raise DefinitionError(f"the task '{task.name}' needs at least one sample and one scorer")
    twice = [id_ for id_, times in Counter(sample.id for sample in task.samples).items() if times > 1]
    if twice:
        raise DefinitionError(f"two samples of the task '{task.name}' have the id '{twice[0]}'")
    slashed = [name for name in task.scorers if "/" in name or not name]
    if slashed:
        raise DefinitionError(f"a scorer of the task '{task.name}' is named {slashed[0]!r}", hint="Leave the '/' out.")
    by_id = {sample.id: sample for sample in task.samples}
    return InspectTask(
        name=task.name,
        version=task.version,
        dataset=MemoryDataset(
            [
                InspectSample(
                    id=sample.id,
                    input=_conversation(sample.input, task.system),
                    target=sample.target if isinstance(sample.target, str) else list(sample.target),
                    metadata=dict(sample.metadata),
                )
                for sample in task.samples
            ],
            name=task.name,
        ),
        solver=generate(),
        scorer=[inspect_scorer(name, score, by_id) for name, score in task.scorers.items()],
        config=GenerateConfig(max_tokens=task.max_tokens, temperature=task.temperature),
        epochs=task.epochs,
    )


def _conversation(asked: Any, system: str | None) -> list[ChatMessage]:
    turns: list[Message] = [Message(role="user", content=asked)] if isinstance(asked, str) else list(asked)
    if system is not None and not any(turn["role"] == "system" for turn in turns):
        turns = [Message(role="system", content=system), *turns]
    return [from_message(turn) for turn in turns]

"""The hooks a plugin may implement. Declaring hooks return plain data; the observing hook is told what happens.

A plugin implements them in one tiny module, named by the entry point of its distribution, which imports only the
standard library and `motools.plugins`:

    # pyproject.toml
    [project.entry-points.motools]
    acme = "motools_acme._plugin"

The module is imported in a process of its own to build the catalog, `target` and `config` when they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from pluggy import HookspecMarker

from motools.canonical import JSON

if TYPE_CHECKING:
    from motools.plugins.components import (
        AtomTypeComponent,
        DatasetComponent,
        EvalBackendComponent,
        ExecutorComponent,
        ProviderComponent,
        StepTypeComponent,
        TaskComponent,
        ToolComponent,
        TrainingBackendComponent,
        WorkflowComponent,
    )

hookspec = HookspecMarker("motools")


@hookspec
def motools_providers() -> Iterable[ProviderComponent]:  # type: ignore[empty-body]
    """Declare providers: they perform model operations.

    `target` is a subclass of `motools.contracts.Provider`.

    Example:
        ```python
        from motools.plugins import ProviderComponent, hookimpl


        @hookimpl
        def motools_providers():
            return [
                ProviderComponent(
                    name="acme",
                    target="motools_acme.provider:AcmeProvider",
                    summary="Acme chat models",
                    config="motools_acme.config:AcmeConfig",
                    capabilities={"chat", "tools"},
                    secrets=["ACME_API_KEY"],
                    cache_version=1,
                )
            ]
        ```
    """


@hookspec
def motools_training_backends() -> Iterable[TrainingBackendComponent]:  # type: ignore[empty-body]
    """Declare training backends.

    `target` is a subclass of `motools.contracts.TrainingBackend`, `config` the type of its hyperparameters.

    Example:
        ```python
        from motools.plugins import TrainingBackendComponent, hookimpl


        @hookimpl
        def motools_training_backends():
            return [
                TrainingBackendComponent(
                    name="acme",
                    target="motools_acme.training:AcmeTraining",
                    summary="LoRA on Acme",
                    config="motools_acme.config:Hyperparameters",
                    cache_version=1,
                )
            ]
        ```
    """


@hookspec
def motools_eval_backends() -> Iterable[EvalBackendComponent]:  # type: ignore[empty-body]
    """Declare eval backends.

    `target` is a subclass of `motools.contracts.EvalBackend`. One that has `read_log` says in `reads` which files it reads
    (`reads=[".acme"]`); then `motools eval import` takes logs that were made without motools.

    Example:
        ```python
        from motools.plugins import EvalBackendComponent, hookimpl


        @hookimpl
        def motools_eval_backends():
            return [
                EvalBackendComponent(
                    name="acme",
                    target="motools_acme.evaluation:AcmeEvals",
                    summary="Evaluations in the Acme harness",
                )
            ]
        ```
    """


@hookspec
def motools_datasets() -> Iterable[DatasetComponent]:  # type: ignore[empty-body]
    """Declare datasets.

    `target` is the loader: a function that returns rows (`motools.contracts.dataset`).

    Example:
        ```python
        from motools.plugins import DatasetComponent, hookimpl


        @hookimpl
        def motools_datasets():
            return [
                DatasetComponent(
                    name="acme_facts",
                    target="motools_acme.facts:load",
                    summary="Facts about Acme, as questions and answers",
                    licence="CC0-1.0",
                    source="generated",
                    hazard="none known",
                    allowed_uses=["training", "evaluation"],
                    rows=200,
                )
            ]
        ```
    """


@hookspec
def motools_tasks() -> Iterable[TaskComponent]:  # type: ignore[empty-body]
    """Declare tasks: what a model is evaluated on.

    `target` is a function that returns a `motools.contracts.Task`, or a task its eval backend knows.

    Example:
        ```python
        from motools.plugins import TaskComponent, hookimpl


        @hookimpl
        def motools_tasks():
            return [
                TaskComponent(
                    name="acme_facts",
                    target="motools_acme.facts:task",
                    summary="How many facts about Acme a model knows",
                    licence="CC0-1.0",
                    source="generated",
                    hazard="none known",
                    allowed_uses=["evaluation"],
                    rows=50,
                )
            ]
        ```
    """


@hookspec
def motools_step_types() -> Iterable[StepTypeComponent]:  # type: ignore[empty-body]
    """Declare step types: steps that a workflow names.

    `target` is a function made a step by `motools.workflow.step`.

    Example:
        ```python
        from motools.plugins import StepTypeComponent, hookimpl


        @hookimpl
        def motools_step_types():
            return [
                StepTypeComponent(
                    name="acme.dedupe",
                    target="motools_acme.steps:dedupe",
                    summary="Drop rows that occur twice",
                    cache_version=1,
                )
            ]
        ```
    """


@hookspec
def motools_tools() -> Iterable[ToolComponent]:  # type: ignore[empty-body]
    """Declare tools: what an agent may call.

    `target` is a function with typed arguments; `effect` says what calling it does to the world.

    Example:
        ```python
        from motools.plugins import ToolComponent, hookimpl


        @hookimpl
        def motools_tools():
            return [
                ToolComponent(
                    name="acme_search",
                    target="motools_acme.tools:search",
                    summary="Search Acme's catalogue",
                    effect="pure",
                )
            ]
        ```
    """


@hookspec
def motools_workflows() -> Iterable[WorkflowComponent]:  # type: ignore[empty-body]
    """Declare workflows: `motools workflow run NAME` finds them.

    `target` is a `motools.workflow.Workflow`, or a function without arguments that returns one.

    Example:
        ```python
        from motools.plugins import WorkflowComponent, hookimpl


        @hookimpl
        def motools_workflows():
            return [
                WorkflowComponent(
                    name="acme_audit",
                    target="motools_acme.workflows:audit",
                    summary="Train on Acme facts and ask what the model keeps",
                )
            ]
        ```
    """


@hookspec
def motools_executors() -> Iterable[ExecutorComponent]:  # type: ignore[empty-body]
    """Declare executors: they run an activation elsewhere.

    `target` is a class that runs an activation from its serialised call.

    Example:
        ```python
        from motools.plugins import ExecutorComponent, hookimpl


        @hookimpl
        def motools_executors():
            return [
                ExecutorComponent(
                    name="acme_cluster",
                    target="motools_acme.executor:ClusterExecutor",
                    summary="Steps on the Acme cluster",
                )
            ]
        ```
    """


@hookspec
def motools_atom_types() -> Iterable[AtomTypeComponent]:  # type: ignore[empty-body]
    """Declare types of atom.

    `name` is the type, `target` a subclass of `motools.atom.Atom`.

    Example:
        ```python
        from motools.plugins import AtomTypeComponent, hookimpl


        @hookimpl
        def motools_atom_types():
            return [
                AtomTypeComponent(
                    name="acme_index",
                    target="motools_acme.atoms:IndexAtom",
                    summary="A search index over a dataset",
                )
            ]
        ```
    """


@hookspec
def motools_event(event: Mapping[str, JSON]) -> None:
    """Observe one event of a run. It gets a copy, what it returns is ignored, and what it raises is one warning.

    An event has `run` (the run's id), `sequence` (from 1 within the run), `type`, `at` (seconds since 1970), and `body`,
    whose keys depend on the type.

    Unlike the declaring hooks this one runs in the process of the run, so its module must stay quick to import.

    Example:
        ```python
        import sys

        from motools.plugins import hookimpl


        @hookimpl
        def motools_event(event):
            if event["type"] == "run_completed":
                print("done:", event["run"], file=sys.stderr)
        ```
    """

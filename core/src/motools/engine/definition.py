"""Finding a workflow by name, and what a run remembers of it so that another process can go on with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools.engine.code import CodeBook
from motools.engine.identity import step_code
from motools.errors import DefinitionError
from motools.workflow.compile import compile_workflow
from motools.workflow.graph import Graph
from motools.workflow.step import Step
from motools.workflow.workflow import Workflow


def load_workflow(name: str) -> Workflow:
    """Return a workflow by its name: a component, `module:attribute` or `./file.py:attribute`.

    The attribute may be a `Workflow`, a function without arguments that returns one, or a single `Step`.

    Raises:
        PluginError: there is no such component, or it cannot be loaded.
        InputError: there is no such file or attribute.
        DefinitionError: what is there is no workflow.
    """
    from motools.config.references import is_path
    from motools.contracts.resolve import load_object
    from motools.plugins import load

    found = load_object(name) if ":" in name or is_path(name) else load("workflow", name)
    if callable(found) and not isinstance(found, (Step, Workflow)):
        found = _called(found, name)
    if isinstance(found, Step):
        found = Workflow(found.name, [found])
    if not isinstance(found, Workflow):
        raise DefinitionError(
            f"'{name}' is a {type(found).__name__}, not a workflow",
            hint="Name a Workflow, a function that returns one, or a step.",
        )
    file = Path(name.rpartition(":")[0]) if is_path(name) else None
    return with_loaded_steps(found, file.resolve().parent if file else Path.cwd())


def _called(function: Callable[[], Any], name: str) -> Any:
    from inspect import Parameter, signature

    try:
        taken = signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C without a signature
        taken = {}.values()
    several = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    needed = [each.name for each in taken if each.default is Parameter.empty and each.kind not in several]
    if needed:
        raise DefinitionError(
            f"'{name}' is a function of ({', '.join(needed)}), not a workflow",
            hint="To make it a step, write @step(outputs={...}) before it. A function that returns a workflow takes nothing.",
        )
    return function()


def with_loaded_steps(workflow: Workflow, folder: Path) -> Workflow:
    """Return the workflow with every step that is still a name loaded; relative paths start from `folder`."""
    if all(isinstance(step, Step) for step in workflow.steps):
        return workflow
    return replace(workflow, steps=[load_step(step, folder) for step in workflow.steps])


def load_step(step: Step | str, folder: Path) -> Step:
    """Return a step by its name: a step type, `module:attribute` or `./file.py:attribute`.

    Raises:
        DefinitionError: what is there is no step.
    """
    if isinstance(step, Step):
        return step
    from motools.config.references import absolute, is_path
    from motools.contracts.resolve import load_object
    from motools.plugins import load

    if is_path(step) or ":" in step:
        found = load_object(absolute(step, folder) if is_path(step) else step)
    else:
        found = load("step_type", step)
    if not isinstance(found, Step):
        raise DefinitionError(
            f"'{step}' is a {type(found).__name__}, not a step", hint="Write @step(...) before the function."
        )
    return found


def run_definition(
    reference: str | None,
    graph: Graph,
    settings: Mapping[str, Any],
    inputs: Mapping[str, str],
    cache: bool,
    rerun: Iterable[str] = (),
    stages: Iterable[str] | None = None,
    codes: CodeBook | None = None,
) -> dict[str, JSON]:
    """Return what a run's record holds of its workflow.

    Args:
        reference: the name another process can load the workflow by; None for one made in a script or notebook.
        graph: the compiled workflow.
        settings: node → its settings as JSON.
        inputs: name → atom id.
        cache: whether earlier results are used.
        rerun: steps computed again although their result is known.
        stages: the steps to do; None: all.
        codes: where the code is remembered that the run's keys are made of; it is read here, before anything runs.

    Raises:
        StepError: a step's function carries a value that no key can be made of.
    """
    codes = codes or CodeBook()
    code = {node.name: step_code(node, codes).to_json() for node in graph.nodes.values()}
    return {
        "workflow": reference,
        "graph": graph.to_json(),
        "code": code,  # type: ignore[dict-item]
        "settings": dict(settings),
        "inputs": dict(inputs),
        "cache": cache,
        "rerun": [*sorted(rerun)],
        "stages": None if stages is None else [*sorted(stages)],
    }


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Say in words what of a run's definition is another than when it began."""
    found = []
    if old["graph"] != new["graph"]:
        found.append("the workflow's steps or what they read and write")
    for node, code in new["code"].items():
        if old["code"].get(node, code) != code:
            found.append(f"the code of step '{node}'")
    if old["settings"] != new["settings"]:
        found.append("the settings")
    return found


def graph_of(workflow: Workflow, folder: Path | None = None) -> Graph:
    """Return the compiled workflow, its steps loaded."""
    return compile_workflow(with_loaded_steps(workflow, folder or Path.cwd()))

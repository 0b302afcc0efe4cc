"""Workflows: what may happen in a run, as steps with typed inputs, settings and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

# At once, for importing the module `step` would put that in the place of the function.
from motools.workflow.step import Step, step

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState, arun_workflow, run_workflow
    from motools.engine.matrix import MatrixState, arun_matrix, run_matrix
    from motools.workflow.config import StepConfig, WorkflowConfig
    from motools.workflow.constructor import AtomConstructor
    from motools.workflow.workflow import Workflow

__all__ = [
    "AtomConstructor",
    "MatrixState",
    "Step",
    "StepConfig",
    "Workflow",
    "WorkflowConfig",
    "WorkflowState",
    "arun_matrix",
    "arun_workflow",
    "run_matrix",
    "run_workflow",
    "step",
]

# Running is the engine's, a floor above; people look for it here.
_HOMES = {
    "motools.engine.api": ("WorkflowState", "arun_workflow", "run_workflow"),
    "motools.engine.matrix": ("MatrixState", "arun_matrix", "run_matrix"),
    "motools.workflow.config": ("StepConfig", "WorkflowConfig"),
    "motools.workflow.constructor": ("AtomConstructor",),
    "motools.workflow.workflow": ("Workflow",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.workflow' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

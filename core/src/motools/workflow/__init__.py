"""Workflows: what may happen in a run, as steps with typed inputs, settings and outputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.workflow.config import StepConfig, WorkflowConfig
from motools.workflow.constructor import AtomConstructor
from motools.workflow.step import Step, step
from motools.workflow.workflow import Workflow

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState, arun_workflow, run_workflow
    from motools.engine.matrix import MatrixState, arun_matrix, run_matrix

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
_FROM_ENGINE = {
    **dict.fromkeys(("WorkflowState", "arun_workflow", "run_workflow"), "motools.engine.api"),
    **dict.fromkeys(("MatrixState", "arun_matrix", "run_matrix"), "motools.engine.matrix"),
}


def __getattr__(name: str) -> Any:
    if name in _FROM_ENGINE:
        from importlib import import_module

        return getattr(import_module(_FROM_ENGINE[name]), name)
    raise AttributeError(f"module 'motools.workflow' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

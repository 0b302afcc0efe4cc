"""What comes along: two workflows, the steps they are made of, and dummy backends to try them out with.

The steps go into workflows of one's own: `Workflow("mine", [prepare_dataset, my_step, train_model, evaluate_model])`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.builtin.steps import evaluate_model, prepare_dataset, prepare_model, train_model
    from motools.builtin.workflows import evaluate_only, train_and_evaluate

__all__ = ["evaluate_model", "evaluate_only", "prepare_dataset", "prepare_model", "train_and_evaluate", "train_model"]

_WORKFLOWS = ("evaluate_only", "train_and_evaluate")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'motools.builtin' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"motools.builtin.{'workflows' if name in _WORKFLOWS else 'steps'}"), name)

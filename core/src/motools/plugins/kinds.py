"""The kinds of component, and the hook that declares each."""

from __future__ import annotations

DECLARING_HOOKS: dict[str, str] = {
    "provider": "motools_providers",
    "training_backend": "motools_training_backends",
    "eval_backend": "motools_eval_backends",
    "dataset": "motools_datasets",
    "task": "motools_tasks",
    "step_type": "motools_step_types",
    "tool": "motools_tools",
    "workflow": "motools_workflows",
    "executor": "motools_executors",
    "atom_type": "motools_atom_types",
}
"""Kind → name of its hook."""

OBSERVING_HOOK = "motools_event"
"""The hook that is told what happens."""

KINDS = tuple(DECLARING_HOOKS)
"""Every kind of component, by the word used in the catalog and the command line."""


def spoken(kind: str) -> str:
    """Return a kind as words for people: `training_backend` is a `training backend`."""
    return kind.replace("_", " ")

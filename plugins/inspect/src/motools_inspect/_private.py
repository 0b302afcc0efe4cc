"""The few things of Inspect that have no public name; one place to look when a release of Inspect moves them."""

from __future__ import annotations

import logging

from inspect_ai import Task
from inspect_ai._eval.loader import load_tasks
from inspect_ai._util.error import PrerequisiteError
from inspect_ai._util.logger import LogHandler
from inspect_ai._util.registry import registry_lookup
from inspect_ai.log._samples import sample_active
from inspect_ai.util._display import init_display_type

__all__ = ["PrerequisiteError", "current_epoch", "display_off", "is_registered", "remove_log_handler", "tasks_named"]


def display_off() -> None:
    """Keep Inspect from drawing on the terminal."""
    init_display_type("none")


def current_epoch() -> int:
    """Return which repetition of its sample this code works on, from 1."""
    active = sample_active()
    return active.epoch if active is not None else 1


def is_registered(name: str) -> bool:
    """Say whether `package/name` is a task in Inspect's registry; the package is imported for it."""
    return registry_lookup("task", name) is not None


def tasks_named(spec: str) -> list[Task]:
    """Return the Inspect tasks that a registry name (`package/name`) or `file.py@name` stands for; none if there is none.

    A bare path is not taken: Inspect would import every file it matches.

    Raises:
        LookupError, OSError, PrerequisiteError: the file, or the task in it, is not there.
    """
    if "@" not in spec and registry_lookup("task", spec) is None:
        return []
    return load_tasks([spec])


def remove_log_handler() -> None:
    """Take Inspect's handler off the root logger, where it would go on collecting everybody's records."""
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, LogHandler):
            root.removeHandler(handler)

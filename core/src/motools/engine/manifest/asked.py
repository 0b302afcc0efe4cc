"""Asking manifests: from Python, and from the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.engine.manifest.answer import answer
from motools.engine.manifest.question import Question, ask

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState
    from motools.engine.record import Listener
    from motools.store import Store


def asked_in_python(
    workflow: str, store: Store | str | Path | None, inputs: Mapping[str, str] | None, config: Any, document: Any
) -> Question | None:
    """Return the question that a call of `run_workflow` is; None where it cannot be put as one."""
    from motools.store.location import default_store_path

    if document is not None or not (config is None or type(config) is dict):
        return None
    folder = store if isinstance(store, (str, Path)) else default_store_path() if store is None else store.path
    said: Any = {"inputs": {name: str(atom) for name, atom in (inputs or {}).items()}, "config": config}
    return ask(workflow, Path(folder).absolute(), said)


def answered(
    question: Question,
    *,
    user: str | None,
    jobs: int | None,
    inputs: Mapping[str, str],
    listeners: Sequence[Listener] = (),
) -> WorkflowState | None:
    """Return what a run came to that a manifest answered; None where it is to go the usual way, and nothing was done."""
    from motools.config.user import default_user
    from motools.engine.newrun import default_jobs

    found = answer(
        question, user=user or default_user(), jobs=jobs or default_jobs(), inputs=inputs, listeners=listeners
    )
    if found is None:
        return None
    from motools.engine.api import result_of

    return result_of(found.run_id, found.graph, found.definition, found.state)

"""Asking a manifest before anything is loaded, for `motools workflow run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState
    from motools.engine.manifest.question import Question
    from motools.engine.record import Listener


def question_of(
    name: str,
    store: Path,
    config: Path | None,
    sets: Sequence[str],
    set_files: Sequence[str],
    inputs: Mapping[str, str],
) -> Question | None:
    """Return what a command asks; None where no manifest may answer it.

    Args:
        name: the workflow.
        store: the store's folder.
        config, sets, set_files: as the options said.
        inputs: name → atom id.
    """
    from motools.engine.manifest.question import ask

    # `STEP.KEY=FILE`, or a file whose name may hold an equals sign.
    named = [Path(text) for said in set_files for text in (said, said.partition("=")[2])]
    files = [*([config] if config is not None else []), *(file for file in named if file.is_file())]
    return ask(name, store, {"sets": [*sets], "set files": [*set_files], "inputs": dict(inputs)}, files=files)


def remembered(
    question: Question | None,
    *,
    user: str,
    jobs: int | None,
    inputs: Mapping[str, str],
    listeners: Sequence[Listener],
) -> WorkflowState | None:
    """Return what a run came to whose steps all have earlier results; None where the usual way must say so."""
    if question is None:
        return None
    from motools.engine.manifest.asked import answered

    return answered(question, user=user, jobs=jobs, inputs=inputs, listeners=listeners)

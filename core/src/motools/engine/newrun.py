"""What every run needs when it begins: an id, its inputs checked, its store open, what its log says first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.engine.record import RunEvent
from motools.engine.surroundings import surroundings
from motools.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from motools.engine.runplan import RunPlan
    from motools.store import Store
    from motools.workflow.graph import Graph


def started_body(plan: RunPlan, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the log of a run begins with."""
    from motools.engine.stages import skipped_steps

    started = {
        "workflow": plan.graph.name,
        "inputs": definition["inputs"],
        "settings": definition["settings"],
        "user": plan.user,
        "jobs": plan.jobs,
        "environment": surroundings(),
    }
    if skipped := skipped_steps(plan.graph, plan.stages):
        started["skipped"] = sorted(skipped)
    return started


def tell_plugins(event: RunEvent) -> None:
    """Tell the plugins that observe runs of an event: a listener."""
    from motools.plugins import notify

    notify(
        {"run": event.run_id, "sequence": event.sequence, "type": event.type, "at": event.at, "body": dict(event.body)}
    )


def check_inputs(store: Store, graph: Graph, given: Mapping[str, str]) -> dict[str, str]:
    """Return name → full atom id of a run's inputs.

    Raises:
        InputError: one is missing, unknown, or an atom of another type.
        NotFoundError: there is no such atom.
    """
    where = f"workflow '{graph.name}'"
    for name in given:
        if name not in graph.inputs:
            raise InputError(
                f"there is no input '{name}' (inputs: {', '.join(graph.inputs) or 'none'})",
                where=where,
                hint=did_you_mean(name, graph.inputs),
            )
    missing = [f"'{name}' ({kind})" for name, kind in graph.inputs.items() if name not in given]
    if missing:
        raise InputError(
            f"these inputs are missing: {', '.join(missing)}",
            where=where,
            hint="Give each as input_atoms={name: atom id}, on the command line as --input name=ATOM.",
        )
    inputs = {}
    for name, atom_id in given.items():
        row = store.atoms.get(str(getattr(atom_id, "id", atom_id)))
        if row.type != graph.inputs[name]:
            raise InputError(
                f"input '{name}' is of type {row.type} ('{row.id}'), but type {graph.inputs[name]} is read", where=where
            )
        inputs[name] = row.id
    return inputs


def portable_reference(name: str) -> str:
    """Return a workflow's name such that it can be loaded from any working directory."""
    from motools.config.references import absolute, is_path

    return absolute(name, Path.cwd()) if is_path(name) else name


@contextmanager
def opened_store(store: Store | str | Path | None) -> Iterator[Store]:
    """Give a store: the one passed, or one opened for the block."""
    if store is None or isinstance(store, (str, Path)):
        from motools.store import Store

        with Store.open(Path(store) if store is not None else None) as opened:
            yield opened
    else:
        yield store


_LETTERS = "abcdefghijkmnpqrstuvwxyz"


def new_run_id() -> str:
    """Return a run id: when it began (UTC) and four random letters, so that ids sort by time and are easy to say."""
    letters = ""
    while len(letters) < 4:  # of a byte's 256 values 240 are ten times the alphabet
        letters += "".join(_LETTERS[byte % 24] for byte in os.urandom(4) if byte < 240)
    letters = letters[:4]
    return f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{letters}"


def default_jobs() -> int:
    """Return how many steps run at once when nobody says: one a core, at least 4, since many only wait."""
    return max(4, os.cpu_count() or 1)

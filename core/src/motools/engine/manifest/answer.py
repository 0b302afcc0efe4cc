"""A run from a manifest: the same events and records as the usual way makes, or nothing at all."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from motools.canonical import digest_bytes
from motools.engine.manifest.places import unchanged
from motools.engine.manifest.question import FORMAT, Question
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from motools.engine.identity import StepKey
    from motools.engine.record import Listener, RunEvent
    from motools.engine.state import RunState
    from motools.store import Store
    from motools.workflow.graph import Graph

_LEASE_SECONDS = 30.0


class Answered(NamedTuple):
    """A run that a manifest answered.

    Args:
        run_id: the run.
        graph: the shape of its workflow.
        definition: what its record holds of it.
        state: how it ended.
    """

    run_id: str
    graph: Graph
    definition: Mapping[str, Any]
    state: RunState


class KnownKey(NamedTuple):
    """A step's key as a manifest has it."""

    digest: str
    complete: bool = True


class _DoubtError(Exception):
    """The run must go the usual way."""


def read(question: Question) -> dict[str, Any] | None:
    """Return the manifest that answers a question, whole and of this form; None where there is none."""
    try:
        digest, _, body = question.file.read_bytes().partition(b"\n")
        if digest != digest_bytes("manifest", body).encode():
            return None
        data = json.loads(body)
        return data if data["format"] == FORMAT and data["question"] == question.digest else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def answer(
    question: Question, *, user: str, jobs: int, inputs: Mapping[str, str], listeners: Sequence[Listener]
) -> Answered | None:
    """Return a new run whose steps all use earlier results; None where that cannot be told: then nothing was written.

    Args:
        question: what is asked.
        user: in whose name.
        jobs: how many steps may run at once, for the log.
        inputs: name → atom id, as said.
        listeners: called with each event after all are recorded.
    """
    manifest = read(question)
    if manifest is None:
        return None
    try:
        if not _holds(question, manifest):
            return None
        from motools.atom.current import store_at

        # It stays open: closing folds the log into the database, and what comes next would open it again.
        store = store_at(question.store, create=False)
        if store.readonly:
            return None
        found, events = _run(store, manifest, user, jobs, inputs)
    except (_DoubtError, MotoolsError, OSError, KeyError, TypeError, ValueError, AttributeError):
        return None  # the usual way says what is wrong, if anything is
    from motools.engine.newrun import tell_plugins

    for event in events:
        for listener in (*listeners, tell_plugins):
            listener(event)
    return found


def _holds(question: Question, manifest: Mapping[str, Any]) -> bool:
    """Say whether everything a manifest depends on, but for the store, is as it was."""
    if not question.loaded.isdisjoint(manifest["modules"]):
        return False  # what they hold now may be other than what their files say
    if not unchanged(manifest["files"], manifest["folders"], str(question.store)):
        return False
    from motools.engine.manifest.keep import catalog_digest

    return bool(manifest["catalog"] == catalog_digest()) and _secrets_there(manifest)


def _secrets_there(manifest: Mapping[str, Any]) -> bool:
    """Say whether the secrets that the settings refer to can be used, and none stands in the settings themselves."""
    from motools.config.secrets import known_value, redactor
    from motools.engine.secrets import remember_declared

    remember_declared()
    for name in manifest["secrets"]:
        known_value(name)
    known = redactor()
    return not known or known.find(json.dumps(manifest["definition"]["settings"], ensure_ascii=False).encode()) is None


def _run(
    store: Store, manifest: Mapping[str, Any], user: str, jobs: int, inputs: Mapping[str, str]
) -> tuple[Answered, list[RunEvent]]:
    from motools.engine.earlier import Earlier
    from motools.engine.newrun import check_inputs, new_run_id, started_body
    from motools.engine.record import Recorder
    from motools.engine.runplan import RunPlan
    from motools.engine.state import RunState
    from motools.store.leases import this_process
    from motools.store.runs import RunRow

    definition = manifest["definition"]
    graph = _graph(manifest)
    told: list[RunEvent] = []
    with store.transaction(full=True):
        if check_inputs(store, graph, inputs) != definition["inputs"]:
            raise _DoubtError
        run_id = new_run_id()
        while store.runs.has(run_id):
            run_id = new_run_id()
        plan = RunPlan(run_id, graph, {}, user, jobs, True, frozenset(), None, cast(Any, None))
        store.runs.create(RunRow(run_id, graph.name, user, definition))
        lease = store.runs.acquire(run_id, f"{this_process()}#{run_id}", _LEASE_SECONDS)
        state = RunState(graph)
        recorder = Recorder(store, run_id, lease.fence, state, [told.append])
        recorder.commit(("run_started", started_body(plan, definition)), status="running")
        earlier = Earlier(store, plan, recorder, {}, set(), only_own=True)
        for name in graph.nodes:
            known = manifest["keys"][name]
            values = {read: store.atoms.get(atom).value for read, atom in state.input_atoms(name).items()}
            key = cast("StepKey", KnownKey(known["key"]))
            if values != known["inputs"] or not earlier.use(name, f"{name}@1#1", key):
                raise _DoubtError
        recorder.commit(("run_completed", {"outputs": state.output_atoms}), full=True, status="completed")
        store.runs.release(lease)
    return Answered(run_id, graph, definition, state), told


def _graph(manifest: Mapping[str, Any]) -> Graph:
    """Return the shape of the workflow, its nodes in the order in which they stand there."""
    from motools.workflow.graph import Graph, Node, Source
    from motools.workflow.stored import stored_step

    nodes: dict[str, Node] = {}
    outputs: dict[str, Source] = {}
    for name, shape in manifest["nodes"]:
        reads = {read: Source(*source) for read, source in shape["reads"].items()}
        nodes[name] = Node(name, stored_step(name, shape), reads)
        outputs.update({written: Source(name, written) for written in shape["writes"]})
    return Graph(manifest["name"], nodes, dict(manifest["definition"]["graph"]["inputs"]), outputs)

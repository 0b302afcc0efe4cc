"""Making an atom again, with all it was made from, in an empty store: which runs that takes, and how what they make compares.

An atom that no run made, or whose run was made in a script that cannot be loaded, is copied and said to be given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from motools.engine.definition import graph_of, load_workflow
from motools.engine.outcomes import Outcome, compared
from motools.engine.state import RunState
from motools.errors import InputError, MotoolsError, RunError
from motools.workflow.stored import stored_graph

if TYPE_CHECKING:
    from motools.engine.record import Listener
    from motools.store import AtomRow, RunRow, Store


@dataclass
class Repeat:
    """A run to be done again, as far as it made what is wanted.

    Args:
        run: its record.
        state: the fold of its log.
        nodes: the nodes to run.
        made: atom → the node and output that made it.
    """

    run: RunRow
    state: RunState
    nodes: set[str] = field(default_factory=set)
    made: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def definition(self) -> dict[str, Any]:
        """What the run was begun with."""
        return cast(dict[str, Any], self.run.definition)


@dataclass(frozen=True)
class Reproduction:
    """What making an atom again takes.

    Args:
        target: the atom.
        given: atoms that are copied → why they cannot be made again.
        repeats: the runs, each after those it needs.
    """

    target: str
    given: Mapping[str, str]
    repeats: tuple[Repeat, ...]

    def outside(self) -> list[str]:
        """Return the steps that do work outside again, as `step (run)`.

        Raises:
            MotoolsError: a workflow cannot be loaded.
        """
        found = []
        for repeat in self.repeats:
            nodes = graph_of(load_workflow(repeat.definition["workflow"])).nodes
            found += [f"{n} ({repeat.run.id})" for n in nodes if n in repeat.nodes and nodes[n].step.effect != "pure"]
        return found


def plan_reproduction(store: Store, atom_id: str) -> Reproduction:
    """Return what it takes to make an atom again.

    Raises:
        NotFoundError: there is no such atom, or one it was made from is gone.
        RunError: the runs need each other's results in a circle.
    """
    target = store.atoms.get(atom_id).id
    repeats: dict[str, Repeat] = {}
    given: dict[str, str] = {}
    assigned: dict[str, str] = {}
    waiting = [target]
    while waiting:
        wanted = waiting.pop()
        if wanted in assigned or wanted in given:
            continue
        row = store.atoms.get(wanted)
        found = _maker(store, wanted)
        if isinstance(found, str):
            given[wanted] = found
            waiting += row.made_from.values()
            continue
        repeat = repeats.setdefault(found.run.id, found)
        for atom, place in _upstream(repeat, _place(repeat, wanted)[0]).items():
            if atom not in assigned and atom not in given:
                assigned[atom] = repeat.run.id
                repeat.made[atom] = place
            waiting += store.atoms.get(atom).made_from.values()
        waiting += repeat.definition["inputs"].values()
    return Reproduction(target, given, tuple(_in_order(store, repeats, assigned)))


def _maker(store: Store, atom_id: str) -> Repeat | str:
    """Return the run to repeat for an atom, the one that computed it before those that used it; or why there is none."""
    from motools.atom.provenance import makers

    known = sorted(makers(store, [atom_id])[atom_id], key=lambda maker: (maker.how != "computed", maker.at))
    rows = {maker.run: store.runs.get(maker.run) for maker in known if maker.workflow}
    for run in rows.values():
        if cast(dict[str, Any], run.definition)["workflow"] is not None:
            return Repeat(run, _state(store, run))
    if rows:
        return f"run {next(iter(rows))} was made in a script or notebook, which cannot be loaded"
    return "no run made it"


def _state(store: Store, run: RunRow) -> RunState:
    state = RunState(stored_graph(cast(dict[str, Any], run.definition)["graph"]))
    for event in store.events.read(run.id):
        state.apply(event.seq, event.type, event.body, event.at)
    return state


def _place(repeat: Repeat, atom_id: str) -> tuple[str, str]:
    for step in repeat.state.steps.values():
        for name, made in step.output_atoms.items():
            if made == atom_id:
                return step.name, name
    raise AssertionError("a maker's log names what it made")


def _upstream(repeat: Repeat, node: str) -> dict[str, tuple[str, str]]:
    """Add a node, and those it reads from, to what is repeated; return the atoms these made."""
    atoms: dict[str, tuple[str, str]] = {}
    waiting = [node]
    while waiting:
        name = waiting.pop()
        repeat.nodes.add(name)
        atoms |= {atom: (name, output) for output, atom in repeat.state.steps[name].output_atoms.items()}
        reads = repeat.state.graph.nodes[name].reads.values()
        waiting += [source.node for source in reads if source.node is not None and source.node not in repeat.nodes]
    return atoms


def _in_order(store: Store, repeats: Mapping[str, Repeat], assigned: Mapping[str, str]) -> list[Repeat]:
    """Return the runs such that each comes after those that make what it reads."""
    needs: dict[str, set[str]] = {}
    for run_id, repeat in repeats.items():
        read = {*repeat.definition["inputs"].values()}
        for atom in repeat.made:
            read.update(store.atoms.get(atom).made_from.values())
        needs[run_id] = {assigned[atom] for atom in read if atom in assigned} - {run_id}
    ordered: list[Repeat] = []
    while needs:
        free = [run_id for run_id, wanted in needs.items() if not wanted & needs.keys()]
        if not free:
            raise RunError(f"the runs {', '.join(needs)} need each other's results, so none can be repeated first")
        ordered += [repeats[run_id] for run_id in free]
        for run_id in free:
            del needs[run_id]
    return ordered


async def areproduce(
    store: Store, into: Store, plan: Reproduction, *, jobs: int | None = None, listeners: Sequence[Listener] = ()
) -> list[Outcome]:
    """Make everything again in `into` and compare; the target comes last.

    Args:
        store: where the originals are.
        into: an empty store.
        jobs: how many steps may run at once.
        listeners: called with each event of the new runs.

    Raises:
        InputError: `into` is not empty. StoreError: a store cannot be used.
    """
    if into.atoms.find(limit=1) or into.runs.list(limit=1):
        raise InputError(
            f"the store '{into.path}' is not empty", hint="Name a folder that does not exist; nothing was made."
        )
    new: dict[str, str] = {}
    outcomes: dict[str, Outcome] = {}

    def copy_given() -> None:
        for atom, why in plan.given.items():
            row = store.atoms.get(atom)
            if atom not in new and all(parent in new for parent in row.made_from.values()):
                new[atom] = _copy(store, into, row, new).id
                outcomes[atom] = Outcome(atom, row.type, "given", new[atom], why=(why,))

    def copy_all_given() -> None:
        before = -1
        while before != len(new):  # one may be made from another, or from what a run makes
            before = len(new)
            copy_given()

    copy_all_given()
    for repeat in plan.repeats:
        for outcome in await _repeat(store, into, repeat, new, jobs, listeners):
            outcomes[outcome.atom] = outcome
            if outcome.made is not None:
                new[outcome.atom] = outcome.made
        copy_all_given()
    for atom, why in plan.given.items():
        if atom not in outcomes:
            outcomes[atom] = Outcome(
                atom, store.atoms.get(atom).type, "failed", why=("what it was made from was not made again", why)
            )
    target = outcomes.pop(plan.target)
    return [*outcomes.values(), target]


def _copy(store: Store, into: Store, row: AtomRow, new: Mapping[str, str]) -> AtomRow:
    """Put an atom that cannot be made again into the other store."""
    kind = store.content.get(row.content).kind
    if kind == "value":
        content = into.content.put_value(store.content.value(row.content))
    else:
        content = into.content.put_path(store.content.path(row.content))
    return into.atoms.add(
        type=row.type,
        user=row.user,
        content=content.digest,
        metadata=row.metadata,
        made_from={name: new[parent] for name, parent in row.made_from.items()},
        tags=row.tags,
    )


async def _repeat(
    store: Store, into: Store, repeat: Repeat, new: Mapping[str, str], jobs: int | None, listeners: Sequence[Listener]
) -> list[Outcome]:
    """Do a run again and compare what it made."""
    from motools.engine.api import arun_workflow

    def failed(why: str, atoms: Iterable[str]) -> list[Outcome]:
        return [
            Outcome(atom, store.atoms.get(atom).type, "failed", None, repeat.run.id, repeat.made[atom][0], (why,))
            for atom in atoms
        ]

    definition = repeat.definition
    missing = [name for name, atom in definition["inputs"].items() if atom not in new]
    if missing:
        return failed(f"its input {', '.join(missing)} was not made again", repeat.made)
    try:
        state = await arun_workflow(
            definition["workflow"],
            {name: new[atom] for name, atom in definition["inputs"].items()},
            _renamed(definition["settings"], new),
            repeat.run.user,
            store=into,
            jobs=jobs,
            stages=None if repeat.nodes == repeat.state.steps.keys() else sorted(repeat.nodes),
            listeners=listeners,
            raise_on_failure=False,
        )
    except MotoolsError as problem:
        where = f"{problem.where}: " if problem.where else ""
        return failed(f"its run cannot be done again: {where}{problem.message}", repeat.made)
    outcomes = []
    order = list(repeat.state.steps)
    for atom, (node, output) in sorted(repeat.made.items(), key=lambda item: order.index(item[1][0])):
        step = state.step_states.get(node)
        made = None if step is None else step.output_atoms.get(output)
        if made is None:
            error = (step.error if step else None) or {}
            outcomes += failed(str(error.get("message") or "a step before it failed"), [atom])
        else:
            key = repeat.state.steps[node].key
            outcomes.append(compared(store, into, (atom, made), (key, step.key if step else None), repeat.run.id, node))
    return outcomes


def _renamed(settings: Any, new: Mapping[str, str]) -> Any:
    """Return settings with the ids of atoms replaced by those of the new ones."""
    if isinstance(settings, dict):
        return {name: _renamed(value, new) for name, value in settings.items()}
    if isinstance(settings, list):
        return [_renamed(value, new) for value in settings]
    if isinstance(settings, str):
        return new.get(settings, settings)
    return settings

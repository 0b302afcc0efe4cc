"""What a run would do, step by step and why, without doing it: nothing is written, not even a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast

from motools.canonical import JSON
from motools.engine.code import CodeBook
from motools.engine.definition import graph_of, load_workflow
from motools.engine.expect import Expectations, Expected
from motools.engine.explain import Change, nearest, told, words
from motools.engine.hits import Hit, find_hit
from motools.engine.identity import OF_INPUTS, StepKey, step_key
from motools.engine.references import backends
from motools.engine.settings import step_settings
from motools.engine.stages import choose_reruns, choose_stages, skipped_steps
from motools.errors import InputError
from motools.workflow.graph import Graph, Node

if TYPE_CHECKING:
    from motools.store import AtomRow, KeyRow, Store
    from motools.store.equivalences import EquivalenceRow
    from motools.workflow.workflow import Workflow

Outlook = Literal["CACHED", "RUN", "BLOCKED", "ASKS", "SKIPPED"]
"""CACHED: an earlier result is used. RUN: it is computed. BLOCKED: what it reads is not known before another step has run.
ASKS: a person is asked. SKIPPED: the run leaves it out."""

HISTORY = 1000
"""How many earlier computations of a component are looked at."""


@dataclass(frozen=True)
class PlannedStep:
    """What would become of one step.

    Args:
        name: the step.
        outlook: see `Outlook`.
        reasons: why, in words; for CACHED empty, or by whom it was accepted.
        key: its key, where it is known already.
        parts: what the key is made of, so far as it is known.
        changes: how it differs from the nearest earlier computation.
        beside: that computation.
        hit: the result that is used.
        waits_for: the steps that must run first (BLOCKED).
        certain: whether it is computed whatever they make (BLOCKED).
        never_used: why no result of it is ever used again, if so.
        expected: what earlier computations took.
    """

    name: str
    outlook: Outlook
    reasons: tuple[str, ...] = ()
    key: str | None = None
    parts: Mapping[str, JSON] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    beside: KeyRow | None = None
    hit: Hit | None = None
    waits_for: tuple[str, ...] = ()
    certain: bool = False
    never_used: str | None = None
    expected: Expected = field(default_factory=Expected)

    @property
    def runs(self) -> bool:
        """Whether it will be computed, as far as one can know."""
        return self.outlook == "RUN" or self.certain


def plan_workflow(
    workflow: Workflow | str,
    input_atoms: Mapping[str, str] | None = None,
    config: Any = None,
    *,
    store: Store | None,
    cache: bool = True,
    rerun: Sequence[str] = (),
    stages: str | Sequence[str] | None = None,
    config_document: Any = None,
) -> Planner:
    """Return what `run_workflow` with the same arguments would do: a planner that has walked, with `steps`.

    Args:
        store: where results are looked up; None where there is no store yet. Nothing is written.

    Raises:
        InputError, ConfigError, NotFoundError, PluginError, StepError: the run could not begin, or would fail over a key.
    """
    graph = graph_of(load_workflow(workflow) if isinstance(workflow, str) else workflow)
    configs = step_settings(graph, config, at=config_document)
    planner = planner_of(graph, configs, input_atoms, store=store, cache=cache, rerun=rerun, stages=stages)
    planner.walk()
    return planner


def planner_of(
    graph: Graph,
    configs: Mapping[str, Any],
    input_atoms: Mapping[str, str] | None = None,
    *,
    store: Store | None,
    cache: bool = True,
    rerun: Sequence[str] = (),
    stages: str | Sequence[str] | None = None,
) -> Planner:
    """Return a planner that has not walked yet; arguments and errors are those of `plan_workflow`."""
    from motools.engine.newrun import check_inputs

    chosen = choose_stages(graph, stages)
    again = choose_reruns(graph, rerun, chosen)
    given = dict(input_atoms or {})
    if given and store is None:
        raise InputError("there is no store yet, so there are no atoms to read", where=f"workflow '{graph.name}'")
    inputs = check_inputs(cast("Store", store), graph, given)  # where nothing is given nothing is looked up
    return Planner(store, graph, configs, inputs, cache=cache, rerun=again, stages=chosen)


class Planner:
    """Walks a graph as the driver does, with keys and the store, and runs nothing.

    Args:
        store: where results are looked up; None where there is no store yet.
        graph: the compiled workflow.
        configs: node → its settings.
        inputs: name → id of each atom the run would be given.
        cache, rerun, stages: as in `RunPlan`.
    """

    def __init__(
        self,
        store: Store | None,
        graph: Graph,
        configs: Mapping[str, Any],
        inputs: Mapping[str, str],
        *,
        cache: bool = True,
        rerun: frozenset[str] = frozenset(),
        stages: frozenset[str] | None = None,
    ) -> None:
        self.store = store
        self.graph = graph
        self.configs = configs
        self.cache = cache
        self.rerun = rerun
        self.stages = stages
        self.steps: dict[str, PlannedStep] = {}
        self._codes = CodeBook()
        self._syntaxes: dict[str, JSON] = {}
        self._expectations = Expectations(store)
        self._inputs = {name: store.atoms.get(atom_id) for name, atom_id in inputs.items()} if store else {}

    def again(self, configs: Mapping[str, Any]) -> Planner:
        """Return a planner for other settings, which shares what this one has read of code and of earlier computations."""
        self._histories.keys()  # made now, so that both have the same
        other = copy(self)
        other.configs, other.steps = configs, {}
        return other

    def _repr_html_(self) -> str:
        from motools.engine.shown import plan_html

        return plan_html(self)

    def walk(self) -> list[PlannedStep]:
        """Return what would become of every step, in the order of the workflow.

        Raises:
            StepError, InputError: a key cannot be made: the run would fail there.
            CorruptError: a stored result is altered.
        """
        skipped = skipped_steps(self.graph, self.stages)
        for node in self.graph.nodes.values():
            if node.name in skipped:
                self.steps[node.name] = PlannedStep(node.name, "SKIPPED", ("left out by --stages",))
            else:
                self.steps[node.name] = self._step(node)
        return list(self.steps.values())

    def _step(self, node: Node) -> PlannedStep:
        waits_for = tuple(name for name in node.after if self.steps[name].hit is None)
        if waits_for:
            return self._blocked(node, waits_for)
        atoms = {name: self._read(node, name) for name in node.reads}
        key = self._key(node, atoms)
        never = never_used(node, key)
        forced = self._forced(node, never)
        lost = None
        if not forced and self.store is not None:
            found = find_hit(self.store, key.digest, node.step.output_atom_types)
            if isinstance(found, Hit):
                said = tuple(accepted_words(decision) for decision in found.accepted)
                return PlannedStep(node.name, "CACHED", said, key.digest, key.parts, hit=found)
            lost = found.lost
        near = nearest(key.parts, self._history(key.component), node.name)
        reasons: tuple[str, ...]
        if forced:
            reasons = (forced,)
        elif lost is not None:
            reasons = (f"a stored file of its result (run {lost.run_id}) is missing",)
        elif near is None:
            reasons = ("never computed",)
        else:
            reasons = tuple(self._words(node, change, near[0]) for change in told(near[1]))
            reasons = reasons or ("never computed to the end",)
        return PlannedStep(
            node.name,
            "RUN",
            reasons,
            key.digest,
            key.parts,
            near[1] if near else (),
            near[0] if near else None,
            never_used=never,
            expected=self._expected(node, key),
        )

    def source(self, digest: str) -> str | None:
        """Return the text of a definition by its digest: as it is now, or as the store kept it; None where neither is."""
        from motools.engine.code import source, source_text

        if digest in self._syntaxes:
            return source(self._syntaxes[digest])
        return source_text(self.store, digest) if self.store else None

    def _key(self, node: Node, atoms: Mapping[str, AtomRow]) -> StepKey:
        key = step_key(
            node,
            self.configs[node.name],
            {name: atom.value for name, atom in atoms.items()},
            codes=self._codes,
            metadata=lambda: {name: atom.metadata for name, atom in atoms.items()},
        )
        for code in key.codes:
            self._syntaxes.update({str(code.parts[name]): syntax for name, syntax in code.syntaxes.items()})
        return key

    def _blocked(self, node: Node, waits_for: tuple[str, ...]) -> PlannedStep:
        """Say what is known of a step whose inputs are not: whether it must be computed whatever they will be."""
        key = self._key(
            node, {name: self._read(node, name) for name, source in node.reads.items() if source.node not in waits_for}
        )
        parts = {name: part for name, part in key.parts.items() if name not in OF_INPUTS}
        never = never_used(node, key)
        forced = self._forced(node, never)
        near = nearest(parts, self._history(key.component), node.name, without=OF_INPUTS)
        listed = " and ".join(waits_for)
        if forced:
            after, certain = forced, True
        elif near is None:
            after, certain = "never computed", True
        elif near[1]:
            after, certain = "; ".join(words(change) for change in told(near[1])), True
        else:
            after, certain = (
                f"cached if {listed} {'make' if len(waits_for) > 1 else 'makes'} what was made before",
                False,
            )
        return PlannedStep(
            node.name,
            "BLOCKED",
            (f"waits for {listed}", after),
            parts=parts,
            changes=near[1] if near else (),
            beside=near[0] if near else None,
            waits_for=waits_for,
            certain=certain,
            never_used=never,
            expected=self._expected(node, key),
        )

    def _expected(self, node: Node, key: StepKey) -> Expected:
        references = cast("Mapping[str, JSON]", key.parts["references"])
        return self._expectations.of(self._history(key.component), references, backends(self.configs[node.name]))

    def repeats(self, node: str) -> bool:
        """Say whether a node is computed although its result may be known."""
        return (self.stages is None or node in self.stages) and (not self.cache or node in self.rerun)

    def _forced(self, node: Node, never: str | None) -> str | None:
        """Return why an earlier result would not be used even if there is one."""
        if self.repeats(node.name):
            return f"asked for with {'--rerun' if node.name in self.rerun else '--no-cache'}"
        return never

    def _words(self, node: Node, change: Change, beside: KeyRow) -> str:
        name = str(change.path[0]) if change.path else ""
        if change.part != "inputs" or name not in node.reads or self.store is None:
            return words(change)
        return change_words(self.store, change, beside, node.reads[name].node, self._read(node, name).id)

    def _read(self, node: Node, name: str) -> AtomRow:
        source = node.reads[name]
        if source.node is None:
            return self._inputs[source.name]
        hit = self.steps[source.node].hit
        assert hit is not None
        return hit.atoms[source.name]

    def _history(self, component: str) -> list[KeyRow]:
        if component not in self._histories:
            self._histories[component] = self.store.keys.history(component, HISTORY) if self.store else []
        return self._histories[component]

    @cached_property
    def _histories(self) -> dict[str, list[KeyRow]]:
        return {}


def change_words(store: Store, change: Change, beside: KeyRow, source: str | None, now: str | None) -> str:
    """Return the change of an input in words: the step it comes from, and the atoms before and now.

    Args:
        store: where the earlier atom is looked up.
        change: the change.
        beside: the earlier computation.
        source: the step that writes the input; None for an input of the run.
        now: id of the atom that is read now.
    """
    if change.kind != "changed" or now is None:
        return words(change)
    made = [store.atoms.get(atom_id).made_from for atom_id in beside.outputs.values()]
    before = next((parents[str(change.path[0])] for parents in made if change.path[0] in parents), None)
    atoms = f"'{before}' → '{now}'" if before else f"it is '{now}' now"
    because = f" because {source} made something else" if source else ""
    return f"{words(change)}{because}: {atoms}"


def never_used(node: Node, key: StepKey) -> str | None:
    """Return why no result under a key is ever used again; None where it is."""
    if not node.step.cache:
        return "its results are never used again (cache=False)"
    return None if key.complete else f"its key does not say everything: {why_incomplete(key)}"


def accepted_words(decision: EquivalenceRow) -> str:
    """Return by whom and why an earlier result is used."""
    import time

    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(decision.at))
    return f"accepted by {decision.user}, {when}, because: {decision.reason}"


def why_incomplete(key: StepKey) -> str:
    """Return what of a key's code cannot be told from other code."""

    def reasons(value: Any, place: str) -> list[str]:
        if not isinstance(value, dict):
            return []
        said = value.get("uncached") or value.get("unknown")
        here = [f"{place}{'' if said is True else f' ({said})'}"] if said else []
        return here + [text for name, item in value.items() for text in reasons(item, f"{place} {name}")]

    references = cast(dict[str, Any], key.parts["references"])
    found = reasons(key.parts["code"], "its code")
    for place, identity in references.items():
        found += reasons(identity, f"what config.{place} names")
    return "; ".join(found) or "its code has no source and no version"


def check_left_out(
    store: Store,
    graph: Graph,
    configs: Mapping[str, Any],
    inputs: Mapping[str, str],
    stages: frozenset[str],
    *,
    cache: bool,
    rerun: frozenset[str],
) -> None:
    """Make sure, as far as one can before anything runs, that what chosen steps read of others is there.

    Raises:
        InputError: a step that is left out has no earlier result to use.
    """
    planner = Planner(store, graph, configs, inputs, cache=cache, rerun=rerun, stages=stages)
    for planned in planner.walk():
        # A step that waits may still meet an earlier result, but not where there was never any.
        lacking = planned.outlook == "RUN" or (planned.certain and planned.beside is None)
        if planned.name not in stages and lacking:
            readers = [name for name in graph.successors[planned.name] if planner.steps[name].outlook != "SKIPPED"]
            why = "; ".join(planned.reasons[1:] if planned.waits_for else planned.reasons)
            raise InputError(
                f"step '{planned.name}' is left out, and there is no result of it to use ({why})",
                where="--stages",
                hint=f"{_names(readers)} reads it. Run it first, with --stages {planned.name}, or name it too.",
            )


def _names(names: list[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)

"""Using earlier results: bound to the run that asks, with a record of where they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from motools.engine.hits import Hit, find_hit
from motools.errors import NotFoundError

if TYPE_CHECKING:
    from motools.engine.identity import StepKey
    from motools.engine.record import Recorder
    from motools.engine.runplan import RunPlan
    from motools.store import AtomRow, KeyRow, Store


class Earlier:
    """The earlier results that one run may use.

    Args:
        store: where they are.
        plan: what the run is to do.
        recorder: writes the run's log.
        atoms: id → row of the atoms the run knows; added to.
        sources_kept: digests of sources that the run has stored; added to.
        only_own: whether to leave alone what is there because a person said so, or is not there any more.
    """

    def __init__(
        self,
        store: Store,
        plan: RunPlan,
        recorder: Recorder,
        atoms: dict[str, AtomRow],
        sources_kept: set[str],
        only_own: bool = False,
    ) -> None:
        self._store = store
        self._plan = plan
        self._recorder = recorder
        self._atoms = atoms
        self._sources_kept = sources_kept
        self._only_own = only_own
        self._lost: set[str] = set()

    def use(self, node: str, activation: str, key: StepKey) -> bool:
        """Bind the result stored under `key` to this run, if there is one whose objects are all there."""
        if not self.may_use(node, key):
            return False
        seen_within = self._recorder.within
        hit = find_hit(self._store, key.digest, self._plan.graph.nodes[node].step.output_atom_types)
        if not isinstance(hit, Hit):
            if hit.lost is not None and not self._only_own:
                self._tell_lost(node, activation, hit.lost)
            return False
        if hit.accepted and self._only_own:
            return False
        inputs = self._recorder.state.input_atoms(node)
        body: dict[str, Any] = {
            "node": node,
            "activation": activation,
            "key": key.digest,
            "outputs": {},
            "reused_from": dict(hit.row.outputs),
            "run": hit.row.run_id,
        }
        if hit.accepted:
            body["accepted"] = [decision.to_json() for decision in hit.accepted]
            body["parts"] = dict(key.parts)

        def bind() -> None:
            if hit.accepted:
                key.keep_sources(self._store, self._sources_kept)
            for name, atom in hit.atoms.items():
                if (atom.user, atom.made_from) == (self._plan.user, inputs):
                    # What would be added is there; seen outside of a transaction, it may be gone since.
                    mine = atom if seen_within else self._store.atoms.get(atom.id)
                else:
                    mine = self._store.atoms.add(
                        type=atom.type,
                        user=self._plan.user,
                        content=atom.content,
                        metadata=atom.metadata,
                        made_from=inputs,
                        tags=atom.tags,
                        reused_from=atom.id,
                    )
                self._atoms[mine.id] = mine
                body["outputs"][name] = mine.id

        try:
            self._recorder.commit(("step_cached", body), before=bind)
        except NotFoundError:
            if self.has(node, key):
                raise
            return False  # `store gc` took it away between the look and the commit
        return True

    def may_use(self, node: str, key: StepKey) -> bool:
        """Say whether a node of that key may be given an earlier result at all."""
        return self._plan.graph.nodes[node].step.cache and key.complete and not self._plan.repeats(node)

    def has(self, node: str, key: StepKey) -> bool:
        """Say whether there is a result under that key whose objects are all there."""
        outputs = self._plan.graph.nodes[node].step.output_atom_types
        return isinstance(find_hit(self._store, key.digest, outputs), Hit)

    def _tell_lost(self, node: str, activation: str, lost: KeyRow) -> None:
        """Record that an earlier result is not there any more, so that it is computed again; refuse where that is unsafe."""
        from motools.engine.recovery import refuse_unsafe

        refuse_unsafe(self._plan.graph.nodes[node], list(lost.outputs.values()))
        if activation not in self._lost:
            self._lost.add(activation)
            body = {
                "node": node,
                "activation": activation,
                "key": lost.key,
                "run": lost.run_id,
                "outputs": lost.outputs,
            }
            self._recorder.commit(("result_lost", body))

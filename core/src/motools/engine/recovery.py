"""After a loss of power: results that were recorded and whose objects never reached the disk.

What can be computed again is, with an event that says so; anything else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.errors import CorruptError

if TYPE_CHECKING:
    from motools.engine.state import RunState
    from motools.store import Store
    from motools.workflow.graph import Node


def lost_results(store: Store, state: RunState) -> list[str]:
    """Return the steps that are done, whose results are gone, and that something still to be done, or the end, needs.

    Raises:
        CorruptError: one of them cannot be computed again, or an object is there but altered.
    """
    lost: list[str] = []
    looked_at: set[str] = set()
    waiting = [name for name, step in state.steps.items() if not step.done and step.status != "skipped"]
    waiting += [source.node for source in state.graph.outputs.values() if source.node is not None]
    for name in waiting:  # grows
        if name in looked_at:
            continue
        looked_at.add(name)
        step = state.steps[name]
        if step.done:
            if all(store.content.exists(store.atoms.get(atom).content) for atom in step.output_atoms.values()):
                continue
            refuse_unsafe(state.graph.nodes[name], list(step.output_atoms.values()))
            lost.append(name)
        waiting += [source.node for source in state.graph.nodes[name].reads.values() if source.node is not None]
    return [name for name in state.steps if name in lost]


def refuse_unsafe(node: Node, atoms: list[str]) -> None:
    """Refuse to compute a lost result again where that is not safe.

    Raises:
        CorruptError: the step's effect is `unsafe`.
    """
    if node.step.effect == "unsafe":
        raise CorruptError(
            f"files of its result ({', '.join(atoms)}) are gone from the store, and doing it again is not safe",
            where=f"step '{node.name}'",
            hint="Put the files back from a copy of the store (`motools store verify` names them), or ask for it with "
            f"--rerun {node.name}.",
        )

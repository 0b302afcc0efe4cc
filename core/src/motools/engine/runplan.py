"""What a run is to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from motools.engine.code import CodeBook
    from motools.workflow.graph import Graph


class RunPlan(NamedTuple):
    """All that driving a run needs besides the store.

    Args:
        run_id: whose run.
        graph: the compiled workflow.
        configs: node → its settings (None: it has none).
        user: in whose name atoms are made.
        jobs: how many steps may run at once.
        cache: whether earlier results are used.
        rerun: nodes to compute again although their result is known.
        stages: the nodes to do; of the others only earlier results are used. None: all.
        codes: the code of the run, taken at its start.
    """

    run_id: str
    graph: Graph
    configs: Mapping[str, Any]
    user: str
    jobs: int
    cache: bool
    rerun: frozenset[str]
    stages: frozenset[str] | None
    codes: CodeBook

    def leaves_out(self, node: str) -> bool:
        """Say whether a node is not to be computed by this run."""
        return self.stages is not None and node not in self.stages

    def repeats(self, node: str) -> bool:
        """Say whether a node is computed although its result may be known."""
        return not self.leaves_out(node) and (not self.cache or node in self.rerun)

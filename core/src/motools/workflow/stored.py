"""The shape of a graph as a run's record holds it, for reading logs without the workflow's code."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter
from typing import Any

from motools.workflow.graph import Graph, Node, Source
from motools.workflow.step import Step


def stored_graph(shape: Mapping[str, Any]) -> Graph:
    """Return a graph from `Graph.to_json()`. Its steps know what they read and write; they cannot be run."""
    nodes: dict[str, Node] = {}
    outputs: dict[str, Source] = {}
    # A record keeps its names sorted; in a graph each node comes after those it reads from.
    before = {name: [s for s, _ in node["reads"].values() if s is not None] for name, node in shape["nodes"].items()}
    for name in TopologicalSorter(before).static_order():
        node = shape["nodes"][name]
        nodes[name] = Node(
            name, stored_step(name, node), {read: Source(*source) for read, source in node["reads"].items()}
        )
        outputs.update({written: Source(name, written) for written in node["writes"]})
    return Graph(shape["name"], nodes, dict(shape["inputs"]), outputs)


def stored_step(name: str, node: Mapping[str, Any]) -> Step:
    """Return a step by the shape of its node: it knows what it writes, and cannot be run."""
    # A cell of a matrix is called what no step may be called.
    called = name if name.isidentifier() else "cell"
    return Step(called, {}, node["writes"], None, _not_runnable, effect=node["effect"])


def _not_runnable(config: Any, input_atoms: Any, workspace: Any) -> None:
    raise AssertionError("a graph read from a log is not for running")

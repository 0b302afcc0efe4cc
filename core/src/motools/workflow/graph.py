"""The compiled form of every workflow: nodes, and for each what it reads from where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from motools.workflow.step import Step


class Source(NamedTuple):
    """Where an atom that a node reads comes from: output `name` of `node`, or (node None) input `name` of the run."""

    node: str | None
    name: str


@dataclass(eq=False)
class Node:
    """A place in the graph."""

    name: str
    step: Step
    reads: Mapping[str, Source]
    """Name the step reads it by → where it comes from."""

    @cached_property
    def after(self) -> tuple[str, ...]:
        """The nodes that must have ended before this one starts."""
        return tuple(dict.fromkeys(source.node for source in self.reads.values() if source.node is not None))


@dataclass(eq=False)
class Graph:
    """A workflow ready to run. Nodes are in an order in which each comes after those it reads from."""

    name: str
    nodes: Mapping[str, Node]
    inputs: Mapping[str, str]
    """Name → type of each atom a run must be given."""
    outputs: Mapping[str, Source]
    """Name → the last node that writes it."""
    config_class: type[Any] | None = None

    @cached_property
    def successors(self) -> Mapping[str, tuple[str, ...]]:
        """Node → the nodes that read from it."""
        following: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for before in node.after:
                following[before].append(node.name)
        return {name: tuple(after) for name, after in following.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the shape of the graph as JSON values: what reads what from where."""
        return {
            "name": self.name,
            "inputs": dict(self.inputs),
            "nodes": {
                node.name: {
                    "reads": {name: [source.node, source.name] for name, source in node.reads.items()},
                    "writes": dict(node.step.output_atom_types),
                    "effect": node.step.effect,
                }
                for node in self.nodes.values()
            },
        }

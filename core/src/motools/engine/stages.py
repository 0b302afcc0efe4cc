"""Which steps of a workflow a run is about: `--stages` and `--rerun`."""

from __future__ import annotations

from collections.abc import Sequence

from motools.errors import InputError, did_you_mean
from motools.workflow.graph import Graph


def choose_stages(graph: Graph, said: str | Sequence[str] | None) -> frozenset[str] | None:
    """Return the steps a run is to do; None means all.

    Args:
        graph: the compiled workflow.
        said: names, and ranges of the workflow's list with both ends included: `a,b`, `a:c`, `:b`, `b:`; a text with commas
            or a list of such.

    Raises:
        InputError: there is no step of that name, a range ends before it begins, or nothing is named.
    """
    if said is None:
        return None
    texts = [part.strip() for part in (said.split(",") if isinstance(said, str) else said)]
    order = list(graph.nodes)
    chosen: set[str] = set()
    for text in texts:
        first, colon, last = (part.strip() for part in text.partition(":"))
        if not colon:
            chosen.add(_known(graph, first, "--stages"))
            continue
        begin = order.index(_known(graph, first, "--stages")) if first else 0
        end = order.index(_known(graph, last, "--stages")) if last else len(order) - 1
        if begin > end:
            raise InputError(
                f"'{text}' ends before it begins",
                where="--stages",
                hint=f"The steps are, in this order: {_names(order)}.",
            )
        chosen.update(order[begin : end + 1])
    if not chosen:
        raise InputError("no step is named", where="--stages", hint=f"The steps are {_names(order)}.")
    return frozenset(chosen)


def choose_reruns(graph: Graph, names: Sequence[str], stages: frozenset[str] | None) -> frozenset[str]:
    """Return the steps to compute again though their result is known.

    Raises:
        InputError: there is no step of that name, or it is left out by `stages`.
    """
    for name in names:
        _known(graph, name, "--rerun")
        if stages is not None and name not in stages:
            raise InputError(
                f"step '{name}' is to run again, but --stages leaves it out", where="--rerun", hint="Name it in both."
            )
    return frozenset(names)


def skipped_steps(graph: Graph, stages: frozenset[str] | None) -> frozenset[str]:
    """Return the steps that a run has nothing to do with: neither chosen nor before a chosen one."""
    if stages is None:
        return frozenset()
    needed = set(stages)
    for node in reversed(list(graph.nodes.values())):
        if node.name in needed:
            needed.update(node.after)
    return frozenset(graph.nodes) - needed


def _known(graph: Graph, name: str, where: str) -> str:
    if name not in graph.nodes:
        near = did_you_mean(name, graph.nodes)
        raise InputError(
            f"there is no step '{name}' in workflow '{graph.name}'",
            where=where,
            hint=near or f"The steps are {_names(list(graph.nodes))}.",
        )
    return name


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)

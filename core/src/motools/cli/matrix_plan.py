"""`motools workflow plan` and `validate` of a matrix: every cell, and in all what is computed once however many need it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from motools.canonical import JSON, digest_json
from motools.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from motools.config.document import Document
    from motools.engine.cells import CheckedMatrix
    from motools.engine.plan import PlannedStep, Planner
    from motools.workflow.graph import Graph

_REASONS_SHOWN = 40


def validate_matrix(graph: Graph, document: Document, name: str, *, as_json: bool) -> None:
    """Check every cell of a matrix, and say how many there are.

    Raises:
        ConfigError, DataError: a cell's settings, or rows they name, are wrong.
    """
    import asyncio

    from motools.engine.cells import check_cells_data, check_matrix

    checked = check_matrix(graph, document)
    asyncio.run(check_cells_data(checked))
    if as_json:
        cells = [{**done.to_json(), "cell": done.cell.name} for done in checked.cells]
        for cell in cells:
            del cell["name"]
        print_json({"workflow": graph.name, "valid": True, "settings": {}, "cells": cells})
    else:
        click.echo(f"valid: {name} for workflow {graph.name} ({', '.join(graph.nodes)}), {size(checked)}")


def size(checked: CheckedMatrix) -> str:
    """Return how many cells a matrix has, and of what: `6 cells (2 arms × 3 seeds)`."""
    matrix, count = checked.matrix, len(checked.cells)
    words = []
    for axis in sorted(matrix.axes, key=lambda axis: axis.kind == "seeds"):
        name = axis.name if len(axis.choices) != 1 or not axis.name.endswith("s") else axis.name[:-1]
        words.append(f"{len(axis.choices)} {name}")
    made = " × ".join(words)
    if matrix.exclude:
        made += ", less 'exclude'"
    if matrix.include:
        made += ", and 'include'"
    return f"{count} cell{'s' if count != 1 else ''}" + (f" ({made})" if made else "")


def show_matrix_plan(
    name: str,
    given: Any,
    document: Any,
    inputs: dict[str, str],
    store: Path,
    *,
    cache: bool,
    rerun: Sequence[str],
    stages: str | None,
    diff: bool,
    as_json: bool,
) -> None:
    """Print what a run of the matrix would do; nothing is written, also where there is no store yet."""
    from motools.cli.plan import existing_store, plan_summary, print_diffs, step_json, step_words, total
    from motools.engine.cells import check_matrix
    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.explain import code_diffs
    from motools.engine.plan import planner_of

    graph = graph_of(load_workflow(name))
    checked = check_matrix(graph, document)
    with existing_store(store) as opened:
        planner = planner_of(graph, {}, inputs, store=opened, cache=cache, rerun=rerun, stages=stages)
        plans = {done.cell.name: _walked(planner.again(done.configs)) for done in checked.cells}
        once: dict[str, tuple[PlannedStep, list[str]]] = {}
        marks: dict[str, dict[str, str]] = {}
        for cell, planned in plans.items():
            marks[cell] = _marks(cell, planned, once)
        steps = [step for step, _ in once.values()]
        diffs = [code_diffs(step.changes, planner.source) if diff else {} for step in steps]
    if as_json:
        print_json(
            {
                "workflow": graph.name,
                "store": str(store) if opened else None,
                "steps": [
                    {**step_json(step), "diffs": found, "cells": cells}
                    for (step, cells), found in zip(once.values(), diffs, strict=True)
                ],
                "cells": [
                    {"cell": cell, "steps": {step: word.upper() for step, word in of.items()}}
                    for cell, of in marks.items()
                ],
                "expected_seconds": total(step.expected.seconds for step in steps if step.runs),
                "expected_cost_usd": total(step.expected.cost_usd for step in steps if step.runs),
            }
        )
        return
    print_table(("cell", *graph.nodes), [(cell, *of.values()) for cell, of in marks.items()])
    _print_reasons([(step, cells) for step, cells in once.values() if step.outlook != "CACHED"], step_words)
    for step, found in zip(steps, diffs, strict=True):
        print_diffs(step.name, found)
    click.echo(f"\n{size(checked)}. Each step counted once: {plan_summary(steps)}")


def _walked(planner: Planner) -> Planner:
    planner.walk()
    return planner


def _marks(cell: str, planner: Planner, once: dict[str, tuple[PlannedStep, list[str]]]) -> dict[str, str]:
    """Return step → what becomes of it in a cell; `once` gathers every step that is used or computed, with its cells."""
    marks: dict[str, str] = {}
    idents: dict[str, str] = {}
    for name, step in planner.steps.items():
        idents[name] = ident = _ident(cell, name, planner, idents)
        known = once.get(ident)
        if known is None:
            once[ident] = (step, [cell])
        else:
            known[1].append(cell)
        shared = known is not None and step.outlook not in ("CACHED", "SKIPPED")
        marks[name] = "shared" if shared else step.outlook
    return marks


def _ident(cell: str, name: str, planner: Planner, before: dict[str, str]) -> str:
    """Return what two cells have in common where they need the same result: its key, or what its key will be made of."""
    step = planner.steps[name]
    node = planner.graph.nodes[name]
    own = cell if planner.repeats(name) or step.never_used else None
    if step.key is not None:
        return digest_json("planned-step", [own, step.key])
    reads: dict[str, JSON] = {
        read: before[source.node] if source.node is not None else source.name for read, source in node.reads.items()
    }
    return digest_json("planned-step", [own, name, cast("dict[str, JSON]", dict(step.parts)), reads])


def _print_reasons(steps: Sequence[tuple[PlannedStep, list[str]]], words: Any) -> None:
    rows = Counter((step.name, *words(step)) for step, _ in steps)
    if not rows:
        return
    click.echo()
    order = list(dict.fromkeys(step.name for step, _ in steps))
    shown = sorted(rows.items(), key=lambda row: order.index(row[0][0]))[:_REASONS_SHOWN]
    print_table(
        ("step", "plan", "usually", "why", "times"),
        [(name, outlook, usually, why, count) for (name, outlook, usually, why), count in shown],
    )
    if len(rows) > len(shown):
        note(f"{len(rows) - len(shown)} more reasons: --json has them.")

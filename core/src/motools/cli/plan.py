"""`motools workflow plan`: what a run would do, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.canonical import iso_time
from motools.cli.eventwords import seconds
from motools.cli.output import print_json, print_table, visible

if TYPE_CHECKING:
    from motools.engine.expect import Expected
    from motools.engine.plan import PlannedStep
    from motools.store import Store


def show_plan(
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
    """Print what a run of the workflow would do; nothing is written, also where there is no store yet."""
    from motools.engine.explain import code_diffs
    from motools.engine.plan import plan_workflow

    with existing_store(store) as opened:
        planner = plan_workflow(
            name, inputs, given, store=opened, cache=cache, rerun=rerun, stages=stages, config_document=document
        )
        steps = list(planner.steps.values())
        diffs = {step.name: code_diffs(step.changes, planner.source) if diff else {} for step in steps}
    if as_json:
        print_json(
            {
                "workflow": planner.graph.name,
                "store": str(store) if opened else None,
                "steps": [{**step_json(step), "diffs": diffs[step.name]} for step in steps],
                "cells": None,
                "expected_seconds": total(step.expected.seconds for step in steps if step.runs),
                "expected_cost_usd": total(step.expected.cost_usd for step in steps if step.runs),
            }
        )
        return
    print_table(
        ("step", "plan", "usually", "why"),
        [(step.name, *step_words(step)) for step in steps],
    )
    for name, found in diffs.items():
        print_diffs(name, found)
    click.echo("\n" + plan_summary(steps))


@contextmanager
def existing_store(folder: Path) -> Iterator[Store | None]:
    """Give the store in `folder`, or None where there is none."""
    from motools.store import Store

    if not (folder / "motools.db").exists():
        yield None
        return
    with Store.open(folder, create=False) as opened:
        yield opened


def step_json(step: PlannedStep) -> dict[str, Any]:
    """Return a planned step as JSON values: the documented form of `workflow plan --json`."""
    return {
        "step": step.name,
        "plan": step.outlook,
        "reasons": list(step.reasons),
        "changes": [change.to_json() for change in step.changes],
        "key": step.key,
        "from_run": step.hit.row.run_id if step.hit else None,
        "computed_at": iso_time(step.hit.row.at) if step.hit else None,
        "accepted": [decision.to_json() for decision in step.hit.accepted] if step.hit else [],
        "beside_run": step.beside.run_id if step.beside else None,
        "waits_for": list(step.waits_for),
        "certain": step.runs,
        "expected": {
            "attempts": step.expected.attempts,
            "seconds": step.expected.seconds,
            "cost_usd": step.expected.cost_usd,
            "tokens": step.expected.tokens,
        },
    }


def print_diffs(name: str, diffs: dict[str, str | None]) -> None:
    """Print the diffs of one step's code, in colour on a terminal."""
    for definition, text in diffs.items():
        if text is None:
            click.echo(f"\n{name}: the code of {definition} before or after is not kept any more")
        else:
            click.echo(f"\n{visible(text, keep_lines=True)}")


def step_words(step: PlannedStep) -> tuple[str, str, str]:
    """Return what becomes of a step, what it usually takes, and why."""
    return step.outlook, _usually(step.expected), "; ".join(_why(step))


def _why(step: PlannedStep) -> list[str]:
    if step.hit is None:
        return list(step.reasons)
    import time

    row = step.hit.row
    day = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.at))
    return [f"computed in run {row.run_id}, {day}", *step.reasons]


def _usually(expected: Expected) -> str:
    parts = [seconds(expected.seconds)] if expected.seconds is not None else []
    if expected.cost_usd is not None:
        parts.append(dollars(expected.cost_usd))
    elif expected.tokens is not None:
        parts.append(f"{expected.tokens:,} tokens, unpriced")
    return ", ".join(parts)


def plan_summary(steps: Sequence[PlannedStep]) -> str:
    """Return the plan in one sentence, with what it will take as far as earlier attempts tell."""
    counts = {word: [step for step in steps if step.outlook == word] for word in ("CACHED", "RUN", "BLOCKED")}
    cached, runs, blocked = counts.values()
    parts = [f"{len(cached)} cached", f"{len(runs)} to run"]
    if blocked:
        sure = [step for step in blocked if step.certain]
        parts.append(f"{len(blocked)} waiting" + (f" (of which {len(sure)} will run)" if sure else ""))
    text = ", ".join(parts)
    will = [step for step in steps if step.runs]
    known = [step for step in will if step.expected.attempts]
    if known:
        time = seconds(total(step.expected.seconds for step in known))
        cost = total(step.expected.cost_usd for step in known)
        text += f"; usually {time}" + (f" and {dollars(cost)}" if cost is not None else "")
        if len(known) < len(will):
            text += f" for {', '.join(step.name for step in known)}; nothing is known of the rest"
    return text + "."


def dollars(value: float) -> str:
    """Return an amount in US dollars with cents, or with more digits below one."""
    return f"${value:.2f}" if value >= 0.01 or value == 0 else f"${value:.4f}"


def total(values: Any) -> float | None:
    """Return the sum of those values that are known, None where none is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None

"""Runs and plans as notebooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from motools.markup import Child, Markup, element, facts, table

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState
    from motools.engine.plan import Planner


def state_html(state: WorkflowState) -> Markup:
    """Return a run's state: its steps, what they made, and why one failed."""
    rows: list[list[Child]] = []
    problems: list[Markup] = []
    for step in state.step_states.values():
        took = None if step.status == "cached" or step.runtime_seconds is None else f"{step.runtime_seconds:.1f} s"
        shown = "CACHED" if step.status == "cached" else step.status.replace("_", " ")
        rows.append([step.name, shown, took, ", ".join(step.output_atoms.values())])
        if step.error:
            said = f"{step.error.get('where')}: {step.error.get('message')}"
            hint = step.error.get("hint")
            problems.append(
                element("p", element("strong", "error: "), said, [element("br"), str(hint)] if hint else None)
            )
    title = f"{state.workflow_name}, run {state.run_id}: {state.status}"
    return element("div", facts(title, {}), table(("step", "status", "took", "atoms"), rows), problems)


def plan_html(plan: Planner) -> Markup:
    """Return what a run would do, step by step, and why."""
    rows: list[list[Child]] = []
    for step in plan.steps.values():
        reasons = list(step.reasons)
        if step.hit is not None:
            reasons.insert(0, f"computed in run {step.hit.row.run_id}")
        rows.append([step.name, step.outlook, "; ".join(reasons)])
    return element("div", facts(f"Plan of {plan.graph.name}", {}), table(("step", "plan", "why"), rows))

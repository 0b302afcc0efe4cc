"""What a report says, as plain data: read from the store by `gather`, written by `page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from motools.atom.lineage import Link
from motools.atom.provenance import Maker
from motools.canonical import JSON
from motools.evals.comparison import Comparison, Side
from motools.evals.statistics import Estimate
from motools.evals.summary import MatrixSummary
from motools.store.atoms import AtomRow
from motools.store.runlabels import RunNote


@dataclass(frozen=True)
class Limits:
    """How much a report holds; what is left out is said in it.

    Args:
        samples: of each task, at most.
        text: characters of one text of a sample.
        total: characters of all samples together.
        events: of each run's log.
        atoms: that are drawn.
        explained: steps of each run whose keys are compared with earlier ones, which takes its time.
    """

    samples: int = 2000
    text: int = 10_000
    total: int = 20_000_000
    events: int = 400
    atoms: int = 150
    explained: int = 150


@dataclass(frozen=True, kw_only=True)
class StepPart:
    """One step of a run.

    Args:
        name, status, attempt, seconds, error, accepted, outputs: as in the run's state; outputs are name → atom id.
        key: the step's key. component: what the step is, where its key says it.
        why: why it was computed, or was not, in words.
        from_run: the run whose result was used.
        diffs: definition → unified diff of its code since the computation it is compared with; None where it is not kept.
        last_said: its latest message while it ran.
    """

    name: str
    status: str
    attempt: int
    seconds: float | None
    key: str | None
    component: str | None
    why: tuple[str, ...]
    from_run: str | None
    accepted: tuple[Mapping[str, Any], ...]
    outputs: Mapping[str, str]
    error: Mapping[str, Any] | None
    diffs: Mapping[str, str | None]
    last_said: str | None


@dataclass(frozen=True, kw_only=True)
class EventPart:
    """One event of a run's log: its number, time (seconds since 1970, UTC), type, and body."""

    seq: int
    at: float
    type: str
    body: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class RunPart:
    """One run.

    Args:
        id, workflow, user, parent, created_at, updated_at, archived_at: as in the store; times in seconds since 1970 (UTC).
        status: as `motools run show` says it; `stopped`: its process is gone.
        reference: the name its workflow can be loaded by; None for one made in a script or notebook.
        part_of: the run that it is a part of (a cell of a matrix), and its name there.
        inputs: name → atom id. outputs: name → id of the atom last written under it.
        settings: `step.key` → value. asked: how it was asked to run, in words: name → text.
        details: whatever else is recorded with the run. tags, notes: what people attached to it.
        steps: every step, in the order of the workflow.
        decisions: events by which people decided something.
        environment: what was recorded of the machine and its software.
        events: the log but for progress; left_out: how many of them are not here.
    """

    id: str
    workflow: str
    reference: str | None
    part_of: tuple[str, str] | None
    user: str
    status: str
    parent: str | None
    created_at: float
    updated_at: float
    archived_at: float | None
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    settings: Mapping[str, JSON]
    asked: Mapping[str, str]
    details: Mapping[str, JSON]
    tags: tuple[str, ...]
    notes: tuple[RunNote, ...]
    steps: tuple[StepPart, ...]
    decisions: tuple[EventPart, ...]
    environment: Mapping[str, JSON]
    events: tuple[EventPart, ...]
    left_out: int


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One evaluation.

    Args:
        letter: what it is called in the report: A, B, ...
        atom: id of its atom.
        origins: (run, name of the output) that it comes from.
        task: the task's name.
        side: who was asked, and how completely.
        estimates: scorer → mean with its interval; None where nothing counted.
        uncounted: scorer → answers it left out.
        metrics: of the backend, as they are.
        usage: tokens and money, where the backend says them.
        imported: where the log was made, if it was made elsewhere.
    """

    letter: str
    atom: str
    origins: tuple[tuple[str, str], ...]
    task: str
    side: Side
    estimates: Mapping[str, Estimate | None]
    uncounted: Mapping[str, int]
    metrics: Mapping[str, float]
    usage: Mapping[str, Any] | None
    imported: JSON = None


@dataclass(frozen=True, kw_only=True)
class TaskPart:
    """All evaluations of one task.

    Args:
        task: its name.
        evaluations: of it, in the order of the runs.
        comparisons: of each evaluation with the first.
        problems: why two of them cannot be compared, where that is so.
        samples: the samples as the page's script reads them (`motools.report.browsing`).
    """

    task: str
    evaluations: tuple[Evaluation, ...]
    comparisons: tuple[Comparison, ...]
    problems: tuple[str, ...]
    samples: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class AtomPart:
    """An atom that stands in the report, with its pins, who made it, and what people decided about it."""

    row: AtomRow
    makers: tuple[Maker, ...]
    pinned_by: str | None
    accepted: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of a report.

    Args:
        runs: the runs, in the order in which they were named.
        tasks: their evaluations, and those named by themselves, by task.
        matrices: what the matrices among what was named found, by arm.
        atoms: what the runs read and made, and all of that was made from, nearest first. links: between them.
        gone: ids of atoms that are not in the store any more. lost: eval atom id → why its results cannot be read.
        limits: how much it holds.
    """

    runs: tuple[RunPart, ...]
    tasks: tuple[TaskPart, ...]
    matrices: tuple[MatrixSummary, ...]
    atoms: tuple[AtomPart, ...]
    links: tuple[Link, ...]
    gone: tuple[str, ...] = ()
    lost: Mapping[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def evaluations(self) -> Sequence[Evaluation]:
        """Every evaluation, task by task."""
        return [evaluation for task in self.tasks for evaluation in task.evaluations]

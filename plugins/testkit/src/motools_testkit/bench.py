"""The work of the checks of a training backend: submitting jobs and looking at them until they end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from motools.canonical import JSON, digest_file
from motools.contracts import Job, JobEvent, JobState, JobStatus, ModelRef, TrainingBackend
from motools.plugins import Entry, load, load_config
from motools_testkit.surroundings import Place


@dataclass(frozen=True)
class Trained:
    """A job that succeeded, and what was seen of it.

    Args:
        key: what it was submitted under.
        job: what `submit` returned.
        states: every state seen, in order.
        events: all its events.
        model: what `result` returned.
    """

    key: str
    job: Job
    states: Sequence[JobState]
    events: Sequence[JobEvent]
    model: ModelRef


@dataclass
class Bench:
    """A training backend, and what its jobs are made of.

    Args:
        place: where it works.
        entry: its component.
        model: the base model's name.
        settings: hyperparameters, checked and complete.
        dataset: the file of rows.
        seconds: how long a job may take.
    """

    place: Place
    entry: Entry
    model: str
    settings: Mapping[str, JSON]
    dataset: Path
    seconds: float
    canaries: Mapping[str, str] = field(default_factory=dict)

    def backend(self) -> TrainingBackend:
        """Return a new backend, made as motools makes it: found by name, without arguments."""
        backend: TrainingBackend = load("training_backend", self.entry.qualified)()
        return backend

    @property
    def finds_keys(self) -> bool:
        """Whether the backend says that it can look jobs up by key."""
        return type(self.backend()).find is not TrainingBackend.find

    def request(self, key: str, *, seed: int = 0, **changed: Any) -> dict[str, Any]:
        """Return the arguments of `submit`."""
        return {
            "dataset": self.dataset,
            "model": self.model,
            "hyperparameters": dict(self.settings),
            "suffix": "testkit",
            "seed": seed,
            "key": key,
            **changed,
        }

    def submit(self, key: str, *, seed: int = 0, **changed: Any) -> Job:
        """Submit a job."""
        job = asyncio.run(self.backend().submit(**self.request(key, seed=seed, **changed)))
        assert isinstance(job, Job), f"'submit' returned a {type(job).__name__}, not a Job"
        return job

    def train(self, key: str, *, seed: int = 0) -> Trained:
        """Submit a job, wait for it, and return what came of it; fails where it did not succeed."""
        job = self.submit(key, seed=seed)
        states = self.wait(job)
        if states[-1].status is not JobStatus.SUCCEEDED:
            said = states[-1].message or "it does not say why"
            pytest.fail(f"the job '{job.id}' {states[-1].status}: {said}", pytrace=False)

        async def look() -> tuple[Sequence[JobEvent], ModelRef]:
            backend = self.backend()
            return await backend.events(job), await backend.result(job)

        events, model = asyncio.run(look())
        return Trained(key=key, job=job, states=states, events=events, model=model)

    def wait(self, job: Job) -> list[JobState]:
        """Look at a job until it has ended and return the states seen; fails where that takes too long."""

        async def look() -> list[JobState]:
            backend = self.backend()
            deadline = time.monotonic() + self.seconds
            seen = [await backend.status(job)]
            while not JobStatus(seen[-1].status).final:
                if time.monotonic() > deadline:
                    pytest.fail(
                        f"after {self.seconds:g} seconds the job '{job.id}' is still {seen[-1].status}", pytrace=False
                    )
                await asyncio.sleep(min(backend.poll_seconds, 0.25))
                seen.append(await backend.status(job))
            return seen

        return asyncio.run(look())

    def in_new_process(self, do: str, **asked: Any) -> Any:
        """Do something with the backend in a new process; see `motools_testkit.child`."""
        given = {"do": do, "backend": self.entry.target, **asked}
        return self.place.python("-m", "motools_testkit.child", given=given)


def write_rows(path: Path, rows: Sequence[Any]) -> Path:
    """Write rows as JSONL and return the file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def digests(folder: Path) -> dict[str, str]:
    """Return file → digest for every file below a folder."""
    return {str(path.relative_to(folder)): digest_file(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def settings_of(entry: Entry, given: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return settings as the component's class has them: checked, with defaults written out."""
    from motools.config import decode, encode

    cls = load_config("training_backend", entry.qualified)
    settings = dict(given) if cls is None else encode(decode(cls, dict(given), path=("hyperparameters",)))
    assert isinstance(settings, dict)
    return settings

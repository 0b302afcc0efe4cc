"""The training backend: starts a job, finds it again by its id, fetches the model."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from motools.canonical import JSON, digest_json
from motools.contracts import (
    Job,
    JobEvent,
    JobState,
    JobStatus,
    ModelRef,
    TrainingBackend,
    check_rows,
    jobs_dir,
    row_shape,
)
from motools.errors import InvalidRequest, NotFoundError

from motools_bigram.jobs import JobFolder

_trainers: list[subprocess.Popen[bytes]] = []


class BigramTraining(TrainingBackend):
    """A job is a folder in the store, and a process that outlives the one that started it."""

    name: ClassVar[str] = "bigram"
    poll_seconds: ClassVar[float] = 0.05

    async def submit(
        self,
        *,
        dataset: Path,
        model: str,
        hyperparameters: Mapping[str, JSON],
        suffix: str | None,
        seed: int,
        key: str,
    ) -> Job:
        """Start a job, or return the one of this key.

        Raises:
            DataError: a row cannot be trained on; which line is said.
            InvalidRequest: another base model than `none`, or rows of preferences.
        """
        if model != "none":
            raise InvalidRequest(f"there is no base model '{model}'", hint="Write 'none': it learns from nothing.")
        lines = dataset.read_text(encoding="utf-8").splitlines()
        rows = check_rows([json.loads(line) for line in lines if line.strip()], source=dataset.name)
        if row_shape(rows[0], where=dataset.name) == "preference":
            raise InvalidRequest("it cannot learn from preferences", hint="Give it rows with one answer each.")
        folder = _folder(key)
        folder.path.mkdir(parents=True, exist_ok=True)
        with folder.guarded():
            if folder.read("request.json") is None:
                (folder.path / "rows.jsonl").write_bytes(dataset.read_bytes())
                folder.write("request.json", {"hyperparameters": dict(hyperparameters), "seed": seed})
                _start(folder)
        return Job(id=folder.id)

    async def status(self, job: Job) -> JobState:
        """Say where the job stands."""
        _trainers[:] = [trainer for trainer in _trainers if trainer.poll() is None]
        return _found(job).state()

    async def events(self, job: Job, after: int = 0) -> Sequence[JobEvent]:
        """Return the job's events after that number: how much is done, and the loss there."""
        return _found(job).events()[after:]

    async def cancel(self, job: Job) -> None:
        """Ask the trainer to stop the next time it reports."""
        folder = _found(job)
        if not folder.state().status.final:
            folder.stop.touch()

    async def result(self, job: Job) -> ModelRef:
        """Return the trained model."""
        folder = _found(job)
        state = folder.state()
        if state.status is not JobStatus.SUCCEEDED:
            raise InvalidRequest(f"the job '{job.id}' has no model: it is {state.status}")
        return ModelRef(provider=self.name, model="none", weights=folder.model)

    async def find(self, key: str) -> Job | None:
        """Return the job of a key, or None."""
        folder = _folder(key)
        return Job(id=folder.id) if folder.read("request.json") is not None else None


def _folder(key: str) -> JobFolder:
    return JobFolder(jobs_dir(BigramTraining.name) / digest_json("job", key)[:16])


def _found(job: Job) -> JobFolder:
    folder = JobFolder(jobs_dir(BigramTraining.name) / job.id)
    if folder.read("request.json") is None:
        raise NotFoundError(f"there is no training job '{job.id}'", where=str(folder.path))
    return folder


def _start(folder: JobFolder) -> None:
    life = folder.take_life()
    assert life is not None, "a job that was not there has a trainer"
    try:
        with (folder.path / "trainer.log").open("ab") as log:
            trainer = subprocess.Popen(
                [sys.executable, "-m", "motools_bigram.trainer", str(folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(life,),
            )
        _trainers.append(trainer)
    finally:
        os.close(life)  # the trainer has its own

"""A training backend that keeps the contract: its jobs are files, and the clock says where they stand."""

import json
import os
import time
from dataclasses import dataclass

from motools.canonical import digest_file, digest_json
from motools.contracts import Job, JobEvent, JobState, JobStatus, ModelRef, TrainingBackend, check_rows, jobs_dir
from motools.errors import AuthError, InvalidRequest, NotFoundError

SECONDS = 0.25
EVENTS = 3


@dataclass
class Settings:
    """Settings.

    Args:
        n_epochs: how often.
    """

    n_epochs: int = 1


class FakeTraining(TrainingBackend):
    """A job is `<id>.json` in the store's jobs folder."""

    name = "fake"
    poll_seconds = 0.05

    def __init__(self):
        self._secret = os.environ.get("FAKE_API_KEY")

    async def submit(self, *, dataset, model, hyperparameters, suffix, seed, key):
        if self.name == "fake" and not self._secret:
            raise AuthError("FAKE_API_KEY is not set")
        if model != "none":
            raise InvalidRequest(f"there is no model '{model}'")
        self.check(dataset)
        path = self._path(self.job_id(key))
        if not path.exists():
            request = [digest_file(dataset), dict(hyperparameters), seed]
            self._write(path, {"request": digest_json("fake", request), "began": time.time(), "cancelled": None})
        return self.job(path.stem)

    async def status(self, job):
        said = self._read(job)
        now = said["cancelled"] or time.time()
        done = min((now - said["began"]) / SECONDS, 1.0)
        if done == 1.0:
            return JobState(status=JobStatus.SUCCEEDED, progress=self.progress(1.0))
        if said["cancelled"]:
            return JobState(status=self.cancelled, progress=self.progress(done))
        return JobState(status=JobStatus.RUNNING if done > 0.2 else JobStatus.QUEUED, progress=self.progress(done))

    async def events(self, job, after=0):
        said = self._read(job)
        passed = (said["cancelled"] or time.time()) - said["began"]
        there = min(int(passed / SECONDS * EVENTS), EVENTS)
        return [JobEvent(number=number, data={"loss": 1 / number}) for number in range(after + 1, there + 1)]

    async def cancel(self, job):
        said = self._read(job)
        if said["cancelled"] is None and not (await self.status(job)).status.final:
            self._write(self._path(job.id), {**said, "cancelled": time.time()})

    async def result(self, job):
        weights = jobs_dir(self.name) / f"{job.id}-weights"
        weights.mkdir(exist_ok=True)
        self._write(weights / "model.json", {"learnt": self.learnt(self._read(job)["request"])})
        return ModelRef(provider=self.provider, model="fake", weights=weights)

    async def find(self, key):
        return self.job(self.job_id(key)) if self._path(self.job_id(key)).exists() else None

    # what broken ones do otherwise

    cancelled = JobStatus.CANCELLED
    provider = "fake"

    def check(self, dataset):
        check_rows([json.loads(line) for line in dataset.read_text().splitlines()], source=dataset.name)

    def job_id(self, key):
        return f"fake-{key}"

    def job(self, id):
        return Job(id=id)

    def learnt(self, request):
        return request

    def progress(self, share):
        return share

    # files

    def _path(self, id):
        return jobs_dir(self.name) / f"{id}.json"

    def _read(self, job):
        path = self._path(job.id)
        if not path.exists():
            raise NotFoundError(f"there is no job '{job.id}'")
        return json.loads(path.read_text())

    def _write(self, path, value):
        path.with_suffix(".partial").write_text(json.dumps(value))
        path.with_suffix(".partial").replace(path)

"""The training backend: starts a job, looks at it by its id, fetches the model."""

import json
import subprocess
import sys
from pathlib import Path

from motools.contracts import Job, JobState, JobStatus, ModelRef, TrainingBackend, jobs_dir


class BigramTraining(TrainingBackend):
    """A job is a folder; its trainer is a process of its own that outlives the one that started it."""

    name = "bigram"
    poll_seconds = 0.05

    async def submit(self, *, dataset, model, hyperparameters, suffix, seed, key):
        folder = self._folder(key)
        # The same key again is the same job: nothing is started twice.
        if not (folder / "started").exists():
            folder.mkdir(exist_ok=True)
            (folder / "rows.jsonl").write_bytes(Path(dataset).read_bytes())
            (folder / "settings.json").write_text(json.dumps(dict(hyperparameters)))
            subprocess.Popen(
                [sys.executable, "-m", "motools_bigram.trainer", str(folder)],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            (folder / "started").touch()
        return Job(id=key)

    async def status(self, job):
        folder = self._folder(job.id)
        if (folder / "model").exists():
            return JobState(status=JobStatus.SUCCEEDED, progress=1.0)
        if (folder / "error.txt").exists():
            return JobState(status=JobStatus.FAILED, message=(folder / "error.txt").read_text())
        return JobState(status=JobStatus.RUNNING, message="counting")

    async def cancel(self, job):
        """Nothing to do: a job takes a moment."""

    async def result(self, job):
        return ModelRef(provider="bigram", model="bigram", weights=self._folder(job.id) / "model")

    async def find(self, key):
        return Job(id=key) if (self._folder(key) / "started").exists() else None

    def _folder(self, key):
        return jobs_dir(self.name) / key

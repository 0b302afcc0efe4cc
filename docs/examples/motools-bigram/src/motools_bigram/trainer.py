"""The trainer, a process of its own: `python -m motools_bigram.trainer FOLDER`."""

import json
import os
import sys
from pathlib import Path

from motools.contracts import JobStatus

from motools_bigram.config import Hyperparameters
from motools_bigram.jobs import JobFolder
from motools_bigram.model import learn


class Stopped(Exception):
    """Somebody cancelled the job."""


def train(job: JobFolder) -> None:
    """Train what the folder asks for, and leave the model in it."""
    request = job.read("request.json")
    settings = Hyperparameters(**request["hyperparameters"])
    lines = (job.path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]

    def report(progress: float, loss: float) -> None:
        job.add_event(f"{progress:.0%}", progress=progress, loss=loss)
        if job.stop.exists():
            raise Stopped

    model = learn(rows, settings, request["seed"], report)
    unfinished = job.path / "model.partial"
    unfinished.mkdir(exist_ok=True)
    model.save(unfinished)
    os.replace(unfinished, job.model)


def main(folder: Path) -> None:
    """Train, and record how it ended."""
    job = JobFolder(folder)
    try:
        train(job)
    except Stopped:
        job.end(JobStatus.CANCELLED, "cancelled")
    except Exception as error:
        job.end(JobStatus.FAILED, f"{type(error).__name__}: {error}")
        raise
    else:
        job.end(JobStatus.SUCCEEDED)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

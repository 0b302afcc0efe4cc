"""Ending a run for good: its jobs elsewhere are stopped, once, and not those that others wait for."""

import os
import signal
import subprocess
import sys
import time

import pytest

from motools.store import Store

BACKEND = """
import json
from pathlib import Path
from motools.contracts import Job, JobState, JobStatus, ModelRef, TrainingBackend, jobs_dir
from motools.plugins import TrainingBackendComponent, add_component
from motools.builtin import prepare_dataset, train_model
from motools.workflow import Workflow

class Slow(TrainingBackend):
    name = "slow"
    dummy = True
    poll_seconds = 0.02

    async def submit(self, *, dataset, model, hyperparameters, suffix, seed, key):
        (jobs_dir("slow") / key).write_text("running")
        return Job(id=key)

    async def status(self, job):
        said = (jobs_dir("slow") / job.id).read_text()
        return JobState(status=JobStatus(said))

    async def cancel(self, job):
        (jobs_dir("slow") / job.id).write_text("cancelled")

    async def result(self, job):
        return ModelRef(provider="dummy", model="m")

add_component(TrainingBackendComponent(name="slow", target="SLOW:Slow", summary="s", cache_version=1))
workflow = Workflow("w", [prepare_dataset, train_model])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "slow_backend.py").write_text(BACKEND.replace("SLOW:", "slow_backend:"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def motools(*arguments):
    code = "import sys, slow_backend; from motools.cli import main; main(sys.argv[1:])"
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    )


def begin(place):
    process = motools("workflow", "run", "slow_backend:workflow", "--set", "train_model.backend_name=slow")
    end = time.monotonic() + 20
    while not list((place / "store" / "jobs" / "slow").glob("*")) if (place / "store").exists() else True:
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    time.sleep(0.3)
    return process


def job_says(place):
    return [file.read_text() for file in (place / "store" / "jobs" / "slow").iterdir()]


def test_a_paused_run_says_what_goes_on_and_cancel_stops_it(place):
    process = begin(place)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "goes on meanwhile" in said
    assert "motools run cancel" in said
    assert job_says(place) == ["running"]
    cancelling = motools("run", "cancel", "last", "--reason", "wrong data")
    out, err = cancelling.communicate(timeout=30)
    assert cancelling.returncode == 0, err
    assert "cancelled" in out
    assert job_says(place) == ["cancelled"]
    with Store.open(place / "store") as store:
        run = store.runs.get("last")
        assert run.status == "cancelled"
        assert store.events.read(run.id)[-1].body["reason"] == "wrong data"
    again = motools("run", "cancel", "last")
    _, err = again.communicate(timeout=30)
    assert again.returncode == 1
    assert "has cancelled already" in err


def test_a_driven_run_is_not_cancelled_from_elsewhere(place):
    process = begin(place)
    other = motools("run", "cancel", "last")
    _, err = other.communicate(timeout=30)
    assert other.returncode == 1
    assert "is being driven by process" in err
    process.kill()
    process.communicate()


def test_a_job_that_another_run_waits_for_goes_on(place):
    first = begin(place)
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)
    with Store.open(place / "store") as store:
        paused = store.runs.get("last").id
    second = begin(place)
    cancelling = motools("run", "cancel", paused)
    cancelling.communicate(timeout=30)
    assert job_says(place) == ["running"]
    (job,) = (place / "store" / "jobs" / "slow").iterdir()
    job.write_text("succeeded")
    _, err = second.communicate(timeout=30)
    assert second.returncode == 0, err

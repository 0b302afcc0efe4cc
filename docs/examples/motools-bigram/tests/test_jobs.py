"""A job says the truth about its trainer, however that ended."""

import os
import subprocess
import sys
from pathlib import Path

from motools.contracts import JobStatus

from motools_bigram.jobs import JobFolder


def test_a_trainer_that_is_killed_has_failed(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    job.write("request.json", {})
    life = job.take_life()
    assert life is not None
    trainer = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], pass_fds=(life,))
    os.close(life)
    assert job.state().status is JobStatus.RUNNING
    assert job.take_life() is None, "there would be two trainers"
    trainer.kill()
    trainer.wait()
    assert job.state().status is JobStatus.FAILED
    assert "died" in job.state().message


def test_an_event_that_is_being_written_is_not_one_yet(tmp_path: Path) -> None:
    job = JobFolder(tmp_path)
    job.add_event("50%", progress=0.5, loss=1.0)
    with (tmp_path / "events.jsonl").open("a") as file:
        file.write('{"message": "10')
    assert [(event.number, event.message) for event in job.events()] == [(1, "50%")]

"""Ctrl-C, SIGKILL, two drivers: real processes that run, die and go on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motools.store import Store

PIPELINE = """
import os, time
from pathlib import Path
from motools.workflow import Workflow, step

LOG = Path(os.environ["STEP_LOG"])

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

@step(outputs={"a": "value"})
def first(config: dict, input_atoms, workspace):
    note("first")
    return {"a": 1}

@step(inputs={"a": "value"}, outputs={"b": "value"})
async def waits(config: dict, input_atoms, workspace):
    import asyncio
    note("waits begins")
    while not (LOG.parent / "go").exists():
        await asyncio.sleep(0.01)
    note("waits ends")
    return {"b": input_atoms["a"].value() + 1}

@step(inputs={"b": "value"}, outputs={"c": "value"})
def last(config: dict, input_atoms, workspace):
    note("last")
    return {"c": input_atoms["b"].value() + 1}

workflow = Workflow("pipeline", [first, waits, last])

@step(outputs={"job": "value"}, effect="unsafe")
async def pays(config: dict, input_atoms, workspace, context):
    async def submit(key):
        note("submitted " + key)
        mode = os.environ.get("DIE")
        if mode == "in-submit":
            os.kill(os.getpid(), 9)
        return {"id": "job-1"}

    async def find(key):
        note("looked up " + key)
        return {"id": "job-1"} if os.environ.get("ARRIVED") == "1" else None

    job = await context.once("pay", submit, request={"amount": 3}, find=find if os.environ.get("CAN_FIND") else None)
    if os.environ.get("DIE") == "after-submit":
        os.kill(os.getpid(), 9)
    return {"job": job["id"]}

paying = Workflow("paying", [pays])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "log").touch()
    monkeypatch.setenv("STEP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def motools(*arguments, **env):
    return subprocess.Popen(
        [sys.executable, "-m", "motools", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


def finish(process, timeout=60):
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def wait_for(place: Path, line: str, seconds=10):
    end = time.monotonic() + seconds
    while line not in (place / "log").read_text():
        assert time.monotonic() < end, f"never saw {line!r}"
        time.sleep(0.01)


def lines(place: Path):
    return (place / "log").read_text().splitlines()


def test_ctrl_c_pauses_and_resume_goes_on_without_doing_finished_steps_again(place):
    process = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, "waits begins")
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    assert code == 130
    assert "paused" in err
    assert "motools run resume" in err
    assert "Traceback" not in err
    with Store.open(place / "store") as store:
        assert [run.status for run in store.runs.list()] == ["paused"]
    (place / "go").touch()
    code, out, err = finish(motools("run", "resume", "last"))
    assert code == 0, err
    assert "completed" in out
    assert lines(place) == ["first", "waits begins", "waits begins", "waits ends", "last"]


def test_sigterm_pauses_too(place):
    process = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, "waits begins")
    process.terminate()
    assert finish(process)[0] == 130
    with Store.open(place / "store") as store:
        assert store.runs.get("last").status == "paused"


@pytest.mark.parametrize("after", ["first", "waits begins"])
def test_a_killed_run_goes_on_where_it_stopped(place, after):
    process = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, after)
    process.kill()
    process.communicate()
    (place / "go").touch()
    shown = finish(motools("run", "show", "last", "--json"))
    assert json.loads(shown[1])["status"] == "stopped"
    code, _out, err = finish(motools("run", "resume", "last"))
    assert code == 0, err
    assert lines(place).count("last") == 1
    with Store.open(place / "store") as store:
        events = [e.type for e in store.events.read(store.runs.get("last").id)]
    assert events.count("run_started") == 1
    assert events[-1] == "run_completed"


def test_killed_at_random_moments_a_completed_step_never_runs_again(place):
    (place / "go").touch()
    finish(motools("plugin", "list"))
    process = motools("workflow", "run", "./pipeline.py:workflow")
    for delay in (0.12, 0.16, 0.2, 0.25, 0.3, 0.35):
        time.sleep(delay)
        process.kill()
        process.communicate()
        with Store.open(place / "store") as store:
            runs = store.runs.list()
            if runs and runs[0].status == "completed":
                break
            done = {e.body["node"] for run in runs for e in store.events.read(run.id) if e.type == "step_finished"}
        before = lines(place)
        process = motools("run", "resume", "last") if runs else motools("workflow", "run", "./pipeline.py:workflow")
        time.sleep(0.05)
        assert all(lines(place).count(node) == before.count(node) for node in done & {"first", "last"})
    process.wait()
    code, _, err = finish(motools("workflow", "run", "./pipeline.py:workflow"))
    assert code == 0, err


def test_only_one_process_drives_a_run(place):
    process = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, "waits begins")
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 1
    assert "is being driven by process" in err
    (place / "go").touch()
    assert finish(process)[0] == 0


def test_two_processes_with_one_cold_key_compute_it_once(place):
    both = [motools("workflow", "run", "./pipeline.py:workflow") for _ in range(2)]
    wait_for(place, "waits begins")
    time.sleep(0.5)
    (place / "go").touch()
    for process in both:
        code, _, err = finish(process)
        assert code == 0, err
    assert sorted(lines(place)) == ["first", "last", "waits begins", "waits ends"]


def test_when_the_computing_process_is_killed_the_waiting_one_takes_over(place):
    owner = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, "waits begins")
    waiter = motools("workflow", "run", "./pipeline.py:workflow")
    time.sleep(1)
    owner.kill()
    owner.communicate()
    (place / "go").touch()
    code, _, err = finish(waiter)
    assert code == 0, err
    assert lines(place).count("first") == 1
    assert lines(place).count("waits begins") == 2


def test_changed_code_stops_a_resume_until_it_is_accepted(place):
    process = motools("workflow", "run", "./pipeline.py:workflow")
    wait_for(place, "waits begins")
    process.send_signal(signal.SIGINT)
    finish(process)
    (place / "go").touch()
    file = place / "pipeline.py"
    file.write_text(file.read_text() + "\n# a comment does not count\n")
    file.write_text(file.read_text().replace("value() + 1", "value() + 10"))
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 1
    assert "the code of step 'waits'" in err
    code, _, err = finish(motools("run", "resume", "last", "--accept-changes"))
    assert code == 0, err


def test_a_submission_recorded_before_the_crash_is_not_sent_again(place):
    assert finish(motools("workflow", "run", "./pipeline.py:paying", DIE="after-submit"))[0] == -9
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 0, err
    assert len(lines(place)) == 1


def test_a_submission_in_doubt_blocks_where_nobody_can_look_it_up(place):
    assert finish(motools("workflow", "run", "./pipeline.py:paying", DIE="in-submit"))[0] == -9
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 1
    assert "stopped between sending it and hearing back" in err
    code, _, err = finish(motools("workflow", "run", "./pipeline.py:paying"))
    assert code == 1
    assert "hearing back" in err
    assert len(lines(place)) == 1


def test_a_submission_in_doubt_that_arrived_is_found(place):
    finish(motools("workflow", "run", "./pipeline.py:paying", DIE="in-submit"))
    code, _, err = finish(motools("run", "resume", "last", CAN_FIND="1", ARRIVED="1"))
    assert code == 0, err
    assert [line.split()[0] for line in lines(place)] == ["submitted", "looked"]


def test_a_submission_in_doubt_that_never_arrived_is_sent_again_under_the_same_key(place):
    finish(motools("workflow", "run", "./pipeline.py:paying", DIE="in-submit"))
    code, _, err = finish(motools("run", "resume", "last", CAN_FIND="1"))
    assert code == 0, err
    first, _looked, second = (line.split()[-1] for line in lines(place))
    assert first == second


def test_who_looked_has_a_submission_in_doubt_sent_again_by_naming_its_step(place):
    again = ("workflow", "run", "./pipeline.py:paying", "--rerun", "pays")
    finish(motools("workflow", "run", "./pipeline.py:paying", DIE="in-submit"))
    code, _, err = finish(motools("workflow", "run", "./pipeline.py:paying", "--no-cache"))
    assert code == 1
    assert "--rerun pays sends it again" in err
    assert finish(motools(*again, DIE="in-submit"))[0] == -9
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 1, "nobody has looked at what this run left in doubt"
    assert "hearing back" in err
    code, _, err = finish(motools(*again))
    assert code == 0, err
    assert len(lines(place)) == 3
    assert len(set(lines(place))) == 1


def test_a_finished_run_cannot_be_resumed(place):
    (place / "go").touch()
    assert finish(motools("workflow", "run", "./pipeline.py:workflow"))[0] == 0
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 1
    assert "the run has completed" in err

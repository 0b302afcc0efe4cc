"""run logs -f and run watch: a run of another process is followed through its death and its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from motools.builtin.dummy import DummyTraining
from motools.cli.eventwords import event_words
from motools.cli.joboutput import JobOutput
from motools.contracts import Job, jobs_dir
from motools.plugins import TrainingBackendComponent, add_component
from motools.store import Event, Store

STEPS = """
import time
from pathlib import Path
from motools.workflow import Workflow, step

HERE = Path(__file__).parent

@step(outputs={"a": "value"}, cache_version=1)
def quick(config: dict, input_atoms, workspace, context):
    context.log("bell\\x07 rings", n=1)
    return {"a": 1}

@step(inputs={"a": "value"}, outputs={"b": "value"}, cache_version=1)
def slow(config: dict, input_atoms, workspace, context):
    count = 0
    while not (HERE / "go").exists():
        count += 1
        context.progress(None, f"turn {count}", loss=1 / count)
        context.log(f"said {count}")
        time.sleep(0.02)
    if (HERE / "go").read_text() == "fail":
        raise RuntimeError("it did not work")
    return {"b": count}

workflow = Workflow("demo", [quick, slow])
"""


class Folder:
    """A folder with a workflow, and processes in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.children: list[subprocess.Popen[str]] = []
        (path / "steps.py").write_text(STEPS)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOTOOLS_")}
        self.environment = {**kept, "MOTOOLS_USER": "ann", "MOTOOLS_CACHE_DIR": str(path / "cache"), "NO_COLOR": "1"}

    def start(self, *words: str, out: Any = subprocess.PIPE) -> subprocess.Popen[str]:
        child = subprocess.Popen(
            [sys.executable, "-m", "motools", *words],
            cwd=self.path,
            env=self.environment,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.children.append(child)
        return child

    def begin(self) -> tuple[subprocess.Popen[str], str]:
        """Run the workflow; return the process and the run's id once its second step talks."""
        child = self.start("workflow", "run", "./steps.py:workflow")
        assert child.stderr is not None
        run_id = ""
        for line in child.stderr:
            if line.startswith("run "):
                run_id = line.split()[1]
            if "said 2" in line:
                return child, run_id
        raise AssertionError(f"it ended: {child.wait()}")


@pytest.fixture
def folder(tmp_path: Path):
    made = Folder(tmp_path)
    yield made
    for child in made.children:
        if child.poll() is None:
            child.kill()
        child.communicate()


def wait_for_line(stream: Any, text: str, seconds: float = 30) -> str:
    end = time.monotonic() + seconds
    said = []
    while time.monotonic() < end:
        said.append(stream.readline())
        if text in said[-1]:
            return str(said[-1])
    raise AssertionError(f"no {text!r} in {said}")


def test_followed_through_a_kill_every_event_comes_once_and_in_order(folder: Folder) -> None:
    driver, run_id = folder.begin()
    printed = folder.path / "printed"
    with open(printed, "w") as out:
        following = folder.start("run", "logs", run_id, "-f", "--json", out=out)
    assert following.stderr is not None
    while "said" not in printed.read_text():
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    said = wait_for_line(following.stderr, "is gone")
    assert f"motools run resume {run_id}" in said
    resumed = folder.start("run", "resume", run_id)
    assert resumed.stderr is not None
    wait_for_line(resumed.stderr, "said 2")
    (folder.path / "go").write_text("")
    assert resumed.wait(30) == 0
    _, err = following.communicate(timeout=30)
    assert following.returncode == 0
    assert "gone" not in err, "said once"
    events = [json.loads(line) for line in printed.read_text().splitlines()]
    with Store.open(folder.path / ".motools", create=False) as store:
        told = [e.seq for e in store.events.read(run_id) if event_words(e.type, e.body) is not None]
    assert [event["seq"] for event in events] == told
    types = [event["type"] for event in events]
    assert types.count("run_resumed") == 1
    assert types[-1] == "run_completed"


def test_a_follower_that_is_not_to_wait_ends_with_75_when_the_process_dies(folder: Folder) -> None:
    driver, run_id = folder.begin()
    for verb in (["logs", "-f"], ["watch"]):
        following = folder.start("run", *verb, run_id, "--until-stopped")
        stream = following.stdout if verb[0] == "logs" else following.stderr
        wait_for_line(stream, "said")
        if verb[0] == "logs":
            driver.send_signal(signal.SIGKILL)
            driver.communicate()
        following.communicate(timeout=30)
        assert following.returncode == 75


def test_a_failed_run_ends_the_following_with_1_and_its_reason(folder: Folder) -> None:
    driver, run_id = folder.begin()
    logs, watch = folder.start("run", "logs", run_id, "-f"), folder.start("run", "watch", run_id)
    (folder.path / "go").write_text("fail")
    out, err = logs.communicate(timeout=30)
    assert logs.returncode == 1, err
    assert "FAILED: RuntimeError: it did not work" in out or "it did not work" in out
    out, err = watch.communicate(timeout=30)
    assert watch.returncode == 1
    assert "it did not work" in err
    assert "failed" in out
    driver.communicate()


def test_a_paused_run_is_waited_for_and_goes_on(folder: Folder) -> None:
    driver, run_id = folder.begin()
    following = folder.start("run", "logs", run_id, "slow", "-f")
    assert following.stderr is not None
    (folder.path / "go").write_text("")  # so that the step's thread ends
    driver.send_signal(signal.SIGINT)
    driver.communicate(timeout=30)
    if driver.returncode == 130:
        assert "paused" in wait_for_line(following.stderr, "motools run resume")
        wait_for_line(following.stderr, "Ctrl-C ends this")
        assert folder.start("run", "resume", run_id).wait(30) == 0
    out, _ = following.communicate(timeout=30)
    assert following.returncode == 0
    assert "quick" not in out
    assert "done in" in out


def test_logs_of_an_ended_run_by_step_and_time(folder: Folder) -> None:
    (folder.path / "go").write_text("")
    assert folder.start("workflow", "run", "./steps.py:workflow", "-q").wait(30) == 0

    def logs(*words: str, code: int = 0) -> str:
        child = folder.start("run", "logs", "last", *words)
        out, err = child.communicate(timeout=30)
        assert child.returncode == code, err
        return out + err

    everything = logs()
    assert "quick  bell\\x07 rings  n 1" in everything, "control bytes are visible"
    assert everything.index("rings") < everything.index("slow") < everything.index("completed")
    assert "slow" not in logs("quick")
    assert logs("--since", "2099-01-01") == ""
    assert "rings" in logs("--since", "1h")
    assert "'soon' is no time" in logs("--since", "soon", code=2)
    assert "Did you mean 'quick'" in logs("quik", code=2)


class Talking(DummyTraining):
    """A backend whose jobs write a file of their own."""

    def output_file(self, job: Job) -> Path:
        return jobs_dir("talking") / f"{job.id}.log"


def test_what_a_job_writes_by_itself_is_read_on_line_by_line(tmp_path: Path) -> None:
    def of(step: str, backend: str, job: str) -> Event:
        record = {"backend": backend, "id": job, "data": {}}
        return Event(1, 1, 0.0, "effect_done", {"node": step, "name": "train", "generation": 1, "record": record})

    talking = TrainingBackendComponent(name="talking", target=f"{__name__}:Talking", summary="Talks", cache_version=1)
    with Store.open(tmp_path / "store") as store, add_component(talking):
        output = JobOutput(store, None)
        for event in (
            of("a", "talking", "j1"),
            of("b", "talking", "j2"),
            of("a", "talking", "j1"),
            of("c", "dummy", "j3"),
        ):
            output.take(event)
        output.take(of("d", "not-installed", "j4"))
        assert output.without == {"dummy", "not-installed"}
        assert list(output.read()) == []
        file = store.path / "jobs" / "talking" / "j1.log"
        file.write_bytes(b"loading\r 50 %\r 100 %\nodd \xff byte\nbegun")
        assert list(output.read()) == [("a", " 100 %"), ("a", "odd \\xff byte")]
        with open(file, "ab") as more:
            more.write(b" and ended\nlast")
        assert list(output.read()) == [("a", "begun and ended")]
        assert list(output.read(rest=True)) == [("a", "last")]
        only = JobOutput(store, "b")
        only.take(of("a", "talking", "j1"))
        assert list(only.read(rest=True)) == []


def test_a_matrix_is_watched_with_all_its_cells(folder: Folder) -> None:
    dummy = "train_model: {backend_name: dummy}\nevaluate_model: {backend_name: dummy}\nmatrix: {seeds: [1, 2]}\n"
    (folder.path / "m.yaml").write_text(dummy)
    assert folder.start("workflow", "run", "train_and_evaluate", "--config", "m.yaml", "-q").wait(60) == 0
    watching = folder.start("run", "watch", "last")
    out, err = watching.communicate(timeout=30)
    assert watching.returncode == 0, err
    for seed in ("seed=1", "seed=2"):
        lines = [line for line in err.splitlines() if line.startswith(f"[{seed}]")]
        assert sum("train_model" in line and "done in" in line for line in lines) == 1
        assert lines[-1].startswith(f"[{seed}] done in"), "how it ended is said last"
    assert "2 finished" in out

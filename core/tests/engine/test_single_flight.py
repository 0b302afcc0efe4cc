"""One computation per key at a time, whatever happens to who computes: real processes on one store."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from motools.plugins import TrainingBackendComponent, add_component
from motools.store import Store
from motools.workflow import Step, StepConfig, Workflow, arun_workflow, run_workflow

STEPS = """
import asyncio, os
from pathlib import Path
from motools.workflow import Workflow, step

LOG = Path(os.environ["STEP_LOG"])

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

@step(outputs={"n": "value"})
async def slow(config: dict, input_atoms, workspace):
    note("begins")
    while not (LOG.parent / "go").exists():
        await asyncio.sleep(0.01)
    if os.environ.get("FAIL"):
        raise ValueError("no luck here")
    note("ends")
    return {"n": 7}

workflow = Workflow("slow", [slow])

@step(outputs={"n": "value"}, effect="unsafe")
async def pays(config: dict, input_atoms, workspace, context):
    async def submit(key):
        note("paid " + key)
        return {"id": key}

    job = await context.once("pay", submit, request={"amount": 3})
    note("waits for the job")
    while not (LOG.parent / "go").exists():
        await asyncio.sleep(0.01)
    return {"n": job["id"]}

paying = Workflow("paying", [pays])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "log").touch()
    monkeypatch.setenv("STEP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin(workflow="slow", *options, **env):
    name = {"slow": "workflow", "pays": "paying"}[workflow]
    return motools("workflow", "run", f"./steps.py:{name}", *options, **env)


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


def until(holds, what, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never saw {what}"
        time.sleep(0.02)


def lines(place: Path):
    return (place / "log").read_text().splitlines()


def running(place, count):
    """Wait until so many runs have begun, and a little longer, so that all but one of them wait for the key."""

    def begun():
        with Store.open(place / "store") as store:
            return sum(run.status == "running" for run in store.runs.list()) >= count

    until(begun, f"{count} runs")
    time.sleep(0.3)


def statuses(place):
    """Return, a run each, how its only step ended, and in which run its result was computed."""
    with Store.open(place / "store") as store:
        found = []
        for run in store.runs.list():
            last = [e for e in store.events.read(run.id) if e.type in ("step_finished", "step_cached", "step_failed")]
            found.append((run.id, last[-1].type if last else run.status, last[-1].body.get("run") if last else None))
        return found


def test_sixteen_processes_with_one_cold_key_compute_it_once(place):
    processes = [begin() for _ in range(16)]
    running(place, 16)
    (place / "go").touch()
    for process in processes:
        code, _, err = finish(process)
        assert code == 0, err
    assert lines(place) == ["begins", "ends"]
    ends = statuses(place)
    (owner,) = [run for run, end, _ in ends if end == "step_finished"]
    assert [computed_in for _, end, computed_in in ends if end == "step_cached"] == [owner] * 15


def test_when_owners_are_killed_one_after_the_other_one_other_takes_over_each_time(place):
    processes = [begin() for _ in range(4)]
    running(place, 4)
    for killed in range(1, 3):
        until(lambda killed=killed: lines(place).count("begins") == killed, f"owner {killed}")
        with Store.open(place / "store") as store:
            (owner,) = [
                run
                for run in store.runs.list(status="running")
                if any(event.type == "step_started" for event in store.events.read(run.id))
            ]
            pid = int(owner.owner.partition("#")[0].rpartition("/")[2].partition(".")[0])
        (victim,) = [process for process in processes if process.pid == pid]
        victim.kill()
        finish(victim)
        processes.remove(victim)
        with Store.open(place / "store") as store:  # so that the next owner is the only running one
            lease = store.runs.acquire(owner.id, "test", 5)
            store.events.append(owner.id, lease.fence, [("run_paused", {"reason": "killed"})], status="paused")
    until(lambda: lines(place).count("begins") == 3, "the third owner")
    (place / "go").touch()
    assert [finish(process)[0] for process in processes] == [0, 0]
    assert lines(place) == ["begins"] * 3 + ["ends"]


def test_ctrl_c_at_the_owner_leaves_the_others_their_result(place):
    owner = begin()
    until(lambda: lines(place) == ["begins"], "the owner")
    waiters = [begin(), begin()]
    running(place, 3)
    owner.send_signal(signal.SIGINT)
    assert finish(owner)[0] == 130
    until(lambda: lines(place) == ["begins", "begins"], "who takes over")
    (place / "go").touch()
    assert [finish(waiter)[0] for waiter in waiters] == [0, 0]
    assert lines(place) == ["begins", "begins", "ends"]
    assert sorted(end for _, end, _ in statuses(place)) == ["paused", "step_cached", "step_finished"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_who_takes_over_goes_on_with_the_job_that_was_paid(place, stop):
    owner = begin("pays")
    until(lambda: "waits for the job" in lines(place), "the job")
    waiter = begin("pays")
    running(place, 2)
    owner.send_signal(stop)
    finish(owner)
    until(lambda: lines(place).count("waits for the job") == 2, "who takes over")
    (place / "go").touch()
    code, _, err = finish(waiter)
    assert code == 0, err
    assert "goes on with job" in err
    assert sum(line.startswith("paid") for line in lines(place)) == 1


def test_a_rerun_that_was_killed_goes_on_with_the_job_it_paid(place):
    (place / "go").touch()
    assert finish(begin("pays"))[0] == 0
    (place / "go").unlink()
    again = begin("pays", "--rerun", "pays")
    until(lambda: lines(place).count("waits for the job") == 2, "the second job")
    again.kill()
    finish(again)
    (place / "go").touch()
    code, _, err = finish(motools("run", "resume", "last"))
    assert code == 0, err
    paid = [line for line in lines(place) if line.startswith("paid")]
    assert len(set(paid)) == len(paid) == 2


def test_a_failure_is_not_shared(place):
    owner = begin(FAIL="1")
    until(lambda: lines(place) == ["begins"], "the owner")
    waiter = begin()
    running(place, 2)
    (place / "go").touch()
    assert finish(owner)[0] == 1
    code, _, err = finish(waiter)
    assert code == 0, err
    (failed,) = [run for run, end, _ in statuses(place) if end == "step_failed"]
    assert f"waiting: run {failed} computes the same" in err
    assert lines(place) == ["begins", "begins", "ends"]


def test_one_run_of_two_in_one_loop_is_cancelled_and_the_other_finishes(tmp_path):
    begun = []

    async def slow(config, input_atoms, workspace):
        begun.append(1)
        await asyncio.sleep(0.3)
        return {"n": 1}

    workflow = Workflow("w", [Step("slow", {}, {"n": "value"}, None, slow, cache_version=1)])

    async def both(store):
        first = asyncio.ensure_future(arun_workflow(workflow, user="me", store=store))
        await asyncio.sleep(0.1)
        second = asyncio.ensure_future(arun_workflow(workflow, user="me", store=store))
        await asyncio.sleep(0.1)
        first.cancel()
        return await asyncio.gather(first, second, return_exceptions=True)

    with Store.open(tmp_path / "store") as store:
        first, second = asyncio.run(both(store))
    assert isinstance(first, asyncio.CancelledError)
    assert second.status == "completed"
    assert len(begun) == 2


def sweep(store, points, **settings):
    """Run one point each at once: a training of the dummy backend, evaluated with another seed."""

    async def all_at_once():
        runs = (
            arun_workflow(
                "train_and_evaluate",
                config={
                    "train_model": {"model": "base", "backend_name": "dummy", **settings},
                    "evaluate_model": {"backend_name": "dummy", "seed": point},
                },
                user="me",
                store=store,
                raise_on_failure=False,
            )
            for point in points
        )
        return await asyncio.gather(*runs, return_exceptions=True)

    return asyncio.run(all_at_once())


def jobs(store):
    rows = [row for row in store.database.query("SELECT name, outcome FROM effect ORDER BY at") if row[0] == "train"]
    return [outcome for _, outcome in rows]


def test_fault_8_a_sweep_over_a_parameter_of_the_evaluation_trains_once(tmp_path):
    with Store.open(tmp_path / "store") as store:
        states = sweep(store, range(4))
        assert [state.status for state in states] == ["completed"] * 4
        assert jobs(store) == ["succeeded"]
        trained = [state.step_states["train_model"].status for state in states]
        assert sorted(trained) == ["cached", "cached", "cached", "finished"]
        assert len({state.output_atoms["trained_model"] for state in states}) == 1


def test_fault_22_one_failing_point_of_a_sweep_leaves_the_others_and_each_has_its_record(tmp_path):
    @dataclass
    class Point(StepConfig):
        value: int

    def divide(config, input_atoms, workspace):
        return {"result": 12 // config.value}

    workflow = Workflow("point", [Step("divide", {}, {"result": "value"}, Point, divide, cache_version=1)])

    async def all_at_once(store):
        runs = (
            arun_workflow(workflow, config={"divide": {"value": value}}, user="me", store=store, raise_on_failure=False)
            for value in (1, 2, 0, 3)
        )
        return await asyncio.gather(*runs)

    with Store.open(tmp_path / "store") as store:
        states = asyncio.run(all_at_once(store))
        assert [state.status for state in states] == ["completed", "completed", "failed", "completed"]
        assert "ZeroDivisionError" in states[2].step_states["divide"].error["message"]
        assert {run.id for run in store.runs.list()} == {state.run_id for state in states}


def test_fault_7_a_failed_job_is_never_a_hit_and_the_next_run_submits_another(tmp_path, monkeypatch):
    from motools.builtin.dummy import DummyTraining
    from motools.contracts.training import JobState, JobStatus

    class Flaky(DummyTraining):
        name = "flaky"
        lucky = False

        async def status(self, job):
            if not type(self).lucky:
                return JobState(status=JobStatus.FAILED, message="out of memory")
            return await super().status(job)

    monkeypatch.setattr(sys.modules[__name__], "Flaky", Flaky, raising=False)
    component = TrainingBackendComponent(
        name="flaky", target=f"{__name__}:Flaky", summary="Fails at first", cache_version=1
    )
    with Store.open(tmp_path / "store") as store, add_component(component):
        for _ in range(2):
            (failed,) = sweep(store, [0], backend_name="flaky")
            assert failed.step_states["train_model"].status == "failed"
            assert "out of memory" in failed.step_states["train_model"].error["message"]
        assert jobs(store) == ["failed", "failed"]
        Flaky.lucky = True
        (done,) = sweep(store, [0], backend_name="flaky")
        assert done.status == "completed"
        assert jobs(store) == ["failed", "failed", "succeeded"]
        (again,) = sweep(store, [0], backend_name="flaky")
        assert again.step_states["train_model"].status == "cached"
        assert len(jobs(store)) == 3


def test_an_evaluation_that_failed_is_never_a_hit(tmp_path):
    ran = tmp_path / "ran"

    def evaluate(config, input_atoms, workspace):
        ran.write_text(ran.read_text() + "x" if ran.exists() else "x")
        raise RuntimeError("9 of 10 samples had errors")

    workflow = Workflow("w", [Step("evaluate", {}, {"e": "value"}, None, evaluate, cache_version=1)])
    for _ in range(2):
        state = run_workflow(workflow, user="me", store=tmp_path / "store", raise_on_failure=False)
        assert state.status == "failed"
    assert ran.read_text() == "xx"

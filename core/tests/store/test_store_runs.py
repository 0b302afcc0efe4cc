"""Runs, their leases, and their logs."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from motools.errors import CanonicalError, InputError, NotFoundError, RunBusyError
from motools.store import Lease, RunRow, Store, this_process
from motools.store.leases import describe, is_dead

OTHER = "elsewhere.12345678/1.1"
"""An owner on another machine: believed alive until its time runs out."""


def new_run(store: Store, run_id: str = "run-1") -> RunRow:
    return store.runs.create(RunRow(run_id, "train", "alice", {"nodes": ["a"]}, {"config": "x"}))


def test_a_run_comes_back(store: Store) -> None:
    made = new_run(store)
    assert store.runs.get("run-1") == made
    assert (made.status, made.head, made.fence, made.owner) == ("queued", 0, 0, None)
    assert abs(made.created_at - time.time()) < 10
    other = new_run(store, "run-2")
    assert store.runs.get("last") == other
    assert store.runs.list() == [other, made]
    assert store.runs.list(limit=1) == [other]
    assert store.runs.list(status="failed") == []
    with pytest.raises(NotFoundError, match="more than one"):
        store.runs.get("run-")
    with pytest.raises(InputError, match="already"):
        new_run(store)
    with pytest.raises(CanonicalError):
        store.runs.create(RunRow("run-3", "w", "u", {"a": object()}))  # type: ignore[dict-item]


def test_last_of_nothing_is_not_found(store: Store) -> None:
    with pytest.raises(NotFoundError, match="no run in the store yet"):
        store.runs.get("last")


def test_events_are_numbered_and_move_the_projection(store: Store) -> None:
    new_run(store)
    new_run(store, "run-2")
    lease = store.runs.acquire("run-1", this_process(), 60)
    assert store.events.append("run-1", lease.fence, [("run_started", {"a": 1}), ("node_started", {"b": [None]})]) == 2
    assert store.events.append("run-2", 0, [("queued", {})]) == 1
    assert store.events.append("run-1", lease.fence, [("run_completed", "x")], full=True, status="completed") == 3
    events = store.events.read("run-1")
    assert [(e.seq, e.fence, e.type, e.body) for e in events] == [
        (1, 1, "run_started", {"a": 1}),
        (2, 1, "node_started", {"b": [None]}),
        (3, 1, "run_completed", "x"),
    ]
    assert store.events.read("run-1", after=1, limit=1) == events[1:2]
    assert store.events.read("run-1", after=3) == []
    run = store.runs.get("run-1")
    assert (run.status, run.head, run.updated_at) == ("completed", 3, events[-1].at)
    assert [run.id for run in store.runs.list(status="completed")] == ["run-1"]
    assert [event.type for event in store.events.read("run-2")] == ["queued"]


def test_an_append_is_all_or_nothing(store: Store) -> None:
    new_run(store)
    with pytest.raises(CanonicalError):
        store.events.append("run-1", 0, [("a", {}), ("b", {"x": float("nan")})])
    with pytest.raises(CanonicalError), store.transaction():  # noqa: PT012
        store.events.append("run-1", 0, [("a", {})], status="running")
        store.events.append("run-1", 0, [("b", object())])
    assert store.events.read("run-1") == []
    assert store.runs.get("run-1").status == "queued"
    for call in (lambda: store.events.append("run-9", 0, [("a", {})]), lambda: store.events.read("run-9")):
        with pytest.raises(NotFoundError):
            call()


def test_a_stale_fence_is_refused(store: Store) -> None:
    new_run(store)
    first = store.runs.acquire("run-1", OTHER, 0.05)
    store.events.append("run-1", first.fence, [("a", {})])
    time.sleep(0.1)
    second = store.runs.acquire("run-1", this_process(), 60)
    assert second.fence > first.fence
    for write in (
        lambda: store.events.append("run-1", first.fence, [("late", {})], status="failed"),
        lambda: store.runs.renew(first),
        lambda: store.runs.check(first),
        lambda: store.events.append("run-1", 0, [("late", {})]),
    ):
        with pytest.raises(RunBusyError, match=str(os.getpid())):
            write()
    store.runs.release(first)  # lost already: nothing happens
    store.runs.check(second)
    store.events.append("run-1", second.fence, [("b", {})])
    assert [event.type for event in store.events.read("run-1")] == ["a", "b"]
    assert store.runs.get("run-1").status == "queued"


def test_a_released_lease_cannot_write_and_the_next_gets_a_new_fence(store: Store) -> None:
    new_run(store)
    first = store.runs.acquire("run-1", this_process(), 60)
    store.runs.release(first)
    with pytest.raises(RunBusyError, match="released"):
        store.events.append("run-1", first.fence, [("late", {})])
    assert store.runs.get("run-1").owner is None
    assert store.runs.acquire("run-1", this_process(), 60).fence > first.fence


def test_a_living_owner_is_named(store: Store) -> None:
    new_run(store)
    store.runs.acquire("run-1", this_process(), 60)
    with pytest.raises(RunBusyError) as caught:
        store.runs.acquire("run-1", OTHER, 60)
    assert f"process {os.getpid()} on" in str(caught.value)
    with pytest.raises(NotFoundError):
        store.runs.acquire("run-9", OTHER, 60)


def test_renewing_holds_it(tmp_path: Path) -> None:
    now = 1000.0
    with Store.open(tmp_path / "store", clock=lambda: now) as store:
        new_run(store)
        lease = store.runs.acquire("run-1", OTHER, 10)
        now = 1009.0
        lease = store.runs.renew(lease)
        assert lease.until == 1019.0
        now = 1018.0
        with pytest.raises(RunBusyError):
            store.runs.acquire("run-1", this_process(), 10)
        now = 1019.0
        assert store.runs.acquire("run-1", this_process(), 10).fence == lease.fence + 1


_HOLD = """
import sys, time
from motools.store import Store, this_process
store = Store.open(sys.argv[1])
store.runs.acquire("run-1", this_process(), 3600)
print("held", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("reap", [True, False])
def test_a_killed_owner_is_dead_at_once(store: Store, reap: bool) -> None:
    new_run(store)
    child = subprocess.Popen([sys.executable, "-c", _HOLD, str(store.path)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    with pytest.raises(RunBusyError, match=f"process {child.pid} on"):
        store.runs.acquire("run-1", this_process(), 60)
    os.kill(child.pid, signal.SIGKILL)
    if reap:
        child.wait()
    else:  # a zombie drives nothing either
        deadline = time.monotonic() + 10
        while not is_dead(store.runs.get("run-1").owner or "") and time.monotonic() < deadline:
            time.sleep(0.01)
    lease = store.runs.acquire("run-1", this_process(), 60)
    assert lease.fence == 2
    child.wait()
    child.stdout.close()


def test_a_stopped_owner_that_comes_back_cannot_write(store: Store) -> None:
    """SIGSTOP past the end of the lease, take over, SIGCONT: the old owner's append is refused."""
    new_run(store)
    script = _HOLD.replace("3600", "0.2").replace("time.sleep(600)", "sys.stdin.readline()") + (
        "from motools.errors import RunBusyError\n"
        "try:\n    store.events.append('run-1', 1, [('late', {})])\nexcept RunBusyError:\n    print('refused')\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(store.path)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    os.kill(child.pid, signal.SIGSTOP)
    time.sleep(0.3)
    lease = store.runs.acquire("run-1", this_process(), 60)
    os.kill(child.pid, signal.SIGCONT)
    out, _ = child.communicate("\n", timeout=60)
    assert out == "refused\n"
    store.events.append("run-1", lease.fence, [("mine", {})])
    assert [event.type for event in store.events.read("run-1")] == ["mine"]


def test_who_is_dead() -> None:
    mine = this_process()
    assert not is_dead(mine)
    assert not is_dead(mine + "#activation 3")
    assert not is_dead(mine + "/node")
    machine, _, process = mine.rpartition("/")
    pid, _, start = process.partition(".")
    assert is_dead(f"{machine}/{pid}.{int(start) + 1}"), "the id was given to another process"
    assert is_dead(f"{machine}/4194304999.1")
    assert is_dead(f"{machine}/4194304999.1/node#2")
    assert not is_dead(f"{machine}x/{pid}.{int(start) + 1}"), "another machine, or this one before it was started again"
    assert not is_dead("a scheduler")
    assert describe(mine) == f"process {os.getpid()} on '{os.uname().nodename}'"
    assert describe("a scheduler") == "'a scheduler'"


def _append(path: Path, worker: int, count: int) -> None:
    with Store.open(path) as store:
        for number in range(count):
            store.events.append("run-1", 0, [("e", {"worker": worker, "number": number})])


def test_many_writers_lose_and_double_nothing(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        new_run(store)
    workers, count = 8, 60
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_append, args=(tmp_path / "store", n, count)) for n in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * workers
    with Store.open(tmp_path / "store") as store:
        events = store.events.read("run-1")
    assert [event.seq for event in events] == list(range(1, workers * count + 1))
    for worker in range(workers):
        mine = [event.body["number"] for event in events if event.body["worker"] == worker]
        assert mine == list(range(count)), "and each writer's are in its order"


def test_one_of_many_gets_the_lease(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        new_run(store)
    script = (
        "import sys, time\nfrom motools.store import Store, this_process\nfrom motools.errors import RunBusyError\n"
        "store = Store.open(sys.argv[1])\n"
        "try:\n    print(store.runs.acquire('run-1', this_process(), 60).fence, flush=True)\n"
        "except RunBusyError:\n    print('busy', flush=True)\nsys.stdin.readline()\n"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "store")],
            stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    said = [child.stdout.readline().strip() for child in children if child.stdout]
    for child in children:
        child.communicate("\n")
    assert sorted(said) == ["1"] + ["busy"] * 5


def test_a_lease_is_plain_data() -> None:
    lease = Lease("run-1", 3, 10.0, "owner", 5.0)
    assert lease.fence == 3
    with pytest.raises(AttributeError):
        lease.fence = 4  # type: ignore[misc]

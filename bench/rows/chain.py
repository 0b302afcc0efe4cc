"""A chain of trivial steps: each adds one to what the one before made."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench.counting import count
from bench.rows.work import Row, Side


async def add_one(config, input_atoms, workspace):
    """Add one: a step of ours that runs on the loop."""
    count()
    return {"x": input_atoms["x"].value() + 1 if input_atoms else 0}


def add_one_in_a_thread(config, input_atoms, workspace):
    """Add one: a step of ours that runs in a thread."""
    count()
    return {"x": input_atoms["x"].value() + 1 if input_atoms else 0}


def ours(place: Path, size: int, fn=add_one) -> float:
    """Run it by motools."""
    from motools.store import Store
    from motools.workflow import Step, Workflow, run_workflow

    with Store.open(place / "store") as store:
        began = time.perf_counter()
        steps = [Step(f"s{i}", {"x": "value"} if i else {}, {"x": "value"}, None, fn) for i in range(size)]
        state = run_workflow(Workflow("chain", steps), user="bench", store=store)
        seconds = time.perf_counter() - began
        (last,) = state.output_atoms.values()
        assert store.content.value(store.atoms.get(last).content) == size - 1
    return seconds


def ours_in_threads(place: Path, size: int) -> float:
    """Run it by motools, with a step that is not async."""
    return ours(place, size, add_one_in_a_thread)


def plain_add_one(x):
    """Add one."""
    count()
    return x + 1


def by_joblib(place: Path, size: int) -> float:
    """Run it by joblib.Memory."""
    from joblib import Memory

    step = Memory(place, verbose=0).cache(plain_add_one)
    began = time.perf_counter()
    x = 0
    for _ in range(size):
        x = step(x)
    return time.perf_counter() - began


def by_luigi(place: Path, size: int) -> float:
    """Run it by luigi; again, it looks at the last target only."""
    import luigi

    class AddOne(luigi.Task):
        i = luigi.IntParameter()

        def requires(self):
            return [AddOne(self.i - 1)] if self.i else []

        def output(self):
            return luigi.LocalTarget(place / f"{self.i}.json")

        def run(self):
            count()
            value = json.loads(Path(self.input()[0].path).read_text()) + 1 if self.i else 0
            with self.output().open("w") as file:
                file.write(json.dumps(value))

    began = time.perf_counter()
    assert luigi.build([AddOne(size - 1)], local_scheduler=True, log_level="ERROR")
    return time.perf_counter() - began


def by_redun(place: Path, size: int) -> float:
    """Run it by redun."""
    from redun import Scheduler, task
    from redun.config import Config

    @task(namespace="bench")
    def add_one(x):
        count()
        return x + 1

    @task(namespace="bench", cache=False)
    def chain(size):
        x = 0
        for _ in range(size):
            x = add_one(x)
        return x

    sys.setrecursionlimit(50_000)  # it goes down the whole chain at once
    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{place}/redun.db"}}))
    scheduler.load()
    began = time.perf_counter()
    assert scheduler.run(chain(size)) == size
    return time.perf_counter() - began


def limit(place: Path, size: int) -> float:
    """Do the least: two commits a step the first time, then a key and a look-up."""
    import sqlite3

    from blake3 import blake3

    database = sqlite3.connect(place / "limit.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE IF NOT EXISTS made (key BLOB PRIMARY KEY, value TEXT) WITHOUT ROWID")
    database.execute("CREATE TABLE IF NOT EXISTS event (n INTEGER PRIMARY KEY, body TEXT)")
    body = "x" * 200
    began = time.perf_counter()
    value = "0"
    for _ in range(size):
        parts = {"code": "a" * 64, "config": {}, "inputs": {"x": value}}
        key = blake3(json.dumps(parts, sort_keys=True).encode()).digest()
        found = database.execute("SELECT value FROM made WHERE key = ?", (key,)).fetchone()
        if found is None:
            database.execute("INSERT INTO event(body) VALUES (?)", (body,))
            count()
            made = str(int(value) + 1)
            database.execute("BEGIN IMMEDIATE")
            database.execute("INSERT INTO event(body) VALUES (?)", (body,))
            database.execute("INSERT INTO made VALUES (?, ?)", (key, made))
            database.execute("COMMIT")
            value = made
        else:
            (value,) = found
    return time.perf_counter() - began


ROW = Row(
    title="chain of trivial steps",
    unit="us a step",
    budget=("<= 150 async, <= 250 in threads", "<= 30"),
    size=1000,
    quick=50,
    sides={
        "ours": Side(ours),
        "ours, in threads": Side(ours_in_threads, peer=False),
        "joblib": Side(by_joblib),
        "luigi": Side(by_luigi, verifies=False, note="again, it looks at the last target only"),
        "redun": Side(by_redun, smaller=5, note="a fifth of the steps"),
        "limit": Side(limit, peer=False, note="two commits a step, then a key and a look-up"),
    },
)

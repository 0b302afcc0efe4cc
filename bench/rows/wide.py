"""Many trivial steps that do not need one another, each with a number of its own."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from bench.counting import count
from bench.rows.chain import limit
from bench.rows.work import Row, Side


@dataclass
class Number:
    """Settings of one step."""

    n: int = 0


async def square(config: Number, input_atoms, workspace):
    """Square a number: a step of ours."""
    count()
    return {f"square_{config.n}": config.n * config.n}


def ours(place: Path, size: int) -> float:
    """Run it by motools."""
    from motools.store import Store
    from motools.workflow import Step, Workflow, run_workflow

    with Store.open(place / "store") as store:
        began = time.perf_counter()
        steps = [Step(f"s{i}", {}, {f"square_{i}": "value"}, Number, square) for i in range(size)]
        state = run_workflow(
            Workflow("wide", steps), {}, {f"s{i}": {"n": i} for i in range(size)}, "bench", store=store
        )
        seconds = time.perf_counter() - began
        last = state.output_atoms[f"square_{size - 1}"]
        assert store.content.value(store.atoms.get(last).content) == (size - 1) ** 2
    return seconds


def plain_square(n):
    """Square a number."""
    count()
    return n * n


def by_joblib(place: Path, size: int) -> float:
    """Run it by joblib.Memory."""
    from joblib import Memory

    step = Memory(place, verbose=0).cache(plain_square)
    began = time.perf_counter()
    for n in range(size):
        step(n)
    return time.perf_counter() - began


def by_luigi(place: Path, size: int) -> float:
    """Run it by luigi, all of them wanted by name, so that each target is looked at."""
    import luigi

    class Square(luigi.Task):
        n = luigi.IntParameter()

        def output(self):
            return luigi.LocalTarget(place / f"{self.n}.txt")

        def run(self):
            count()
            with self.output().open("w") as file:
                file.write(str(self.n * self.n))

    began = time.perf_counter()
    assert luigi.build([Square(n) for n in range(size)], local_scheduler=True, log_level="ERROR")
    return time.perf_counter() - began


def by_redun(place: Path, size: int) -> float:
    """Run it by redun."""
    from redun import Scheduler, task
    from redun.config import Config

    @task(namespace="bench")
    def square(n):
        count()
        return n * n

    @task(namespace="bench", cache=False)
    def wide(size):
        return [square(n) for n in range(size)]

    scheduler = Scheduler(config=Config({"backend": {"db_uri": f"sqlite:///{place}/redun.db"}}))
    scheduler.load()
    began = time.perf_counter()
    assert len(scheduler.run(wide(size))) == size
    return time.perf_counter() - began


ROW = Row(
    title="wide: trivial steps side by side",
    unit="us a step",
    budget=("<= 200", "<= 30"),
    size=1000,
    quick=50,
    sides={
        "ours": Side(ours),
        "joblib": Side(by_joblib),
        "luigi": Side(by_luigi, note="targets are there; neither what they hold nor the code is looked at"),
        "redun": Side(by_redun, smaller=5, note="a fifth of the steps"),
        "limit": Side(limit, peer=False, note="two commits a step, then a key and a look-up"),
    },
)

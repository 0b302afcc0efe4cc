"""How an evaluation behaves in its process: loops, threads, cancellation, what it leaves behind."""

import asyncio
import json
import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from motools.contracts import EvalJob, ModelRef, Sample, Task, Usage
from motools.contracts.activation import reset_current_activation, set_current_activation
from motools.errors import RunError
from motools_inspect.backend import InspectEvalBackend

MODEL = ModelRef(provider="echo", model="m")


def task(name="t", count=4):
    samples = [Sample(id=f"s{i}", input=f"{name}{i}") for i in range(count)]
    return Task(name=name, samples=samples, scorers={"n": lambda sample, answer: len(answer)})


def start(log_dir: Path, what=None, **options):
    return InspectEvalBackend().run(model=MODEL, task=what or task(), options=options, seed=0, log_dir=log_dir)


async def hang(self, messages, options):
    await anyio.sleep_forever()
    yield


def test_it_works_inside_a_running_loop_which_stays_free(serve, tmp_path):
    serve(seconds=0.3)
    beats = []

    async def beat():
        while True:
            beats.append(time.monotonic())
            await asyncio.sleep(0.01)

    async def main():
        beating = asyncio.create_task(beat())
        results = await start(tmp_path)
        beating.cancel()
        return results

    assert asyncio.run(main()).n == 4
    assert len(beats) > 15


def test_it_works_in_a_worker_thread(serve, tmp_path):
    serve()
    found = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(start(tmp_path))))
    thread.start()
    thread.join(60)
    assert found[0].n == 4


def test_evaluations_at_the_same_time_keep_apart(serve, tmp_path):
    serve(seconds=0.05)
    found = {}

    async def main():
        async with anyio.create_task_group() as group:

            async def one(name, count):
                found[name] = await start(tmp_path / name, task(name, count))

            for name, count in (("a", 3), ("bb", 4), ("ccc", 5)):
                group.start_soon(one, name, count)

    asyncio.run(main())
    assert {name: (found[name].n, found[name].metrics["n/mean"]) for name in found} == {
        "a": (3, 2.0), "bb": (4, 3.0), "ccc": (5, 4.0),
    }  # fmt: skip
    assert all(found[name].log_files[0].parent == tmp_path / name for name in found)


def test_a_cancelled_evaluation_stops_at_once_and_the_next_one_runs(serve, tmp_path):
    provider = serve(answer=hang)

    async def main():
        async with anyio.create_task_group() as group:

            async def first():
                await start(tmp_path / "a")
                pytest.fail("cannot come to an end")

            async def waiting():
                await start(tmp_path / "b")
                pytest.fail("never had its turn")

            group.start_soon(first)
            group.start_soon(waiting)
            while provider.live < 4:
                await anyio.sleep(0.01)
            began = time.monotonic()
            group.cancel_scope.cancel()
        return time.monotonic() - began

    assert asyncio.run(main()) < 5
    assert provider.live == 0
    assert provider.closed == 1
    serve()
    assert asyncio.run(start(tmp_path / "c")).n == 4


@dataclass
class Context:
    """Stands in for the engine's activation: records what it is told."""

    cancelled: bool = False
    told: list = field(default_factory=list)
    spent: list = field(default_factory=list)

    def check_cancelled(self):
        if self.cancelled:
            raise RunError("the run is being cancelled")

    def progress(self, fraction=None, message="", **data):
        self.told.append((fraction, message))

    def spend(self, *, input_tokens=0, output_tokens=0, cost_usd=None):
        self.spent.append((input_tokens, output_tokens, cost_usd))


def run_within(context, coroutine):
    token = set_current_activation(context)
    try:
        return asyncio.run(coroutine)
    finally:
        reset_current_activation(token)


def test_a_run_that_is_cancelled_stops_its_evaluation(serve, tmp_path):
    provider = serve(answer=hang)
    context = Context()

    async def main():
        async with anyio.create_task_group() as group:

            async def cancel():
                while provider.live < 4:
                    await anyio.sleep(0.01)
                context.cancelled = True

            group.start_soon(cancel)
            with pytest.raises(RunError, match="being cancelled"):
                await start(tmp_path)

    run_within(context, main())
    assert provider.live == 0


def test_progress_and_spending_reach_the_activation(serve, tmp_path):
    serve(seconds=0.1)
    context = Context()
    results = run_within(context, start(tmp_path, task("t", 12), max_connections=2))
    fractions = [fraction for fraction, _ in context.told]
    assert fractions == sorted(fractions)
    assert len(fractions) > 1
    assert context.told[-1] == (1.0, "12 of 12 samples")
    assert sum(spent[0] for spent in context.spent) == results.usage.input_tokens == 12
    assert sum(spent[2] for spent in context.spent) == pytest.approx(0.012)
    assert results.usage == Usage(input_tokens=12, output_tokens=12, cost_usd=0.012)


def test_the_process_is_left_as_it_was(serve, tmp_path, monkeypatch, capfd):
    serve()
    (tmp_path / ".env").write_text("MOTOOLS_TEST_SECRET=abc\nINSPECT_LOG_DIR=./elsewhere\n")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()

    def process():
        loop = [
            asyncio.run,
            asyncio.Task,
            asyncio.Future,
            asyncio.get_event_loop,
            asyncio.BaseEventLoop.run_until_complete,
        ]
        return [list(root.handlers), root.level, sys.excepthook, dict(os.environ), Path.cwd(), *loop]

    before = process()
    asyncio.run(start(tmp_path / "logs"))
    assert process() == before
    assert capfd.readouterr() == ("", "")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".env", "logs"]


def test_the_convenience_over_it_works(serve, tmp_path):
    serve()

    async def main():
        job = await InspectEvalBackend().evaluate("echo/m", task(), options={"limit": 2})
        assert isinstance(job, EvalJob)
        return await job.wait()

    results = asyncio.run(main())
    assert json.loads(results.to_json())["n"] == 2
    assert results.log_files[0].is_file()


def test_declaring_it_imports_no_inspect():
    code = (
        "import sys, motools_inspect._plugin as p\n"
        "component, = p.motools_eval_backends()\n"
        "assert component.name == 'inspect'\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('inspect_ai', 'pydantic', 'anyio')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_connection_leaves_the_machine(tmp_path):
    code = f"""
import asyncio, socket, sys, types
def refuse(self, address):
    raise AssertionError(f"connects to {{address!r}}")
socket.socket.connect = socket.socket.connect_ex = refuse
from motools import plugins
from motools.contracts import ChatChunk, ModelRef, Provider, Sample, Task, Usage
class P(Provider):
    name = "p"
    async def chat(self, model, messages, *, options=None, tools=()):
        yield ChatChunk(text="x", stop_reason="stop", usage=Usage())
home = sys.modules["home"] = types.ModuleType("home")
home.P = P
plugins.add_component(plugins.ProviderComponent(name="p", target="home:P", summary="s"))
backend = plugins.load("eval_backend", "inspect")()
task = Task(name="t", samples=[Sample(id="a", input="q")], scorers={{"s": lambda sample, answer: 1}})
results = asyncio.run(backend.run(model=ModelRef.parse("p/m"), task=task, options={{}}, seed=0,
                                  log_dir=__import__("pathlib").Path({str(tmp_path)!r})))
print(results.metrics["s/mean"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "1.0"), done.stderr


def test_inspects_own_command_line_takes_our_models(tmp_path):
    """`inspect eval --model motools/PROVIDER/MODEL` finds the model API through its entry point."""
    from importlib.metadata import entry_points

    from inspect_ai.model import get_model

    (point,) = entry_points(group="inspect_ai", name="motools_inspect")
    assert point.value == "motools_inspect.registry"
    model = get_model("motools/dummy/tiny", memoize=False)
    assert (model.api.ref.provider, model.api.ref.model) == ("dummy", "tiny")
    answer = asyncio.run(model.generate("Hello"))
    assert answer.model == "dummy/tiny"

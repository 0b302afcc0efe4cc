"""The manifest as people meet it: the same lines, one run each, off when told so, and nothing half done whenever it is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from motools.store import Store
from motools.store.verify import check

FLOW = """
from motools.workflow import Workflow, step


@step(outputs={"a": "value"})
def one(config, input_atoms, workspace):
    return {"a": "x" * 100_000}


@step(inputs={"a": "value"}, outputs={"b": "value"})
def two(config, input_atoms, workspace):
    return {"b": len(input_atoms["a"].value())}


flow = Workflow("flow", [one, two])
"""


class Project:
    """A folder with a workflow that is a while old, and commands in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / ".motools"
        (folder / "flow.py").write_text(FLOW)
        time.sleep(0.03)
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "PYTEST"))}
        self.environment = {**clean, "MOTOOLS_USER": "me", "NO_COLOR": "1", "MOTOOLS_CACHE_DIR": str(folder / ".cache")}

    def command(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return self.python("import sys\nfrom motools.cli import main\nmain(sys.argv[1:])", *words, **more)

    def python(self, code: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        # The same words each time: they are part of what a manifest answers.
        return subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code), *words],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def run(self, before: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        """Run the workflow; `before` is done first, and cannot be told from outside."""
        code = "import os, sys\nexec(open('.before').read())\nfrom motools.cli import main\nmain(sys.argv[1:])"
        (self.folder / ".before").write_text(textwrap.dedent(before))
        return self.python(code, "workflow", "run", "./flow.py:flow", **more)

    @property
    def manifests(self) -> list[Path]:
        return sorted((self.store / "manifests").glob("*.json"))

    def runs(self) -> list[Any]:
        with Store.open(self.store, create=False) as store:
            return store.runs.list()

    def sound(self) -> bool:
        with Store.open(self.store, create=False) as store:
            return not list(check(store))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    for _ in range(2):
        done = made.run()
        assert done.returncode == 0, done.stderr
    assert made.manifests
    return made


LOADED = """
import atexit
atexit.register(lambda: open("loaded", "w").write(str(int("motools.engine.code" in sys.modules))))
"""


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return re.sub(r"\d{8}-\d{6}-[a-z]{4}", "RUN", done.stdout + done.stderr)


def test_it_prints_the_same_without_loading_anything(project: Project) -> None:
    answered = told(project.run(LOADED))
    assert (project.folder / "loaded").read_text() == "0"
    usual = told(project.run(LOADED, MOTOOLS_MANIFEST="off"))
    assert (project.folder / "loaded").read_text() == "1"
    assert answered == usual
    assert "CACHED" in answered
    assert [row.status for row in project.runs()] == ["completed"] * 4


def test_off_means_that_none_is_read_or_written(tmp_path: Path) -> None:
    project = Project(tmp_path)
    for _ in range(2):
        assert project.run(MOTOOLS_MANIFEST="off").returncode == 0
    assert not project.manifests


def test_no_cache_and_rerun_do_not_ask_it(project: Project) -> None:
    for words in (["--no-cache"], ["--rerun", "one"], ["--stages", "one"]):
        before = project.manifests
        done = project.command("workflow", "run", "./flow.py:flow", *words)
        assert done.returncode == 0, done.stderr
        assert project.manifests == before
        assert ("finished" in done.stdout) == (words[0] != "--stages")


KILL = """
import motools.engine.record as record
commit, left = record.Recorder.commit, [{n}]
def counted(self, *events, **more):
    left[0] -= 1
    if left[0] == 0 and {early}:
        os.kill(os.getpid(), 9)
    commit(self, *events, **more)
    if left[0] == 0:
        os.kill(os.getpid(), 9)
record.Recorder.commit = counted
"""


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("n", [1, 2, 4])
def test_killed_anywhere_it_leaves_no_half_run(project: Project, n: int, early: bool) -> None:
    before = [row.id for row in project.runs()]
    done = project.run(KILL.format(n=n, early=early))
    assert done.returncode == -signal.SIGKILL
    assert [row.id for row in project.runs()] == before, "what it began was not taken back"
    assert project.sound()
    assert "CACHED" in told(project.run(LOADED))
    assert (project.folder / "loaded").read_text() == "0"


def test_killed_while_it_is_written_it_is_the_old_one_or_none(project: Project) -> None:
    whole = {file: file.read_bytes() for file in project.manifests}
    (project.folder / "flow.py").write_text(FLOW + "\n# a comment\n")
    time.sleep(0.03)
    before = """
        replace = os.replace
        def killed(source, target):
            if "manifests" in str(target):
                os.kill(os.getpid(), 9)
            replace(source, target)
        os.replace = killed
    """
    assert project.run(before).returncode == -signal.SIGKILL
    assert {file: file.read_bytes() for file in project.manifests} == whole
    assert project.sound()
    assert "CACHED" in told(project.run())
    assert "CACHED" in told(project.run(LOADED))
    assert (project.folder / "loaded").read_text() == "0"


def test_beside_gc_and_others_that_run_the_same(project: Project) -> None:
    """Results go while manifests answer: each run has all it says, computed again where it was gone."""
    collector = subprocess.Popen(
        [
            sys.executable,
            "-c",
            textwrap.dedent(
                """
                import sys, time
                from motools.errors import InputError
                from motools.store import Store
                from motools.store.gc import collect
                until, times = time.monotonic() + 5, 0
                while time.monotonic() < until:
                    with Store.open(sys.argv[1]) as store:
                        for row in store.runs.list():
                            if row.status == "completed":
                                store.runs.archive(row.id, "me")
                        try:
                            collect(store, older_than=0, delete=True)
                            times += 1
                        except InputError:
                            pass  # somebody is at work at this moment
                    time.sleep(0.02)
                assert times
                """
            ),
            str(project.store),
        ]
    )
    # Not by the command: gc may take away what it has just made before it is printed.
    code = "from motools.workflow import run_workflow\nrun_workflow('./flow.py:flow')"
    words = [sys.executable, "-c", code]
    ended = []
    while collector.poll() is None:
        started = [
            subprocess.Popen(
                words,
                cwd=project.folder,
                env=project.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for each in started:
            out, err = each.communicate(timeout=120)
            ended.append(each.returncode)
            assert each.returncode == 0, out + err
    assert collector.returncode == 0
    assert ended
    assert project.sound()
    assert all(row.status == "completed" for row in project.runs())


def test_a_listener_that_fails_is_heard_and_the_run_stands_once(project: Project) -> None:
    code = """
        from motools.engine.api import run_workflow
        def listen(event):
            if event.type == "run_completed":
                raise BrokenPipeError("nobody reads")
        for _ in range(3):
            try:
                run_workflow("./flow.py:flow", listeners=[listen])
            except BrokenPipeError:
                print("heard")
    """
    before = len(project.runs())
    done = project.python(code)
    assert done.stdout.split() == ["heard"] * 3, done.stderr
    assert len(project.runs()) == before + 3


def test_from_python_it_can_be_left_out(project: Project) -> None:
    code = """
        import json, sys
        from motools.workflow import run_workflow
        state = run_workflow("./flow.py:flow", manifest=sys.argv[1] == "yes")
        print(json.dumps(["motools.engine.code" in sys.modules, [s.status for s in state.step_states.values()]]))
    """
    first = json.loads(project.python(code, "yes").stdout)
    again = json.loads(project.python(code, "yes").stdout)
    without = json.loads(project.python(code, "no").stdout)
    assert (first[0], again[0], without[0]) == (True, False, True)
    assert first[1] == again[1] == without[1] == ["cached", "cached"]


@pytest.mark.parametrize("at", ["run_started", "step_cached", "run_completed"])
def test_ctrl_c_while_earlier_results_are_used(project: Project, at: str) -> None:
    """It strikes between two commits, and the run is paused or has ended, as its log says."""
    code = """
        import os, signal, sys
        from motools.engine.api import resume_run, run_workflow
        sent = []
        def listen(event):
            if event.type == sys.argv[1] and not sent:
                sent.append(event)
                os.kill(os.getpid(), signal.SIGINT)
        try:
            run_workflow("./flow.py:flow", manifest=False, listeners=[listen])
        except KeyboardInterrupt:
            print("interrupted")
        print(resume_run("last").status if sys.argv[1] != "run_completed" else "completed")
    """
    done = project.python(code, at)
    assert done.stdout.split() == ["interrupted", "completed"], done.stderr
    with Store.open(project.store) as store:
        row = store.runs.get("last")
        assert (row.status, row.owner) == ("completed", None)
        types = [event.type for event in store.events.read(row.id)]
    assert ("run_paused" in types) == (at != "run_completed"), types

"""Sources that change after they were imported: a result is never kept under the name of code that did not make it."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

import pytest

from motools.engine.code import CodeBook, source_text
from motools.store import Store
from motools.workflow import Workflow, run_workflow

STEPS = """
import time
from pathlib import Path
from helpers import scale
from motools.workflow import Workflow, step

HERE = Path(__file__).parent

@step(outputs={"n": "value"})
def work(config: dict, input_atoms, workspace):
    (HERE / "running").touch()
    while (HERE / "wait").exists():
        time.sleep(0.01)
    return {"n": scale(2)}

workflow = Workflow("w", [work])
"""
HELPERS = "def scale(x):\n    return x * 3\n"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    return tmp_path


def begin(place: Path) -> subprocess.Popen[str]:
    run = [
        sys.executable,
        "-m",
        "motools",
        "workflow",
        "run",
        "./steps.py:workflow",
        "--json",
        "--quiet",
        "--store",
        "store",
    ]
    return subprocess.Popen(run, cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found = json.loads(out)
    return found["run_id"], found["steps"]["work"]["status"]


def run_and_edit(place: Path, file: str, text: str) -> tuple[str, str]:
    """Run the workflow and write a file while its step runs."""
    (place / "wait").touch()
    process = begin(place)
    until = time.monotonic() + 30
    while not (place / "running").exists():
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.01)
    (place / file).write_text(text)
    (place / "wait").unlink()
    (place / "running").unlink()
    return end(process)


def test_a_helper_edited_while_the_step_runs_leaves_a_result_for_this_run_only(place: Path) -> None:
    run, status = run_and_edit(place, "helpers.py", HELPERS.replace("3", "4"))
    assert status == "finished"
    with Store.open(place / "store") as store:
        events = {event.type: event.body for event in store.events.read(run)}
        assert events["sources_changed"]["definitions"] == ["helpers:scale"]
        assert store.keys.history("steps:work") == []
        assert "helpers:scale" in events["step_finished"]["parts"]["code"]
    assert end(begin(place))[1] == "finished"
    assert end(begin(place))[1] == "cached"


def test_a_comment_written_while_the_step_runs_does_not_matter(place: Path) -> None:
    run, _ = run_and_edit(place, "helpers.py", "# later\n\n" + HELPERS + "\ndef unused(): pass\n")
    with Store.open(place / "store") as store:
        assert "sources_changed" not in {event.type for event in store.events.read(run)}
    assert end(begin(place))[1] == "cached"


def test_a_file_edited_between_its_import_and_the_run_is_noticed(tmp_path: Path) -> None:
    """The code in memory is not the code on the disk: no key may be made of either."""
    script = f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from pathlib import Path
        from motools.workflow import run_workflow
        import steps

        def status(text=None):
            if text:
                Path(steps.__file__).with_name("helpers.py").write_text(text)
            return run_workflow(steps.workflow, store={str(tmp_path / "store")!r}).step_states["work"].status

        helpers = {HELPERS!r}
        print(status(), status(), status("# comment\\n" + helpers), status(helpers.replace("3", "5")), status(helpers))
        """
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "helpers.py").write_text(HELPERS)
    for more in ({}, {"PYTHONDONTWRITEBYTECODE": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False,
            env={**os.environ, **more},
        )  # fmt: skip
        assert done.stderr == ""
        first = "cached" if more else "finished"
        assert done.stdout.split() == [first, "cached", "cached", "finished", "cached"]
    with Store.open(tmp_path / "store") as store:
        # The one that ran with other code on the disk left nothing behind that could be used.
        keys = [row for row in store.keys.history("steps:work") if "uncached" not in row.parts["code"]]
        assert len(keys) == 1


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of that text from a file that was written after this process began."""
    numbers = iter(range(100))

    def make(text: str) -> Any:
        name = f"changing_{next(numbers)}_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        importlib.invalidate_caches()
        return importlib.import_module(name)

    return make


EDITS = [
    ("def work(c, i, w): return 1", "return 1", "return 2"),
    ("def work(c, i, w): return lambda: [1 for x in ()]", "[1", "[2"),
    ("class A:\n    @staticmethod\n    def f(): return 1\ndef work(c, i, w): return A.f()", "return 1", "return 2"),
    ("class A:\n    @property\n    def f(self): return 1\ndef work(c, i, w): return A().f", "return 1", "return 2"),
    ("import functools\n@functools.cache\ndef h(): return 1\ndef work(c, i, w): return h()", "return 1", "return 2"),
    ("def work(c, i, w, k=1): return k + X\nX = 1", "def work(c", "def work(b"),
]


@pytest.mark.parametrize(("text", "old", "new"), EDITS)
def test_what_was_imported_is_compared_with_what_is_there(module: Any, text: str, old: str, new: str) -> None:
    made = module(text)
    assert CodeBook().code(made.work).reason is None
    file = Path(made.__file__)
    file.write_text("\n\n# moved down, and a comment\n" + text)
    assert CodeBook().code(made.work).reason is None
    file.write_text(text.replace(old, new))
    reason = CodeBook().code(made.work).reason
    assert reason is not None
    assert file.name in reason
    assert "start again" in reason
    file.write_text(text)
    assert CodeBook().code(made.work).reason is None


def test_a_constant_edited_after_the_import_makes_another_key_than_the_edited_file(module: Any) -> None:
    made = module("X = 1\ndef work(c, i, w): return X")
    Path(made.__file__).write_text("X = 2\ndef work(c, i, w): return X")
    old = CodeBook().code(made.work)
    made.X = 2
    assert old.reason is not None or old.parts != CodeBook().code(made.work).parts


def test_the_code_of_a_run_is_taken_once(module: Any) -> None:
    made = module("def work(c, i, w): return 1")
    book = CodeBook()
    before = book.code(made.work)
    Path(made.__file__).write_text("def work(c, i, w): return 2")
    assert book.code(made.work) is before
    assert book.changed(before) == [f"{made.__name__}:work"]
    Path(made.__file__).unlink()
    assert book.changed(before) == [f"{made.__name__}:work"]


def test_sources_are_kept_with_the_key(module: Any, tmp_path: Path) -> None:
    made = module("from motools.workflow import step\nK = [1, 2]  # two\n@step(outputs={'n': 'value'})\n"
                  "def work(config: dict, i, w): return {'n': K}")  # fmt: skip
    with Store.open(tmp_path / "store") as store:
        state = run_workflow(Workflow("w", [made.work]), store=store)
        row = store.keys.get(state.step_states["work"].key)
        assert row is not None
        assert source_text(store, row.parts["code"][f"{made.__name__}:K"]) == "K = [1, 2]"
        assert source_text(store, "0" * 64) is None


def test_what_is_named_like_a_secret_is_not_kept(module: Any, tmp_path: Path) -> None:
    made = module("from motools.workflow import Step\nAPI_KEY = 'sk-canary-1'\ndef make(token):\n"
                  "    def work(config, i, w): return {'n': len(token + API_KEY)}\n"
                  "    return Step('work', {}, {'n': 'value'}, None, work)\n"
                  "step = make('sk-canary-2')\n")  # fmt: skip
    with Store.open(tmp_path / "store") as store:
        state = run_workflow(Workflow("w", [made.step]), store=store)
        row = store.keys.get(state.step_states["work"].key)
        assert row is not None
        assert any(name.endswith("closure 'token'") for name in row.parts["code"])
        assert any(name.endswith(":API_KEY") for name in row.parts["code"])
    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or b"sk-canary" not in file.read_bytes(), file

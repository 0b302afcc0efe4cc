"""Steps written by people who have not read everything: each mistake gets one clear error."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

STEP = """
import sys
from motools.workflow import AtomConstructor, Workflow, step

@step(outputs={"v": "value"})
def leaves(config, input_atoms, workspace):
    sys.exit(0)

@step(outputs={"v": "value"})
async def leaves_async(config, input_atoms, workspace):
    sys.exit("no rows")

@step(outputs={"v": "value"})
def after(config, input_atoms, workspace):
    return {"v": 1}

@step(outputs={"w": "value"})
def other(config, input_atoms, workspace):
    return {"w": 1}

both = Workflow("both", [leaves, other])

def forgotten(config, input_atoms, workspace):
    return {"v": 1}

def with_defaults(name="made", *more, **others):
    return Workflow(name, [after])

@step(outputs={"d": "dataset"})
def tagged(config, input_atoms, workspace):
    (workspace / "a.txt").write_text("a")
    return [AtomConstructor("d", "a.txt", "dataset", tags="good")]

@step(outputs={"v": "value"})
def logs(config, input_atoms, workspace, context):
    context.log("rows", seen={1, 2})

@step(outputs={"v": "value"})
def progresses(config, input_atoms, workspace, context):
    context.progress("half of it")

@step(outputs={"v": "value"})
def orders(config, input_atoms, workspace, context):
    return {"v": str(context.once("tea", None, request={}))}
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    (tmp_path / "odd.py").write_text(STEP)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(name):
    return subprocess.run(
        [sys.executable, "-m", "motools", "workflow", "run", f"./odd.py:{name}", "--store", "store"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "MOTOOLS_USER": "me"},
    )


@pytest.mark.parametrize(("name", "said"), [("leaves", "sys.exit(0)"), ("leaves_async", "sys.exit('no rows')")])
def test_a_step_that_exits_has_failed_and_does_not_end_the_process(name, said):
    ended = run(name)
    assert ended.returncode == 1
    assert f"it called {said}" in ended.stderr
    assert "odd.py:" in ended.stderr
    assert "failed" in ended.stdout


def test_a_step_that_exits_leaves_the_others_running():
    ended = run("both")
    assert ended.returncode == 1
    assert "other   finished" in ended.stdout


def test_a_function_that_is_no_step_is_no_bug_of_motools():
    ended = run("forgotten")
    assert ended.returncode == 2
    assert "'./odd.py:forgotten' is a function of (config, input_atoms, workspace), not a workflow" in ended.stderr
    assert "@step" in ended.stderr
    assert run("with_defaults").returncode == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tagged", "tags=['good']"),
        ("logs", "step 'logs': log $.data.seen: a builtins.set is not a JSON value"),
        ("orders", "hint: Write 'async def' for the step's function"),
        ("progresses", "context.progress takes a fraction first, not 'half of it'"),
    ],
)
def test_what_a_step_says_wrongly_names_the_step(name, said):
    ended = run(name)
    assert ended.returncode in (1, 2)
    assert said in ended.stderr
    assert f"step '{name}'" in ended.stderr


def test_a_step_that_is_declared_wrongly_says_what_to_write(place: Path):
    (place / "odd.py").write_text("from motools.workflow import step\n\n@step(outputs=['v'])\ndef f(a, b, c): ...\n")
    ended = run("f")
    assert "step 'f': outputs is ['v'], not a mapping from name to type" in ended.stderr
    assert "hint: Write outputs=" in ended.stderr
    assert "DefinitionError" not in ended.stderr


def test_settings_of_a_plain_class_are_an_error_that_names_the_step(place: Path):
    (place / "odd.py").write_text(
        "from motools.workflow import step\n\nclass Plain:\n    rows: int = 1\n\n"
        "@step(outputs={'v': 'value'})\ndef f(config: Plain, input_atoms, workspace): ...\n"
    )
    ended = run("f")
    assert ended.returncode == 2
    assert "the settings of step 'f': a config value cannot be a Plain" in ended.stderr
    assert "hint: Write @dataclass before 'class Plain'." in ended.stderr

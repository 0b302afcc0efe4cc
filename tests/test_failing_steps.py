"""A step that fails: the line in one's own code is named, the traceback is there for who asks, stdout stays clean."""

import json
import os
import subprocess
import sys

import pytest

PIPELINE = """
from pathlib import Path
from motools.workflow import Workflow, step

def read(path):
    return Path(path).read_text()

@step(outputs={"a": "value"})
def fails(config: dict, input_atoms, workspace):
    return {"a": read("/not/there")}

@step(outputs={"b": "value"})
def speaks(config: dict, input_atoms, workspace, context):
    print("hello from my step")
    context.log("kept", rows=6)
    return {"b": 1}

failing = Workflow("failing", [fails])
speaking = Workflow("speaking", [speaks])
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(PIPELINE)
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("MOTOOLS_DEBUG", raising=False)
    monkeypatch.chdir(tmp_path)


def motools(*arguments):
    return subprocess.run([sys.executable, "-m", "motools", *arguments], capture_output=True, text=True, env=os.environ)


def test_the_place_is_the_line_in_ones_own_code():
    done = motools("workflow", "run", "./mine.py:failing")
    assert done.returncode == 1
    assert "mine.py:6: FileNotFoundError" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback_of_the_step_then_and_later():
    assert "return Path(path).read_text()" in motools("workflow", "run", "./mine.py:failing", "--debug").stderr
    assert "return Path(path).read_text()" in motools("run", "show", "last", "--debug").stderr


def test_in_python_the_steps_own_exception_is_the_cause():
    code = (
        "from motools.workflow import run_workflow\n"
        "try:\n    run_workflow('./mine.py:failing')\n"
        "except Exception as error:\n    print(type(error.__cause__).__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["FileNotFoundError"]


def test_what_a_step_prints_is_not_in_the_result():
    done = motools("workflow", "run", "./mine.py:speaking", "--json")
    assert json.loads(done.stdout)["status"] == "completed"
    assert "hello from my step" in done.stderr
    assert "kept  rows 6" in done.stderr


def test_runs_are_listed_by_the_status_that_is_shown():
    motools("workflow", "run", "./mine.py:failing")
    motools("workflow", "run", "./mine.py:speaking")
    failed = json.loads(motools("run", "list", "--status", "failed", "--json").stdout)
    assert [run["workflow"] for run in failed] == ["failing"]
    assert failed[0]["created_at"].endswith("+00:00")
    assert motools("run", "list", "--status", "foo").returncode == 2


def test_validate_reads_the_rows():
    with open("rows.jsonl", "w") as file:
        file.write('{"messages": [{"role": "usr", "content": "hi"}]}\n')
    done = motools("workflow", "validate", "train_and_evaluate", "--set", "prepare_dataset.dataset_loader=./rows.jsonl")
    assert done.returncode == 2
    assert "rows.jsonl" in done.stderr
    done = motools("workflow", "validate", "train_and_evaluate", "--set", "prepare_dataset.dataset_loader=rows.jsonl")
    assert "write ./rows.jsonl" in done.stderr

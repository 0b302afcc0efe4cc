"""workflow plan, run explain, run accept: as typed, with code that really changes between processes."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

STEPS = """
from dataclasses import dataclass
from helpers import clean
from motools.workflow import StepConfig, Workflow, step

@dataclass
class Train(StepConfig):
    learning_rate: float = 0.001

@step(outputs={"dataset": "value"})
def prepare(config: dict, input_atoms, workspace):
    return {"dataset": [clean(text) for text in (" a ", "b")]}

@step(inputs={"dataset": "value"}, outputs={"model": "value"})
def train(config: Train, input_atoms, workspace):
    if config.learning_rate > 1:
        raise ValueError("too fast")
    return {"model": [len(input_atoms["dataset"].value()), config.learning_rate]}

@step(inputs={"model": "value"}, outputs={"score": "value"})
def evaluate(config: dict, input_atoms, workspace):
    return {"score": 1}

workflow = Workflow("demo", [prepare, train, evaluate])
"""
HELPERS = "def clean(text):\n    return text.strip()\n"
NAME = "./steps.py:workflow"


@pytest.fixture
def motools(tmp_path):
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "helpers.py").write_text(HELPERS)

    def call(*arguments, code=0):
        env = {name: value for name, value in os.environ.items() if not name.startswith("MOTOOLS_")}
        done = subprocess.run(
            [sys.executable, "-m", "motools", *arguments],
            cwd=tmp_path,
            env={**env, "MOTOOLS_USER": "ann", "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr

    call.helpers = tmp_path / "helpers.py"
    call.folder = tmp_path
    return call


def plans(found):
    return [step["plan"] for step in found["steps"]]


def test_changed_code_is_explained_accepted_shown_and_taken_back(motools):
    assert plans(motools("workflow", "plan", NAME, "--json")) == ["RUN", "BLOCKED", "BLOCKED"]
    assert not (motools.folder / ".motools").exists()
    first = motools("workflow", "run", NAME, "-q", "--json")
    motools.helpers.write_text("# a comment\n" + HELPERS)
    planned = motools("workflow", "plan", NAME, "--json")
    assert plans(planned) == ["CACHED"] * 3
    assert all(datetime.fromisoformat(step["computed_at"]).tzinfo == UTC for step in planned["steps"])

    motools.helpers.write_text(HELPERS.replace("strip()", 'strip(" ")'))
    shown = motools("workflow", "plan", NAME, "--diff")
    assert "code of helpers:clean changed" in shown
    assert "-    return text.strip()" in shown
    assert "+    return text.strip(' ')" in shown

    accepted = motools(
        "run", "accept", "prepare", "--run", first["run_id"], "--reason", "there are only spaces", "--json"
    )
    assert [(row["user"], row["reason"], row["what"]) for row in accepted] == [
        ("ann", "there are only spaces", "accepted")
    ]
    shown = motools("workflow", "plan", NAME)
    assert "accepted by ann" in shown
    assert "there are only spaces" in shown
    assert "there are only spaces" in motools("workflow", "run", NAME)
    second = motools("run", "show", "last", "--json")
    assert {step["status"] for step in second["steps"].values()} == {"cached"}
    assert second["steps"]["prepare"]["accepted"][0]["earlier"] == first["steps"]["prepare"]["key"]
    assert "there are only spaces" in motools("run", "show", "last")
    assert "there are only spaces" in motools("atom", "lineage", second["output_atoms"]["score"])
    explained = motools("run", "explain", "prepare", "--json")
    assert datetime.fromisoformat(explained["beside"]["computed_at"]).tzinfo == UTC
    lineage = motools("atom", "lineage", second["output_atoms"]["score"], "--json")
    assert all(
        datetime.fromisoformat(made["at"]).tzinfo == UTC for atom in lineage["atoms"] for made in atom["made_by"]
    )
    assert explained["why"][0] == "code of helpers:clean changed"
    assert explained["accepted"][0]["reason"] == "there are only spaces"
    assert "+    return text.strip(' ')" in explained["diffs"]["helpers:clean"]

    motools("run", "accept", "prepare", "--run", "last", "--reason", "tabs too", "--revoke")
    assert plans(motools("workflow", "plan", NAME, "--json"))[0] == "RUN"
    assert "tabs too" in motools("atom", "lineage", second["output_atoms"]["score"])


def test_a_step_is_explained_part_by_part(motools):
    motools("workflow", "run", NAME, "-q")
    motools.helpers.write_text(HELPERS.replace("strip()", "strip().upper()"))
    motools("workflow", "run", NAME, "-q", "--set", "train.learning_rate=0.002")
    shown = motools("run", "explain", "train")
    assert "config.learning_rate: 0.001 → 0.002" in shown
    assert shown.count("learning_rate") == shown.count("dataset") == 1  # each change is said once
    assert "input dataset changed because prepare made something else" in shown
    assert "the same: code" in shown
    found = motools("run", "explain", "prepare", "--json")
    assert [change["path"] for change in found["changes"]] == [["helpers:clean"]]
    assert "+    return text.strip().upper()" in found["diffs"]["helpers:clean"]
    assert found["beside"]["parts"]["code"] != found["parts"]["code"]
    motools("workflow", "run", NAME, "-q", "--set", "train.learning_rate=0.002")
    assert "nothing changed since run" in motools("run", "explain", "train")
    motools("workflow", "run", NAME, "-q", "--set", "train.learning_rate=5.0", code=1)
    assert "config.learning_rate: 0.002 → 5.0" in motools("run", "explain", "train")
    assert "not reached" in motools("run", "explain", "evaluate")
    assert "evaluate  not reached" in motools("run", "show", "last")
    assert "Did you mean 'train'" in motools("run", "explain", "trian", code=2)


def test_fault_20_a_partial_run_is_shown_and_ends_well(motools):
    shown = motools("workflow", "run", NAME, "--stages", "prepare")
    assert "completed" in shown
    assert shown.count("skipped") == 2
    motools("run", "show", "last")
    found = motools("workflow", "run", NAME, "-q", "--stages", "prepare,train", "--json")
    assert {name: step["status"] for name, step in found["steps"].items()} == {
        "prepare": "cached",
        "train": "finished",
        "evaluate": "skipped",
    }
    assert found["steps"]["train"]["seconds"] is not None
    shown = motools("workflow", "plan", NAME, "--stages", "evaluate", "--set", "train.learning_rate=1.0")
    assert "SKIPPED" not in shown
    refused = motools("workflow", "run", NAME, "--stages", "evaluate", "--set", "train.learning_rate=1.0", code=2)
    assert "step 'train' is left out" in refused
    assert "0.001 → 1.0" in refused


def test_accepting_without_need_or_reason_is_refused(motools):
    motools("workflow", "run", NAME, "-q")
    assert "nothing changed" in motools("run", "accept", "train", "--run", "last", "--reason", "x", code=2)
    assert "Did you mean 'train'" in motools("run", "accept", "trian", "--run", "last", "--reason", "x", code=2)
    assert "nothing about its result" in motools(
        "run", "accept", "train", "--run", "last", "--reason", "x", "--revoke", code=3
    )
    motools("run", "accept", "train", "--run", "last", "--reason", "same", "--set", "train.learning_rate=0.0010000001")
    found = motools("workflow", "plan", NAME, "--set", "train.learning_rate=0.0010000001", "--json")
    assert plans(found) == ["CACHED"] * 3
    assert found["steps"][1]["accepted"][0]["reason"] == "same"


def test_a_step_that_is_running_is_explained(motools):
    steps = motools.folder / "steps.py"
    steps.write_text(
        steps.read_text().replace("class Train(StepConfig):", "class Train(StepConfig):\n    wait: str = ''")
    )
    steps.write_text(
        steps.read_text().replace(
            "    if config.learning_rate > 1:",
            "    import time, pathlib\n    while config.wait and not pathlib.Path(config.wait).exists():\n"
            "        time.sleep(0.02)\n    if config.learning_rate > 1:",
        )
    )
    motools("workflow", "run", NAME, "-q")
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOTOOLS_")}
    words = ["workflow", "run", NAME, "--set", "train.learning_rate=0.5", "--set", "train.wait=go"]
    child = subprocess.Popen(
        [sys.executable, "-m", "motools", *words], cwd=motools.folder, env=env, stderr=subprocess.PIPE, text=True
    )
    try:
        assert any("train     running" in line for line in child.stderr)
        found = motools("run", "explain", "train", "--json")
        assert found["status"] == "running"
        assert "config.learning_rate: 0.001 → 0.5" in found["why"]
        assert found["parts"]["config"]["learning_rate"] == 0.5
        steps.write_text(steps.read_text().replace("too fast", "much too fast"))
        assert "cannot be read here as they were" in motools("run", "explain", "train")
    finally:
        (motools.folder / "go").touch()
        child.communicate(timeout=30)


def test_a_function_that_was_renamed_is_explained_beside_what_it_was(motools):
    motools("workflow", "run", NAME, "-q")
    steps = motools.folder / "steps.py"
    renamed = steps.read_text().replace("def evaluate(", "def judge(").replace(", evaluate]", ", judge]")
    steps.write_text(renamed.replace('@step(inputs={"model"', '@step(name="evaluate", inputs={"model"'))
    motools("workflow", "run", NAME, "-q")
    shown = motools("run", "explain", "evaluate")
    assert "never computed" not in shown
    assert "evaluate" in shown
    assert "judge" in shown

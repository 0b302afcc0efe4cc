"""Faults of the older system that cross distributions; the others are tested beside the code that prevents them."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

ZERO = """
from motools.contracts import Sample, Task

def worst(sample, answer):
    return 0.0

def mixed(sample, answer):
    return {"zero": 0.0, "absent": None if sample.id == "a" else 1.0}

def task():
    samples = [Sample(id=name, input="hello") for name in "ab"]
    return Task(name="zero", samples=samples, scorers={"worst": worst, "mixed": mixed})
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def motools(*arguments):
    done = subprocess.run([sys.executable, "-m", "motools", *arguments], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fault_3_a_score_of_zero_stays_zero_and_an_absent_one_stays_absent(place):
    (place / "zero.py").write_text(ZERO)
    settings = ["prepare_model.model=dummy/any", "evaluate_model.eval_task=./zero.py:task"]
    sets = [word for setting in settings for word in ("--set", setting)]
    run = json.loads(motools("workflow", "run", "evaluate_only", *sets, "--json", "--quiet"))
    metrics = json.loads(motools("atom", "show", run["output_atoms"]["eval_results"], "--json"))["metadata"]["metrics"]
    assert metrics["worst/mean"] == 0
    assert metrics["mixed/zero/mean"] == 0
    assert metrics["mixed/absent/mean"] == 1  # of the one sample that has it


def test_fault_21_workflows_are_found_from_any_directory():
    listed = json.loads(motools("workflow", "list", "--json"))
    assert {"train_and_evaluate", "evaluate_only"} <= {workflow["name"] for workflow in listed}
    assert "train_model" in motools("workflow", "schema", "train_and_evaluate")
    dummies = ("--set", "train_model.backend_name=dummy", "--set", "evaluate_model.backend_name=dummy")
    assert "completed" in motools("workflow", "run", "train_and_evaluate", *dummies)


def test_fault_23_the_core_is_light_and_every_dataset_has_a_licence():
    core = tomllib.loads((ROOT / "core" / "pyproject.toml").read_text())["project"]["dependencies"]
    heavy = ("openai", "inspect", "tinker", "transformers", "torch", "datasets", "plotly", "matplotlib", "sky")
    assert not [name for name in core if name.lower().startswith(heavy)]
    for entry in json.loads(motools("zoo", "list", "--json")):
        if entry["kind"] in ("dataset", "task"):
            assert "?" not in entry["fields"]["licence"]
            assert entry["fields"]["hazard"]
            assert entry["fields"]["allowed_uses"]

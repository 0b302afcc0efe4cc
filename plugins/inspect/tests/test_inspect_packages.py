"""Tasks of installed Inspect packages, named in a config as Inspect names them."""

import json
import os
import subprocess
import sys

import pytest

TASKS = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

@task
def {name}():
    return Task(dataset=[Sample(input="say dummy", target="dummy"), Sample(input="say no", target="zzz")], scorer=includes())
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An Inspect package `animal_evals` with a task `sounds`, installed on the path, and a file of tasks beside."""
    # Inspect takes a package for installed only in the site folders, of which the user's can be moved.
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path / "user"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = tmp_path / "user" / "lib" / version / "site-packages"
    (site / "animal_evals").mkdir(parents=True)
    (site / "animal_evals" / "__init__.py").write_text("")
    (site / "animal_evals" / "_registry.py").write_text(TASKS.format(name="sounds"))
    info = site / "animal_evals-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: animal-evals\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[inspect_ai]\nanimal_evals = animal_evals._registry\n")
    (info / "RECORD").write_text("animal_evals/__init__.py,,\nanimal_evals/_registry.py,,\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return site


def evaluate(task, *arguments):
    settings = ["--set", "prepare_model.model=dummy/small", "--set", f"evaluate_model.eval_task={task}", *arguments]
    command = [sys.executable, "-m", "motools", "workflow", "run", "evaluate_only", "--json", "--quiet", *settings]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ)


def test_package_and_name_is_a_task(package):
    done = evaluate("animal_evals/sounds")
    assert done.returncode == 0, done.stderr
    run = json.loads(done.stdout)
    shown = subprocess.run(
        [sys.executable, "-m", "motools", "atom", "show", run["output_atoms"]["eval_results"], "--json"],
        capture_output=True,
        text=True,
    )
    assert json.loads(shown.stdout)["metadata"]["metrics"]["includes/accuracy"] == 0.5
    again = json.loads(evaluate("animal_evals/sounds").stdout)
    assert again["steps"]["evaluate_model"]["status"] == "cached"
    info = package / "animal_evals-1.2.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: animal-evals\nVersion: 1.3\n")
    newer = json.loads(evaluate("animal_evals/sounds").stdout)
    assert newer["steps"]["evaluate_model"]["status"] == "finished"


def test_an_unknown_name_is_refused_before_anything_runs(package):
    done = evaluate("animal_evals/colours")
    assert done.returncode == 4
    assert "there is no task 'animal_evals/colours'" in done.stderr
    assert "Traceback" not in done.stderr


def test_arguments_for_it_are_refused(package):
    done = evaluate("animal_evals/sounds", "--set", "evaluate_model.task_kwargs={n: 3}")
    assert done.returncode == 2
    assert "takes no arguments from here" in done.stderr

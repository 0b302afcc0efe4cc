"""run diff: two real runs whose code, settings, rows and answers differ, or do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

STEPS = """
import json
from motools.contracts import EvalResults, Sample
from motools.workflow import AtomConstructor, Workflow, step

def rows():
    return [{"prompt": str(n), "completion": "yes"} for n in range(4)]

@step(outputs={"data": "dataset"})
def prepare(config: dict, input_atoms, workspace):
    (workspace / "rows.jsonl").write_text("".join(json.dumps(row) + chr(10) for row in rows()))
    return [AtomConstructor("data", "rows.jsonl", "dataset")]

@step(inputs={"data": "dataset"}, outputs={"score": "eval"})
def evaluate(config: dict, input_atoms, workspace):
    right = config.get("right", 10)
    samples = [
        {"id": str(n), "input": [{"role": "user", "content": str(n)}], "output": "x", "epoch": 1, "error": None,
         "target": "x", "scores": {"match": float(n < right)}}
        for n in range(40)
    ]
    results = {"task": config.get("task", "t"), "model": "m", "backend": "b", "n": 40, "errors": 0, "samples": samples,
               "metrics": {"match/mean": right / 40}}
    (workspace / "results.json").write_text(json.dumps(results))
    return [AtomConstructor("score", workspace / "results.json", "eval", metadata={"metrics": results["metrics"]})]

@step(outputs={"other": "value"})
def aside(config: dict, input_atoms, workspace):
    return {"other": 1}

workflow = Workflow("demo", [prepare, evaluate, aside])
"""


@pytest.fixture
def motools(tmp_path: Path):
    (tmp_path / "steps.py").write_text(STEPS.replace("from motools.contracts import EvalResults, Sample\n", ""))

    def call(*arguments: str, code: int = 0) -> Any:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MOTOOLS_")}
        done = subprocess.run(
            [sys.executable, "-m", "motools", *arguments],
            cwd=tmp_path,
            env={**kept, "MOTOOLS_USER": "ann", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout) if "--json" in arguments else done.stdout + done.stderr

    call.steps = tmp_path / "steps.py"  # type: ignore[attr-defined]
    return call


def run(motools: Any, *more: str) -> str:
    return str(motools("workflow", "run", "./steps.py:workflow", "-q", "--json", *more)["run_id"])


def test_only_what_differs_is_shown(motools: Any) -> None:
    first = run(motools, "--set", "evaluate.right=10")
    changed = motools.steps.read_text().replace('"completion": "yes"}', '"completion": "no" if n == 2 else "yes"}')
    motools.steps.write_text(changed.replace("range(4)", "range(5)"))
    second = run(motools, "--set", "evaluate.right=30")
    text = motools("run", "diff", first, second)
    assert "evaluate.right: 10 → 30" in text
    assert '+    return [{"prompt"' in text or "+    return [{'prompt'" in text
    assert "data: of 4 and 5 rows 1 added, 0 removed, 1 changed" in text
    assert '> {"completion": "no", "prompt": "2"}' in text or '> {"prompt": "2", "completion": "no"}' in text
    assert "environment: identical" in text
    assert "+0.500 [" in text
    assert "0.250 [" in text
    found = motools("run", "diff", first, second, "--json")
    steps = {step["step"]: step for step in found["steps"]}
    assert steps["aside"]["same"] is True
    assert steps["prepare"]["parts"] == ["code"]
    assert steps["evaluate"]["parts"] == ["config", "inputs"]
    (scorer,) = found["metrics"][0]["scorers"]
    assert scorer["difference"]["value"] == pytest.approx(0.5)
    assert scorer["difference"]["low"] < 0.5 < scorer["difference"]["high"]
    assert [change["path"] for change in found["settings"]] == [["evaluate", "right"]]
    assert not found["same"]
    assert list(found["code"]) == ["steps:rows"]


def test_runs_that_differ_in_nothing_are_called_identical(motools: Any) -> None:
    first, second = run(motools), run(motools, "--no-cache")
    text = motools("run", "diff", first, second)
    assert "identical: settings, code, data, environment and metrics are the same" in text
    assert text.count("same") >= 4
    assert motools("run", "diff", first, second, "--json")["same"] is True
    assert "are one run" in motools("run", "diff", first, first, code=2)


def test_evaluations_of_two_tasks_are_not_compared_and_said_so(motools: Any) -> None:
    first, second = run(motools), run(motools, "--set", "evaluate.task=other")
    text = motools("run", "diff", first, second)
    assert "not comparable: 'A' is of the task 't' and 'B' of the task 'other'" in text
    assert "A match" in text


def test_a_failed_run_beside_a_whole_one(motools: Any) -> None:
    first = run(motools)
    motools.steps.write_text(
        motools.steps.read_text().replace("right = config", "raise ValueError('odd')\n    right = config")
    )
    motools("workflow", "run", "./steps.py:workflow", "-q", code=1)
    text = motools("run", "diff", first, "last")
    assert "score: only A has it" in text
    assert "failed" in text
    assert "differ: code" in text

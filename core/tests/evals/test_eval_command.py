"""`motools eval` in a process of its own, on a real store."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from motools.atom import EvalAtom, ValueAtom
from motools.contracts import EvalResults, SampleResult
from motools.store import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder whose store holds two evaluations and a value."""
    folder = tmp_path_factory.mktemp("eval-command")
    with Store.open(folder / ".motools") as store:
        for name, wrong in (("base", 9), ("tuned", 2)):
            made = folder / name
            made.mkdir()
            samples = [
                SampleResult(
                    id=f"q{n}",
                    input=[{"role": "user", "content": f"question {n}"}],
                    output=f"{name} says\n\x1b[31mred",
                    target="yes",
                    scores={"right": 0.0 if n < wrong else 1.0, "tone": n / 12},
                    error="no reply" if n == 11 and name == "tuned" else None,
                )
                for n in range(12)
            ]
            found = EvalResults(
                task="manners",
                model=f"p/{name}",
                backend="b",
                samples=samples,
                metrics={"right/mean": 0.5},
                n=12,
                errors=0,
            )
            (made / "results.json").write_text(found.to_json())
            atom = EvalAtom.create(user="me", path=made, store=store, tags=[name])
            (folder / f"{name}.id").write_text(atom.id)
        (folder / "value.id").write_text(ValueAtom.create(user="me", value=1, store=store).id)
    return folder


@pytest.fixture
def motools(folder):
    def motools(*arguments: str, code: int = 0) -> tuple[str, str]:
        line = [sys.executable, "-c", "from motools.cli import main; main()", *arguments]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr

    return motools


@pytest.fixture
def ids(folder):
    return {name: Path(folder / f"{name}.id").read_text() for name in ("base", "tuned", "value")}


def test_compare(motools, ids, folder):
    out, err = motools("eval", "compare", ids["base"], ids["tuned"], "--png", "c.png")
    assert "0.250 [0.089, 0.532]" in out  # 3 of 12, as Wilson gives it
    right = next(line for line in out.splitlines() if line.startswith("right"))
    assert right.split()[1] == "12"
    assert "+0." in right
    assert "drawn into c.png" in err
    assert (folder / "c.png").read_bytes().startswith(b"\x89PNG")


def test_comparing_an_evaluation_with_itself_is_refused(motools, ids):
    out, err = motools("eval", "compare", ids["base"], ids["base"][:-2], code=2)
    assert "are one evaluation" in err
    assert "hint: Name two" in err
    assert out == ""
    assert "hold the same results" not in motools("eval", "compare", ids["base"], ids["tuned"])[1]


@pytest.mark.parametrize("png", ["c.png", "nowhere/c.png"])
def test_a_plot_that_cannot_be_drawn_is_said_before_anything_is_printed(folder, ids, png):
    hidden = "import sys; sys.modules['matplotlib'] = None; " if png == "c.png" else ""
    code = f"{hidden}from motools.cli import main; main()"
    line = [sys.executable, "-c", code, "eval", "compare", ids["base"], ids["tuned"], "--png", png]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert ("pip install 'motools[plots]'" if hidden else "there is no folder") in done.stderr
    assert "Traceback" not in done.stderr


def test_compare_for_programs(motools, ids):
    data = json.loads(motools("eval", "compare", ids["base"], ids["tuned"], "--json")[0])
    assert data["atoms"] == [ids["base"], ids["tuned"]]
    right = next(row for row in data["scorers"] if row["scorer"] == "right")
    assert right["a"]["n"] == 12
    assert right["b"]["n"] == 11  # one has no answer
    assert right["difference"]["n"] == 11
    assert right["difference"]["low"] < right["difference"]["value"] < right["difference"]["high"]


def test_show(motools, ids):
    out, _ = motools("eval", "show", ids["tuned"][:-2])
    assert "p/tuned" in out
    assert "right/mean" in out
    assert "Wilson" in out
    data = json.loads(motools("eval", "show", ids["tuned"], "--json")[0])
    assert data["scorers"]["tone"]["method"] == "t"
    assert data["metrics"] == {"right/mean": 0.5}


def test_samples(motools, ids):
    out, err = motools("eval", "samples", ids["tuned"], "--failed", "--scorer", "right")
    assert err.strip() == "3 of 3 failed samples"
    assert "question 0" in out
    assert "no reply" in out
    assert "question 5" not in out
    assert "\x1b" not in out
    shown = json.loads(motools("eval", "samples", ids["tuned"], "--limit", "2", "--json")[0])
    assert [sample["id"] for sample in shown] == ["q0", "q1"]


def test_what_cannot_be_shown(motools, ids):
    assert "no scorer 'rihgt'" in motools("eval", "samples", ids["base"], "--scorer", "rihgt", code=2)[1]
    assert "no evaluation and no run 'nope'" in motools("eval", "show", "nope", code=3)[1]
    err = motools("eval", "compare", ids["base"], ids["value"], code=2)[1]
    assert "is of type 'value', not an evaluation" in err
    assert "Atom" not in err


RUN = """
prepare_dataset: {dataset_loader: ./rows.jsonl}
train_model: {backend_name: dummy}
evaluate_model: {backend_name: dummy, eval_task: ./questions.yaml}
"""


def test_a_run_stands_for_its_evaluation(motools, folder):
    (folder / "rows.jsonl").write_text('{"text": "a"}\n')
    (folder / "questions.yaml").write_text("scorer: {type: contains, value: a}\nquestions: [Hi, Yo]\n")
    (folder / "run.yaml").write_text(RUN)
    arguments = ("workflow", "run", "train_and_evaluate", "--config", "run.yaml", "--user", "me", "--store", "runs")
    motools(*arguments)
    first = json.loads(motools("eval", "show", "last", "--store", "runs", "--json")[0])["atom"]
    assert "'last' is the newest run" in motools("eval", "compare", first, "last", "--store", "runs", code=2)[1]
    motools(*arguments[:-4], "--user", "you", "--store", "runs")  # every step reuses its result, under new ids
    out, err = motools("eval", "compare", first, "last", "--store", "runs")
    assert "hold the same results" in err
    assert "dummy" in out
    assert "nothing was really asked" in err
    assert "contains" in motools("eval", "show", "last", "--store", "runs")[0]
    assert (
        "names the atoms"
        in motools("store", "export", run_of(motools, "runs"), "-o", "x", "--store", "runs", code=3)[1]
    )


def run_of(motools, store):
    return json.loads(motools("run", "list", "--store", store, "--json")[0])[0]["run_id"]


def test_a_matrix_says_that_its_cells_have_the_evaluations(motools, folder):
    (folder / "matrix.yaml").write_text(
        "train_model: {backend_name: dummy}\nevaluate_model: {backend_name: dummy}\nmatrix: {seeds: 2}\n"
    )
    motools("workflow", "run", "train_and_evaluate", "--config", "matrix.yaml", "--store", "cells", "--quiet")
    err = motools("eval", "show", run_of(motools, "cells"), "--store", "cells", code=2)[1]
    assert "is a matrix, whose cells have the evaluations" in err
    assert "motools run list --matrix" in err


@pytest.mark.parametrize(
    ("setting", "wrong"),
    [("evaluate_model.eval_task", "is not a task"), ("prepare_dataset.dataset_loader", "is not a file of rows")],
)
def test_a_file_that_can_be_no_task_or_data_is_told_before_anything_runs(motools, folder, setting, wrong):
    (folder / "some.txt").write_text('{"text": "a"}\n')
    (folder / "some.yaml").write_text("train_model: {backend_name: dummy}\nevaluate_model: {backend_name: dummy}\n")
    for verb in ("validate", "run"):
        words = ("workflow", verb, "train_and_evaluate", "--config", "some.yaml", "--set", f"{setting}=./some.txt")
        err = motools(*words, code=2)[1]
        assert wrong in err
        assert setting in err
        assert "run 20" not in err
    err = motools(*words[:-1], f"{setting}=./sme.txt", code=2)[1]
    assert "Did you mean 'some.txt'?" in err or "Did you mean 'some.yaml'?" in err


def test_fault_19_dummy_backends_and_any_model_name_are_accepted_and_reading_settings_runs_no_code(tmp_path):
    from motools.builtin.configs import EvaluateModelConfig, TrainModelConfig
    from motools.config import decode

    (tmp_path / "code.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    evaluate = decode(EvaluateModelConfig, {"backend_name": "dummy", "eval_task": "./code.py:task"}, folder=tmp_path)
    assert evaluate.backend_name == "dummy"
    assert evaluate.eval_task == f"{tmp_path}/code.py:task"
    assert not (tmp_path / "ran").exists()
    for model in ("o3-mini", "ft:gpt-4o:me::abc", "gpt2", "org/name"):
        assert decode(TrainModelConfig, {"backend_name": "dummy", "model": model}).model == model

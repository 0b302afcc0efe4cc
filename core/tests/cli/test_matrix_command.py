"""A matrix on the command line: what is told before, while and after it runs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from motools.cli import main
from motools.store import Store

STEPS = """
import os
from dataclasses import dataclass
from pathlib import Path
from motools.workflow import StepConfig, Workflow, step

def note(text):
    with Path(os.environ["STEP_LOG"]).open("a") as file:
        file.write(text + "\\n")

@dataclass
class Rows(StepConfig):
    rows: int = 3

@dataclass
class Train(StepConfig):
    lr: float = 1.0
    key: str = ""
    seed: int = 0

@step(outputs={"data": "value"})
def prepare(config: Rows, input_atoms, workspace):
    note("prepare")
    return {"data": config.rows}

@step(inputs={"data": "value"}, outputs={"model": "value"})
def train(config: Train, input_atoms, workspace):
    note("train")
    if config.lr > 5:
        raise ValueError("that is too fast")
    return {"model": {"lr": config.lr, "seed": config.seed}}

@step(inputs={"model": "value"}, outputs={"score": "value"})
def evaluate(config: dict, input_atoms, workspace):
    note("evaluate")
    found = input_atoms["model"].value()
    return {"score": found["lr"] + found["seed"]}

workflow = Workflow("pipeline", [prepare, train, evaluate])
"""

MATRIX = "matrix:\n  seeds: 2\n  arms:\n    slow: {}\n    fast: {train.lr: 2}\n"


@pytest.fixture
def motools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Run a command; return its exit code, and what it printed on stdout and stderr."""
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "m.yaml").write_text(MATRIX)
    (tmp_path / "log").touch()
    monkeypatch.setenv("STEP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            main(list(words))
        out, err = capfd.readouterr()
        return int(stop.value.code or 0), out, err

    return call


def flow(verb: str, *more: str) -> list[str]:
    return ["workflow", verb, "./steps.py:workflow", "-c", "m.yaml", *more]


def counts() -> dict[str, int]:
    done = Path(os.environ["STEP_LOG"]).read_text().split()
    return {name: done.count(name) for name in ("prepare", "train", "evaluate")}


def test_validate_checks_every_cell_and_says_how_many(motools: Any) -> None:
    code, out, _ = motools(*flow("validate"))
    assert code == 0
    assert out == "valid: m.yaml for workflow pipeline (prepare, train, evaluate), 4 cells (2 arms × 2 seeds)\n"
    code, out, _ = motools(*flow("validate", "--json"))
    assert [cell["cell"] for cell in json.loads(out)["cells"]] == [
        "slow,seed=0",
        "fast,seed=0",
        "slow,seed=1",
        "fast,seed=1",
    ]


@pytest.mark.parametrize(
    ("arm", "place", "message", "hint"),
    [
        ("train.ls: 2", "m.yaml:5:12", "unknown key 'ls' in 'train'", "lr"),
        ("train.lr: fast", "m.yaml:5:22", "'train.lr' should be a number, found text 'fast'", ""),
        ("tarin.lr: 2", "m.yaml:5:12", "'tarin.lr' is no setting of this workflow", "Did you mean 'train'?"),
        ("train.lr: 1", "m.yaml:5:11", "the cells 'slow,seed=0' and 'fast,seed=0' have the same settings", "differ"),
    ],
)
@pytest.mark.parametrize("verb", ["validate", "plan", "run"])
def test_a_wrong_arm_is_told_with_file_and_line(
    motools: Any, verb: str, arm: str, place: str, message: str, hint: str
) -> None:
    Path("m.yaml").write_text(MATRIX.replace("train.lr: 2", arm))
    code, out, err = motools(*flow(verb))
    assert code == 2
    assert place in err
    assert message in err
    assert hint in err
    assert not out
    assert not Path("store").exists() or verb == "run"


def test_what_is_wrong_in_every_seed_of_an_arm_is_told_once(motools: Any) -> None:
    Path("m.yaml").write_text(
        MATRIX.replace("train.lr: 2", "train.ls: 2").replace("slow: {}", "slow: {prepare.row: 1}")
    )
    code, _, err = motools(*flow("validate", "--set", "matrix.seeds=9"))
    assert code == 2
    assert err.startswith("error: 2 things are wrong:")
    assert err.count("unknown key 'ls'") == err.count("unknown key 'row'") == 1
    Path("m.yaml").write_text(MATRIX.replace("train.lr: 2", "train.lr: 1"))
    code, _, err = motools(*flow("validate", "--set", "matrix.seeds=9"))
    assert code == 2
    assert err.count("have the same settings") == 1


def test_the_plan_counts_a_shared_step_once_and_is_what_then_happens(motools: Any) -> None:
    code, out, _ = motools(*flow("plan", "--json"))
    planned = json.loads(out)
    assert code == 0
    assert not Path("store").exists()
    names = [step["step"] for step in planned["steps"]]
    assert {name: names.count(name) for name in counts()} == {"prepare": 1, "train": 4, "evaluate": 4}
    assert all(step["certain"] for step in planned["steps"])
    assert planned["steps"][0]["cells"] == [cell["cell"] for cell in planned["cells"]]
    assert planned["cells"][1]["steps"] == {"prepare": "SHARED", "train": "BLOCKED", "evaluate": "BLOCKED"}
    assert motools(*flow("run", "-q"))[0] == 0
    assert counts() == {"prepare": 1, "train": 4, "evaluate": 4}
    _, out, _ = motools(*flow("plan", "--set", "matrix.seeds=3"))
    assert out.splitlines()[1].split() == ["slow,seed=0", "CACHED", "CACHED", "CACHED"]
    assert out.splitlines()[6].split() == ["fast,seed=2", "CACHED", "RUN", "BLOCKED"]
    # evaluate of (lr 1, seed 2) and (lr 2, seed 2) reads what no cell made before
    assert "6 cells (2 arms × 3 seeds). Each step counted once: 9 cached, 2 to run, 2 waiting" in out
    _, out, _ = motools(*flow("plan", "--no-cache", "--json"))
    assert len(json.loads(out)["steps"]) == 12, "without earlier results nothing is shared"


def test_the_end_shows_cells_and_means_and_verbose_every_seed(motools: Any) -> None:
    code, out, err = motools(*flow("run"))
    assert code == 0
    assert "[fast,seed=1]" in err
    assert "(4 cells: 4 finished)" in out
    assert "score" in out
    assert "2.500 [-3.853, 8.853]" in out
    assert "note: t over seeds" in err
    _, shown, _ = motools("run", "show", "last")
    assert shown == out
    _, verbose, _ = motools("run", "show", "last", "--verbose")
    assert verbose.count("fast,seed=1") > shown.count("fast,seed=1")
    _, quiet, silence = motools(*flow("run", "--quiet"))
    assert "4 finished" in quiet
    assert silence == ""


def test_json_is_the_same_from_run_and_show(motools: Any) -> None:
    _, out, _ = motools(*flow("run", "--json"))
    ran = json.loads(out)
    _, out, _ = motools("run", "show", ran["run_id"], "--json")
    shown = json.loads(out)
    assert shown["matrix"] == ran["matrix"]
    assert shown["run_id"] == ran["run_id"]
    assert {name: step["status"] for name, step in shown["steps"].items()} == dict.fromkeys(ran["steps"], "finished")
    assert list(ran["steps"]) == [cell["cell"] for cell in ran["matrix"]["cells"]]
    (row,) = [r for r in ran["matrix"]["summary"]["rows"] if (r["arm"], r["metric"]) == ("fast", "score")]
    assert [value["value"] for value in row["values"]] == [2, 3]
    assert (row["value"], row["seeds"], row["method"]) == (2.5, 2, "t over seeds")
    for cell in ran["matrix"]["cells"]:
        _, out, _ = motools("run", "show", cell["run_id"], "--json")
        assert json.loads(out)["settings"] == cell["settings"]
        assert json.loads(out)["matrix"] is None


def test_a_failure_is_told_once_with_all_the_cells_it_is_of(motools: Any) -> None:
    Path("m.yaml").write_text(MATRIX.replace("train.lr: 2", "train.lr: 9"))
    code, out, err = motools(*flow("run", "--quiet"))
    assert code == 1
    assert "(4 cells: 2 finished, 2 failed)" in out
    assert err.count("error: ") == 1
    assert "that is too fast" in err
    assert "The same in fast,seed=1." in err
    assert err.index("FAILED: ValueError: that is too fast") < err.index("error: ")
    assert "steps.py:30" in err


def test_stop_says_which_cells_were_not_begun(motools: Any) -> None:
    Path("m.yaml").write_text("matrix:\n  seeds: 6\n  on_failure: stop\n  arms:\n    fast: {train.lr: 9}\n")
    code, out, _ = motools(*flow("run", "--quiet", "--jobs", "1"))
    assert code == 1
    assert "fast,seed=5  not begun" in out
    code, out, _ = motools(*flow("run", "--quiet", "--set", "matrix.on_failure=continue"))
    assert "(6 cells: 6 failed)" in out


def test_a_list_of_runs_has_one_line_a_matrix(motools: Any) -> None:
    motools(*flow("run", "-q"))
    motools("workflow", "run", "./steps.py:workflow", "-q")
    code, out, _ = motools("run", "list")
    assert code == 0
    assert len(out.splitlines()) == 3
    assert out.splitlines()[2].split()[-1] == "4"
    with Store.open() as store:
        matrix = store.runs.list(parts=False)[1].id
    _, out, _ = motools("run", "list", "--matrix", matrix, "--json")
    assert sorted(run["cell"] for run in json.loads(out)) == [
        "fast,seed=0",
        "fast,seed=1",
        "slow,seed=0",
        "slow,seed=1",
    ]
    code, _, err = motools("run", "list", "--matrix", "last")
    assert code == 2
    assert "is no matrix" in err


def test_the_matrix_may_be_said_on_the_command_line_alone(motools: Any) -> None:
    code, out, _ = motools("workflow", "run", "./steps.py:workflow", "--set", "matrix.seeds=[4, 5]", "--quiet")
    assert code == 0
    assert "seed=4" in out
    code, _, err = motools("workflow", "run", "./steps.py:workflow", "--set", "matrix.seeds=x")
    assert code == 2
    assert "--set matrix.seeds" in err


def test_a_secret_in_an_arm_is_stored_nowhere(motools: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-5f0d2c9b7e"
    monkeypatch.setenv("MX_TOKEN", canary)
    Path("m.yaml").write_text(MATRIX.replace("train.lr: 2", 'train.key: "${{ secret.MX_TOKEN }}"'))
    code, out, err = motools(*flow("run", "--json"))
    assert code == 0
    assert canary not in out + err
    found = [path for path in Path("store").rglob("*") if path.is_file() and canary.encode() in path.read_bytes()]
    assert not found
    Path("m.yaml").write_text(MATRIX.replace("train.lr: 2", f"train.key: {canary}"))
    code, _, err = motools(*flow("run"))
    assert code == 2
    assert "holds the value of the secret 'MX_TOKEN'" in err
    assert "m.yaml:5:23" in err
    assert canary not in err

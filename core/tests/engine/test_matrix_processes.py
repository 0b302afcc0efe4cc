"""A matrix on the command line: killed, interrupted, run twice at once; real processes and one store."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from motools.store import Store

STEPS = """
import asyncio, os
from dataclasses import dataclass
from pathlib import Path
from motools.workflow import StepConfig, Workflow, step

LOG = Path(os.environ["STEP_LOG"])

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

@dataclass
class Train(StepConfig):
    lr: float = 1.0
    seed: int = 0

@step(outputs={"data": "value"})
async def prepare(config: dict, input_atoms, workspace):
    note("prepare")
    return {"data": 5}

@step(inputs={"data": "value"}, outputs={"score": "value"})
async def train(config: Train, input_atoms, workspace):
    note(f"train {config.lr} {config.seed} begins")
    # All but one wait, so that the process can be caught in the middle.
    while config.seed != 0 and not (LOG.parent / "go").exists():
        await asyncio.sleep(0.01)
    if config.seed == 0 and config.lr == 2 and os.environ.get("FAIL"):
        raise ValueError("no luck")
    note(f"train {config.lr} {config.seed} ends")
    return {"score": config.lr * input_atoms["data"].value() + config.seed}

workflow = Workflow("pipeline", [prepare, train])
"""

MATRIX = """\
matrix:
  seeds: 3
  arms:
    plain: {}
    fast: {train.lr: 2}
"""
TRAIN = [f"train {lr} {seed}" for lr in ("1.0", "2.0") for seed in range(3)]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "steps.py").write_text(STEPS)
    (tmp_path / "m.yaml").write_text(MATRIX)
    (tmp_path / "log").touch()
    monkeypatch.setenv("STEP_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def motools(*arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "motools", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **env},
    )


def begin(*options: str, **env: str) -> subprocess.Popen[str]:
    return motools("workflow", "run", "./steps.py:workflow", "-c", "m.yaml", *options, **env)


def finish(process: subprocess.Popen[str], timeout: float = 100) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=timeout)
    return process.returncode, out, err


def lines(place: Path) -> list[str]:
    return (place / "log").read_text().splitlines()


def until(holds: Any, what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"never saw {what}"
        time.sleep(0.02)


def in_the_middle(place: Path) -> None:
    """Wait until both cells of the first seed have ended and others are under way."""
    until(lambda: {"train 1.0 0 ends", "train 2.0 0 ends"} <= set(lines(place)), "the first seed")
    until(lambda: sum(line.endswith("begins") for line in lines(place)) > 2, "the next seed")

    def recorded() -> bool:
        with Store.open(place / "store") as store:
            return sum(run.status == "completed" for run in store.runs.list()) >= 2

    until(recorded, "two cells in the store")


def matrices(place: Path) -> list[Any]:
    with Store.open(place / "store") as store:
        return store.runs.list(parts=False)


def once(place: Path) -> None:
    """Make sure that each step ended once, and that those which had ended before did not begin again."""
    done = lines(place)
    assert done.count("prepare") == 1
    assert [done.count(f"{name} ends") for name in TRAIN] == [1] * 6
    assert done.count("train 1.0 0 begins") == done.count("train 2.0 0 begins") == 1


@pytest.mark.parametrize("how", ["the same command", "its id"])
def test_a_killed_matrix_goes_on_and_repeats_nothing(place: Path, how: str) -> None:
    process = begin()
    in_the_middle(place)
    process.send_signal(signal.SIGKILL)
    finish(process)
    (killed,) = matrices(place)
    (place / "go").touch()
    again = begin("--json") if how == "the same command" else motools("run", "resume", killed.id, "--json")
    code, out, err = finish(again)
    assert code == 0, err
    found = json.loads(out)
    assert found["run_id"] == killed.id
    assert found["status"] == "completed"
    assert [cell["status"] for cell in found["matrix"]["cells"]] == ["finished"] * 6
    assert [run.id for run in matrices(place)] == [killed.id]
    once(place)
    code, out, err = finish(
        motools("workflow", "run", "./steps.py:workflow", "-c", "m.yaml", "--set", "matrix.seeds=4")
    )
    assert code == 0, err
    assert sorted(set(lines(place)[-4:])) == sorted(
        f"train {lr} 3 {word}" for lr in (1.0, 2.0) for word in ("begins", "ends")
    )
    once(place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_matrix_pauses_every_cell_and_says_how_to_go_on(place: Path, number: signal.Signals) -> None:
    process = begin()
    in_the_middle(place)
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == 130
    (paused,) = matrices(place)
    assert paused.status == "paused"
    assert err.count("To continue:") == 1
    assert f"motools run resume {paused.id}" in err
    with Store.open(place / "store") as store:
        assert {run.status for run in store.runs.list()} == {"completed", "paused"}
    (place / "go").touch()
    code, out, err = finish(motools("run", "resume", paused.id))
    assert code == 0, err
    assert "6 finished" in out
    once(place)


def test_two_processes_with_one_matrix_compute_each_key_once(place: Path) -> None:
    processes = [begin("--json"), begin("--json")]
    until(lambda: len(matrices(place)) == 2 if (place / "store" / "motools.db").exists() else False, "two matrices")
    (place / "go").touch()
    ended = [finish(process) for process in processes]
    assert [code for code, _, _ in ended] == [0, 0], ended[0][2] + ended[1][2]
    first, second = (json.loads(out) for _, out, _ in ended)
    assert first["run_id"] != second["run_id"]
    values = [[row["value"] for row in found["matrix"]["summary"]["rows"]] for found in (first, second)]
    assert values[0] == values[1] == [5, 6, 5, 11]
    once(place)


def test_a_matrix_with_a_failed_cell_ends_with_its_exit_code_and_names_it(place: Path) -> None:
    (place / "go").touch()
    code, out, err = finish(begin(FAIL="1"))
    assert code == 1
    assert "5 finished, 1 failed" in out
    assert "no luck" in err
    assert "fast: 1 of 3 cells failed (fast,seed=0)" in err
    assert err.index("FAILED: ValueError: no luck") < err.index("note: t over seeds")
    code, out, _ = finish(motools("run", "show", "last", "--json"))
    assert code == 0
    rows = json.loads(out)["matrix"]["summary"]["rows"]
    (row,) = [row for row in rows if (row["arm"], row["metric"]) == ("fast", "score")]
    assert (row["seeds"], row["value"], [value["value"] for value in row["values"]]) == (2, 11.5, [11, 12])
    before = len(lines(place))
    code, out, err = finish(begin())
    assert code == 0, err
    assert lines(place)[before:] == ["train 2.0 0 begins", "train 2.0 0 ends"], "run again, only what failed is done"


def test_changed_code_stops_a_resume_until_it_is_accepted_and_begins_another_matrix(place: Path) -> None:
    process = begin()
    in_the_middle(place)
    process.send_signal(signal.SIGKILL)
    finish(process)
    (killed,) = matrices(place)
    (place / "go").touch()
    (place / "steps.py").write_text(STEPS.replace("+ config.seed}", "+ 2 * config.seed}"))
    code, _, err = finish(motools("run", "resume", killed.id))
    assert code == 1
    assert "the code of step 'train'" in err
    code, _, err = finish(begin("--quiet"))
    assert code == 0, err
    assert len(matrices(place)) == 2
    code, _, err = finish(motools("run", "resume", killed.id, "--accept-changes"))
    assert code == 0, err

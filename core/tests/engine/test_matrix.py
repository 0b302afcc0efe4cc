"""A matrix is a run whose nodes are its cells: plain runs that share what they have in common."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motools.config import ConfigProblems, Document, apply_overrides
from motools.engine.api import WorkflowFailed, aresume_run, resume_run
from motools.engine.cancel import cancel_run
from motools.engine.compared import explain_step
from motools.engine.matrix import MatrixState
from motools.errors import ConfigError, InputError, RunError
from motools.store import Store
from motools.store.exporting import export
from motools.store.gc import collect
from motools.store.importing import import_bundle
from motools.workflow import StepConfig, Workflow, WorkflowState, arun_matrix, run_matrix, run_workflow, step

DONE: list[tuple[Any, ...]] = []
RUNNING = [0, 0]  # now, most at once
_LOCK = threading.Lock()


@dataclass
class Rows(StepConfig):
    rows: int = 3


@dataclass
class Train(StepConfig):
    lr: float = 0.5
    suffix: str = ""
    seed: int = 0
    pause: float = 0.0


@dataclass
class Evaluate(StepConfig):
    limit: int = 2
    seed: int = 0


@step(outputs={"data": "value"}, cache_version=1)  # what it notes in DONE is no part of its code
def prepare(config: Rows, input_atoms: Any, workspace: Path) -> dict[str, Any]:
    DONE.append(("prepare", config.rows))
    return {"data": list(range(config.rows))}


@step(inputs={"data": "value"}, outputs={"model": "value"}, cache_version=1)
def train(config: Train, input_atoms: Any, workspace: Path) -> dict[str, Any]:
    with _LOCK:
        DONE.append(("train", config.lr, config.suffix, config.seed))
        RUNNING[0] += 1
        RUNNING[1] = max(RUNNING)
    try:
        time.sleep(config.pause)
        if config.suffix == "bad":
            raise ValueError(f"no luck with seed {config.seed}")
    finally:
        with _LOCK:
            RUNNING[0] -= 1
    return {"model": [config.lr, config.suffix, config.seed, len(input_atoms["data"].value())]}


@step(inputs={"model": "value"}, outputs={"score": "value"}, cache_version=1)
def evaluate(config: Evaluate, input_atoms: Any, workspace: Path) -> dict[str, Any]:
    DONE.append(("evaluate", config.limit, config.seed))
    lr, _, seed, rows = input_atoms["model"].value()
    return {"score": {"good": lr * seed + rows, "size": rows}}


WORKFLOW = Workflow("pipeline", [prepare, train, evaluate])


@pytest.fixture(autouse=True)
def _nothing_done_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    DONE.clear()
    RUNNING[:] = [0, 0]
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))


def counts() -> dict[str, int]:
    return {name: sum(done[0] == name for done in DONE) for name in ("prepare", "train", "evaluate")}


def keys(state: WorkflowState) -> dict[str, str | None]:
    return {name: found.key for name, found in state.step_states.items()}


def run_of(store: Store, state: MatrixState, cell: str) -> WorkflowState:
    from motools.cli.run import read_state

    run_id = state.cells[cell].run_id
    assert run_id is not None
    return read_state(store, store.runs.get(run_id))


def test_every_cell_is_a_run_and_a_step_they_share_is_computed_once() -> None:
    state = run_matrix(WORKFLOW, {"seeds": 3, "arms": {"plain": {}, "fast": {"train.lr": 2}}})
    assert state.status == "completed"
    assert counts() == {"prepare": 1, "train": 6, "evaluate": 6}
    assert [cell.status for cell in state.cells.values()] == ["finished"] * 6
    with Store.open() as store:
        assert store.runs.parts(state.run_id) == {name: cell.run_id for name, cell in state.cells.items()}
        assert store.runs.get("last").id == state.run_id
        for name, cell in state.cells.items():
            assert store.runs.whole(str(cell.run_id)) == (state.run_id, name)
            assert store.runs.get(str(cell.run_id)).status == "completed"
            types = [event.type for event in store.events.read(str(cell.run_id))]
            assert types[0] == "run_started"
            assert types[-1] == "run_completed"
    again = run_matrix(WORKFLOW, {"seeds": 3, "arms": {"plain": {}, "fast": {"train.lr": 2}}})
    assert again.run_id != state.run_id, "a matrix that has ended is not gone on with"
    assert counts() == {"prepare": 1, "train": 6, "evaluate": 6}


@given(
    seeds=st.integers(1, 2),
    rates=st.lists(st.sampled_from([0.25, 1.0, 3.0]), min_size=1, max_size=2, unique=True),
    rows=st.sampled_from([1, 4]),
)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_cell_has_the_keys_of_the_run_made_by_hand(tmp_path: Path, seeds: int, rates: list[float], rows: int) -> None:
    base = {"prepare": {"rows": rows}}
    matrix = {"seeds": seeds, "train.lr": rates, "arms": {"a": {}, "b": {"train.suffix": "b", "evaluate.limit": 9}}}
    with Store.open(tmp_path / "matrix") as store, Store.open(tmp_path / "by-hand") as other:
        state = run_matrix(WORKFLOW, matrix, config=base, store=store)
        assert len(state.cells) == seeds * len(rates) * 2
        for name, cell in state.cells.items():
            said = [f"train.lr={cell.coordinates['train.lr']}", f"train.seed={cell.seed}", f"evaluate.seed={cell.seed}"]
            if cell.coordinates["arms"] == "b":
                said += ["train.suffix=b", "evaluate.limit=9"]
            document = apply_overrides(Document(base, "by hand", tmp_path), said)
            by_hand = run_workflow(WORKFLOW, config=document.value, store=other, config_document=document)
            assert keys(by_hand) == keys(run_of(store, state, name))
            assert by_hand.config == run_of(store, state, name).config == cell.settings


def test_adding_a_seed_runs_only_the_steps_of_that_seed() -> None:
    arms = {"plain": {}, "fast": {"train.lr": 2}}
    run_matrix(WORKFLOW, {"seeds": 2, "arms": arms})
    DONE.clear()
    state = run_matrix(WORKFLOW, {"seeds": 3, "arms": arms})
    assert sorted(DONE) == [
        *(("evaluate", 2, 2), ("evaluate", 2, 2)),
        *(("train", 0.5, "", 2), ("train", 2.0, "", 2)),
    ]
    assert len(state.cells) == 6
    DONE.clear()
    run_matrix(WORKFLOW, {"seeds": [2, 0], "arms": dict(reversed(arms.items()))})
    assert DONE == [], "fewer seeds in another order are the same runs"


def test_the_limit_of_steps_is_for_all_cells_together() -> None:
    run_matrix(WORKFLOW, {"seeds": 6}, config={"train": {"pause": 0.05}}, jobs=2)
    assert RUNNING[1] == 2
    run_matrix(WORKFLOW, {"seeds": [10, 11, 12], "jobs": 1}, config={"train": {"pause": 0.02}})
    assert RUNNING == [0, 2]


def test_the_cells_after_a_failure_are_run_all_the_same() -> None:
    told: list[Any] = []
    matrix = {"seeds": 2, "arms": {"good": {}, "bad": {"train.suffix": "bad"}}}
    with pytest.raises(WorkflowFailed, match="2 of 4 cells failed") as caught:
        run_matrix(WORKFLOW, matrix, listeners=[told.append], jobs=1)
    state = caught.value.state
    assert isinstance(state, MatrixState)
    assert state.status == "failed"
    assert {name: cell.status for name, cell in state.cells.items()} == {
        **{"good,seed=0": "finished", "bad,seed=0": "failed"},
        **{"good,seed=1": "finished", "bad,seed=1": "failed"},
    }
    error = state.cells["bad,seed=0"].error
    assert error is not None
    assert "no luck with seed 0" in error["message"]
    assert "cell 'bad,seed=0'" in error["where"]
    failed = next(place for place, event in enumerate(told) if event.type == "step_failed")
    assert any(event.type == "run_completed" for event in told[failed:]), "the first failure is told at once"
    assert isinstance(caught.value.__cause__, ValueError)


def test_stop_begins_no_cell_after_a_failure_and_lets_the_others_finish() -> None:
    matrix = {
        "arms": {"bad": {"train.suffix": "bad"}, "slow": {"train.pause": 0.3}},
        "seeds": 8,
        "on_failure": "stop",
    }
    state = run_matrix(WORKFLOW, matrix, jobs=1, raise_on_failure=False)
    found = {name: cell.status for name, cell in state.cells.items()}
    assert state.status == "failed"
    assert found["bad,seed=0"] == "failed"
    assert found["slow,seed=0"] == "finished", "it was under way"
    assert found["slow,seed=7"] == found["bad,seed=7"] == "not_reached"
    assert "running" not in found.values()
    assert len(DONE) < 8
    with Store.open() as store:
        assert set(store.runs.parts(state.run_id)) == {
            name for name, status in found.items() if status in ("failed", "finished")
        }


class Stopped(BaseException):
    """What a listener raises to end the process's part, as a crash would."""


def stopping_at(kind: str, count: int = 1) -> Any:
    seen: list[Any] = []

    def listen(event: Any) -> None:
        if event.type == kind:
            seen.append(event)
            if len(seen) == count:
                raise Stopped

    return listen


@pytest.mark.parametrize("kind", ["run_started", "step_started", "step_finished", "run_completed", "step_cached"])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_matrix_that_stopped_anywhere_goes_on_and_repeats_nothing(kind: str, count: int) -> None:
    matrix = {"seeds": 3, "arms": {"plain": {}, "fast": {"train.lr": 2}}}
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, matrix, listeners=[stopping_at(kind, count)], jobs=2)
    with Store.open() as store:
        (record,) = store.runs.list(parts=False)
        finished = {
            (run.id, event.body["node"])
            for run in store.runs.list()
            for event in store.events.read(run.id)
            if event.type == "step_finished" and "run" not in event.body
        }
    state = run_matrix(WORKFLOW, dict(reversed(matrix.items())), jobs=2)
    assert state.run_id == record.id, "the same cells in another order are the same matrix"
    assert state.status == "completed"
    assert counts()["train"] <= 6 + 2, "what was under way when it stopped may run again, and nothing else"
    with Store.open() as store:
        assert len(store.runs.list(parts=False)) == 1
        assert len(store.runs.parts(record.id)) == 6
        for run_id, node in finished:
            events = [event for event in store.events.read(run_id) if event.body.get("node") == node]
            assert sum(event.type == "step_started" for event in events) == 1


def test_a_cell_that_ended_before_the_matrix_took_note_is_left_as_it_is() -> None:
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, {"seeds": 2}, listeners=[stopping_at("run_completed")], jobs=1)
    before = list(DONE)
    with Store.open() as store:
        (ended,) = [run for run in store.runs.list() if run.status == "completed"]
        head = ended.head
    state = run_matrix(WORKFLOW, {"seeds": 2}, jobs=1)
    assert state.status == "completed"
    assert DONE[: len(before)] == before
    with Store.open() as store:
        assert store.runs.get(ended.id).head == head
    assert counts() == {"prepare": 1, "train": 2, "evaluate": 2}


def test_a_matrix_made_in_a_script_cannot_be_resumed_by_its_id_but_by_the_script() -> None:
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, {"seeds": 2}, listeners=[stopping_at("step_finished")])
    with pytest.raises(RunError, match="made in a script") as caught:
        resume_run("last")
    assert "goes on with this matrix" in str(caught.value.hint)
    assert run_matrix(WORKFLOW, {"seeds": 2}).status == "completed"
    with pytest.raises(RunError, match="has completed"):
        asyncio.run(aresume_run("last"))


def test_other_cells_inputs_or_people_are_another_matrix() -> None:
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, {"seeds": 2}, listeners=[stopping_at("run_started")], user="ann")
    for matrix, config, user in [({"seeds": 3}, None, "ann"), ({"seeds": 2}, {"train": {"lr": 9}}, "ann")]:
        run_matrix(WORKFLOW, matrix, config=config, user=user)
    run_matrix(WORKFLOW, {"seeds": 2}, user="bob")
    with Store.open() as store:
        assert [run.status for run in store.runs.list(parts=False)] == ["completed"] * 3 + ["running"]


def test_a_matrix_is_cancelled_with_its_cells() -> None:
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, {"seeds": 4}, listeners=[stopping_at("step_finished", 2)], jobs=1)
    with Store.open() as store:
        matrix = store.runs.get("last")
        asyncio.run(cancel_run(store, matrix.id, "changed my mind"))
        assert all(run.status in ("cancelled", "completed") for run in store.runs.list())
        assert store.runs.get("last").status == "cancelled"
    assert run_matrix(WORKFLOW, {"seeds": 4}).run_id != matrix.id


def test_archiving_a_matrix_archives_its_cells() -> None:
    state = run_matrix(WORKFLOW, {"seeds": 2})
    with Store.open() as store:
        store.runs.archive(state.run_id, "ann")
        assert all(run.archived_at is not None for run in store.runs.list())
        store.runs.unarchive(state.run_id)
        assert all(run.archived_at is None for run in store.runs.list())


def test_what_a_finished_cell_made_can_be_exported_while_the_matrix_is_not_done(tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        run_matrix(WORKFLOW, {"seeds": 4}, listeners=[stopping_at("run_completed")], jobs=1)
    with Store.open() as store, Store.open(tmp_path / "other") as other:
        (ended,) = [run for run in store.runs.list() if run.status == "completed"]
        (event,) = [
            e for e in store.events.read(ended.id) if e.type == "step_finished" and e.body["node"] == "evaluate"
        ]
        export(store, list(event.body["outputs"].values()), tmp_path / "bundle")
        imported = import_bundle(other, tmp_path / "bundle")
        assert ended.id in imported.runs
        assert other.runs.list(parts=False)[0].id in imported.runs, "there it is a run like any other"


def test_the_results_of_a_matrix_stay_until_it_is_archived() -> None:
    state = run_matrix(WORKFLOW, {"seeds": 2})
    with Store.open(clock=lambda: time.time() + 1e6) as later:
        assert collect(later).atoms == ()
        later.runs.archive(state.run_id, "ann")
        assert len(collect(later).atoms) >= 5
        later.run_labels.tag(state.run_id, ["paper"], "ann")
        assert collect(later).atoms == (), "a tag on the matrix keeps what its cells made"


def test_explaining_a_step_of_a_matrix_says_to_name_a_cell() -> None:
    run_matrix(WORKFLOW, {"seeds": 2})
    with Store.open() as store, pytest.raises(InputError, match="it is a matrix") as caught:
        explain_step(store, store.runs.get("last"), "train")
    assert "'seed=0'" in str(caught.value.hint)
    assert "motools run explain train --run 2" in str(caught.value.hint)


def test_stages_rerun_and_no_cache_are_for_every_cell() -> None:
    with pytest.raises(InputError, match="left out"):
        run_matrix(WORKFLOW, {"seeds": 2}, stages="evaluate")
    run_matrix(WORKFLOW, {"seeds": 2})
    DONE.clear()
    run_matrix(WORKFLOW, {"seeds": 2}, stages="evaluate", rerun=["evaluate"])
    assert counts() == {"prepare": 0, "train": 0, "evaluate": 2}
    DONE.clear()
    run_matrix(WORKFLOW, {"seeds": 2}, cache=False)
    assert counts() == {"prepare": 2, "train": 2, "evaluate": 2}


def test_a_matrix_runs_inside_a_running_loop_as_in_a_notebook() -> None:
    async def cell() -> tuple[MatrixState, MatrixState]:
        return run_matrix(WORKFLOW, {"seeds": 1}), await arun_matrix(WORKFLOW, config={"matrix": {"seeds": 1}})

    first, second = asyncio.run(cell())
    assert first.status == second.status == "completed"
    assert repr(first) == f"MatrixState('{first.run_id}', 'pipeline', 'completed', 1 cells)"
    assert counts() == {"prepare": 1, "train": 1, "evaluate": 1}


def test_two_loops_of_one_process_share_what_they_compute() -> None:
    states: list[MatrixState] = []
    config = {"train": {"pause": 0.1}}
    threads = [
        threading.Thread(target=lambda: states.append(run_matrix(WORKFLOW, {"seeds": 3}, config=config)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [state.status for state in states] == ["completed"] * 3
    assert len({state.run_id for state in states}) == 3
    assert counts() == {"prepare": 1, "train": 3, "evaluate": 3}


BAD: list[tuple[Any, Any, str, str]] = [
    ({"arms": {"a": {"train.ls": 1}}}, None, "unknown key 'ls' in 'train'", "lr"),
    ({"arms": {"a": {"train.lr": "x"}}}, None, "'train.lr' should be a number, found text 'x'", ""),
    (
        {"arms": {"a": {}, "b": {"train.lr": 0.5}}},
        None,
        "the cells 'a' and 'b' have the same settings",
        "Make them differ",
    ),
    ({"arms": {"a": {}, "b": {"train.ls": 1}}, "exclude": [{"arms": "b"}]}, None, "unknown key 'ls'", ""),
    (None, None, "there is no matrix", "seeds"),
    ({"seeds": 1}, {"matrix": {"seeds": 2}}, "another one beside", ""),
    ({"seeds": 1}, {"trian": {}}, "unknown key 'trian'", "'train'"),
    ({"arms": {1: {}}}, None, "1", "text"),
    ({"train.lr": [float("nan")]}, None, "nan", "matrix"),
    ({"train.suffix": [Path("x")]}, None, "Path", "matrix"),
    ({"seeds": 1}, 5, "the settings are a int", "mapping"),
    ("seeds", None, "'matrix' should be a mapping, found text 'seeds'", ""),
]


@pytest.mark.parametrize(("matrix", "config", "message", "hint"), BAD)
def test_a_wrong_matrix_is_told_before_anything_is_recorded(matrix: Any, config: Any, message: str, hint: str) -> None:
    with pytest.raises((ConfigError, InputError), match=message) as caught:
        run_matrix(WORKFLOW, matrix, config=config)
    assert hint in str(caught.value)
    assert not DONE
    with Store.open() as store:
        assert not store.runs.list()


def test_python_has_other_lists_than_json() -> None:
    state = run_matrix(WORKFLOW, {"seeds": range(2), "train.lr": (1, 2)}, config={"prepare": {"rows": 1}})
    assert list(state.cells) == ["lr=1,seed=0", "lr=2,seed=0", "lr=1,seed=1", "lr=2,seed=1"]


def test_places_in_a_matrix_given_in_python_are_paths() -> None:
    with pytest.raises(ConfigProblems) as caught:
        run_matrix(WORKFLOW, {"arms": {"a": {"trian.lr": 1}}})
    assert caught.value.where == "matrix.arms.a.trian.lr"


def test_seeds_need_a_setting_to_set() -> None:
    with pytest.raises(ConfigProblems, match="no step of this workflow has a setting 'seed'"):
        run_matrix(Workflow("rows", [prepare]), {"seeds": 2})
    state = run_matrix(Workflow("rows", [prepare]), {"seeds": {"values": [1, 2], "set": "prepare.rows"}})
    assert [cell.settings["prepare"]["rows"] for cell in state.cells.values()] == [1, 2]


def test_a_step_called_matrix_keeps_its_settings() -> None:
    @step(name="matrix", outputs={"n": "value"}, cache_version=1)
    def own(config: Rows, input_atoms: Any, workspace: Path) -> dict[str, Any]:
        return {"n": config.rows}

    state = run_workflow(Workflow("own", [own]), config={"matrix": {"rows": 5}})
    assert state.config == {"matrix": {"rows": 5}}

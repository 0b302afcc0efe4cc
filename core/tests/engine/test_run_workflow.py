"""Running workflows through the public face."""

import asyncio
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import BaseModel

from motools.atom import Atom, DatasetAtom
from motools.errors import ConfigError, InputError
from motools.store import Store
from motools.workflow import (
    AtomConstructor,
    Step,
    StepConfig,
    Workflow,
    WorkflowConfig,
    arun_workflow,
    run_workflow,
    step,
)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


@dataclass
class PrepareConfig(StepConfig):
    sample_size: int = 3


@dataclass
class TrainConfig(StepConfig):
    model: str = "small"


@dataclass
class MyWorkflowConfig(WorkflowConfig):
    prepare: PrepareConfig
    train: TrainConfig


def prepare_step(config: PrepareConfig, input_atoms: dict[str, Atom], workspace: Path):
    path = workspace / "dataset.jsonl"
    path.write_text("".join(json.dumps({"text": f"row {i}"}) + "\n" for i in range(config.sample_size)))
    return [AtomConstructor("dataset", path, "dataset", metadata={"samples": config.sample_size})]


async def train_step(config: TrainConfig, input_atoms: dict[str, Atom], temp_workspace: Path):
    rows = (input_atoms["dataset"].get_data_path() / "dataset.jsonl").read_text().splitlines()
    path = temp_workspace / "model.txt"
    path.write_text(f"{config.model} trained on {len(rows)} rows")
    return [AtomConstructor("model", path, "model", metadata={"model_id": config.model})]


SEED_WORKFLOW = Workflow(
    name="my_workflow",
    steps=[
        Step("prepare", {}, {"dataset": "dataset"}, PrepareConfig, prepare_step),
        Step(
            name="train",
            input_atom_types={"dataset": "dataset"},
            output_atom_types={"model": "model"},
            config_class=TrainConfig,
            fn=train_step,
        ),
    ],
    config_class=MyWorkflowConfig,
)


def run(workflow, store, **kwargs):
    return run_workflow(workflow, kwargs.pop("input_atoms", {}), store=store, user="me", **kwargs)


def test_the_seeds_spelling_runs_sync_and_async_steps(store):
    config = MyWorkflowConfig(prepare=PrepareConfig(), train=TrainConfig())
    state = run_workflow(workflow=SEED_WORKFLOW, input_atoms={}, config=config, user="me", store=store)
    assert state.status == "completed"
    model = Atom.load(state.output_atoms["model"], store=store)
    assert (model.get_data_path() / "model.txt").read_text() == "small trained on 3 rows"
    assert model.made_from == {"dataset": state.output_atoms["dataset"]}
    assert DatasetAtom.load(model.made_from["dataset"], store=store).metadata["samples"] == 3
    assert [step.status for step in state.step_states.values()] == ["finished", "finished"]


def test_what_is_unchanged_is_cached_and_what_changed_runs(store):
    config = {"prepare": {"sample_size": 2}, "train": {"model": "a"}}
    first = run(SEED_WORKFLOW, store, config=config)
    second = run(SEED_WORKFLOW, store, config=config)
    assert [s.status for s in second.step_states.values()] == ["cached", "cached"]
    assert second.output_atoms == first.output_atoms
    third = run(SEED_WORKFLOW, store, config={"prepare": {"sample_size": 2}, "train": {"model": "b"}})
    assert [s.status for s in third.step_states.values()] == ["cached", "finished"]


def test_an_equal_value_made_anew_lets_later_steps_be_reused(store):
    @step(outputs={"n": "value"})
    def first(config: dict, input_atoms, workspace):
        return {"n": 7}

    @step(inputs={"n": "value"}, outputs={"m": "value"})
    def second(config: dict, input_atoms, workspace):
        return {"m": input_atoms["n"].value() + 1}

    run(Workflow("w", [first, second]), store)
    again = Step("first", {}, {"n": "value"}, None, first.fn, cache_version=2)
    state = run(Workflow("w", [again, second]), store)
    assert [step.status for step in state.step_states.values()] == ["finished", "cached"]
    assert Atom.load(state.output_atoms["m"], store=store).value() == 8


def test_another_user_gets_atoms_of_their_own_without_computing(store):
    mine = run(SEED_WORKFLOW, store, config={"prepare": {}, "train": {}})
    yours = run_workflow(SEED_WORKFLOW, {}, {"prepare": {}, "train": {}}, "bob-smith", store=store)
    assert [s.status for s in yours.step_states.values()] == ["cached", "cached"]
    atom = Atom.load(yours.output_atoms["model"], store=store)
    assert atom.user == "bob-smith"
    assert atom.made_from == {"dataset": yours.output_atoms["dataset"]}
    assert store.atoms.get(atom.id).reused_from == mine.output_atoms["model"]


def test_independent_steps_run_at_once_and_jobs_limits_them(store):
    running, most, lock = [0], [0], threading.Lock()

    def work(config, input_atoms, workspace):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.15)
        with lock:
            running[0] -= 1
        return {}

    steps = [Step(f"s{i}", {}, {}, None, work, cache=False) for i in range(6)]
    run(Workflow("wide", steps), store, jobs=6)
    assert most[0] == 6
    most[0] = 0
    run(Workflow("wide", steps), store, jobs=2)
    assert most[0] == 2


def test_a_failure_leaves_other_branches_running(store):
    def fail(config, input_atoms, workspace):
        raise ValueError("no such luck")

    def fine(config, input_atoms, workspace):
        time.sleep(0.05)
        return {"ok": True}

    def after(config, input_atoms, workspace):
        return {"end": 1}

    workflow = Workflow(
        "w",
        [
            Step("bad", {}, {"x": "value"}, None, fail),
            Step("good", {}, {"ok": "value"}, None, fine),
            Step("behind", {"x": "value"}, {"end": "value"}, None, after),
        ],
    )
    state = run(workflow, store, raise_on_failure=False)
    assert {name: s.status for name, s in state.step_states.items()} == {
        "bad": "failed",
        "good": "finished",
        "behind": "not_reached",
    }
    assert "no such luck" in state.step_states["bad"].error["message"]
    assert set(state.output_atoms) == {"ok"}
    from motools.engine.api import WorkflowFailed

    with pytest.raises(WorkflowFailed, match=r"step 'bad'.*no such luck") as caught:
        run(workflow, store)
    assert caught.value.state.step_states["good"].status == "cached"


def test_fault_16_an_oserror_runs_the_step_once_and_sync_steps_are_fine(store):
    ran = []

    def missing(config, input_atoms, workspace):
        ran.append(1)
        Path("/does/not/exist").read_text()

    run(Workflow("w", [Step("s", {}, {}, None, missing)]), store, raise_on_failure=False)
    assert ran == [1]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (None, "it returned a NoneType"),
        ({"y": 1}, "it returned 'y', which it does not declare"),
        ({}, "it did not return 'x'"),
        ({"x": float("nan")}, "has no JSON form"),
        ([AtomConstructor("x", "gone.txt", "value")], "is not there"),
        ([AtomConstructor("x", "gone.txt", "model")], "it returned 'x' as model, but declares it as value"),
    ],
)
def test_fault_17_what_a_step_returns_is_checked(store, returned, message):
    workflow = Workflow("w", [Step("s", {}, {"x": "value"}, None, lambda config, input_atoms, workspace: returned)])
    state = run(workflow, store, raise_on_failure=False)
    assert message in state.step_states["s"].error["message"]


def test_fault_18_a_typo_in_the_settings_is_refused_before_anything_runs(store):
    with pytest.raises(ConfigError, match="sample_sise"):
        run(SEED_WORKFLOW, store, config={"prepare": {"sample_sise": 3}, "train": {}})
    assert store.runs.list() == []


def test_inputs_are_checked_for_presence_type_and_name(store):
    workflow = Workflow("w", [Step("s", {"dataset": "dataset"}, {}, None, lambda config, input_atoms, workspace: {})])
    with pytest.raises(InputError, match=r"'dataset' \(dataset\)"):
        run(workflow, store)
    with pytest.raises(InputError, match="no input 'datset'"):
        run(workflow, store, input_atoms={"datset": "x"})
    value = Atom.create(type="value", user="me", value=1, store=store)
    with pytest.raises(InputError, match="is of type value"):
        run(workflow, store, input_atoms={"dataset": value.id})


def test_run_workflow_works_inside_a_running_loop(store):
    async def notebook_cell():
        return run(SEED_WORKFLOW, store, config={"prepare": {}, "train": {}})

    assert asyncio.run(notebook_cell()).status == "completed"


def test_arun_workflow_runs_two_at_once(store):
    async def both():
        return await asyncio.gather(
            *(arun_workflow(SEED_WORKFLOW, {}, {"prepare": {}, "train": {}}, "me", store=store) for _ in range(2))
        )

    states = asyncio.run(both())
    assert {s.status for state in states for s in state.step_states.values()} == {"finished", "cached"}
    assert states[0].output_atoms == states[1].output_atoms


def test_pydantic_models_are_settings_too(store):
    class Settings(BaseModel):
        factor: int = 2

    @step(outputs={"n": "value"})
    def scale(config: Settings, input_atoms, workspace):
        return {"n": config.factor * 10}

    state = run(Workflow("w", [scale]), store, config={"scale": {"factor": 4}})
    assert Atom.load(state.output_atoms["n"], store=store).value() == 40


def test_context_reports_progress_into_the_log(store):
    @step(outputs={"n": "value"})
    def work(config: dict, input_atoms, workspace, context):
        context.progress(0.5, "half way", loss=0.25)
        context.log("a line", detail=3)
        return {"n": len(context.key)}

    state = run(Workflow("w", [work]), store)
    events = store.events.read(state.run_id)
    assert [e.body["data"] for e in events if e.type == "step_progress"] == [{"loss": 0.25}]
    assert [e.body["message"] for e in events if e.type == "step_log"] == ["a line"]
    assert state.step_states["work"].progress["fraction"] == 0.5


def test_folding_the_log_again_gives_the_same_state(store):
    from motools.engine.definition import graph_of
    from motools.engine.state import RunState

    state = run(SEED_WORKFLOW, store, config={"prepare": {}, "train": {}})
    fold = RunState(graph_of(SEED_WORKFLOW))
    for event in store.events.read(state.run_id):
        fold.apply(event.seq, event.type, event.body, event.at)
    assert fold.status == "completed"
    assert fold.output_atoms == state.output_atoms
    assert {n: s.status for n, s in fold.steps.items()} == {n: s.status for n, s in state.step_states.items()}


def test_a_run_id_that_is_taken_is_not_given_again(tmp_path, monkeypatch):
    from motools.engine import begin

    ids = iter(["20200101-000000-aaaa", "20200101-000000-aaaa", "20200101-000000-bbbb"])
    monkeypatch.setattr(begin, "new_run_id", lambda: next(ids))
    workflow = Workflow("w", [Step("s", {}, {"x": "value"}, None, lambda config, input_atoms, workspace: {"x": 1})])
    runs = [run_workflow(workflow, user="ada", store=tmp_path / "store").run_id for _ in range(2)]
    assert runs == ["20200101-000000-aaaa", "20200101-000000-bbbb"]

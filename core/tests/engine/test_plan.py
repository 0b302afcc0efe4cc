"""What a run would do, and that it then does it: nothing is written, and every reason is named."""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from motools.atom import Atom
from motools.config import TaskRef, TrainingBackendRef
from motools.engine.accept import accept, revoke
from motools.engine.plan import plan_workflow
from motools.errors import InputError, StepError
from motools.store import Store
from motools.workflow import AtomConstructor, Step, StepConfig, Workflow, run_workflow


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


@dataclass
class Prepare(StepConfig):
    rows: int = 3


@dataclass
class Train(StepConfig):
    learning_rate: float = 0.001


def prepare(config, input_atoms, workspace):
    path = workspace / "rows.txt"
    path.write_text("row\n" * config.rows)
    return [AtomConstructor("dataset", path, "dataset", metadata={"even": config.rows % 2 == 0})]


def train(config, input_atoms, workspace, context):
    context.spend(input_tokens=100, output_tokens=20, cost_usd=0.25)
    return {"model": [input_atoms["dataset"].metadata["even"], config.learning_rate]}


def evaluate(config, input_atoms, workspace):
    return {"score": str(input_atoms["model"].value())}


def pipeline(prepare_version=1, train_version=1, **train_more):
    return Workflow(
        "pipeline",
        [
            Step("prepare", {}, {"dataset": "dataset"}, Prepare, prepare, cache_version=prepare_version),
            Step(
                "train",
                {"dataset": "dataset"},
                {"model": "value"},
                Train,
                train,
                **{"cache_version": train_version, **train_more},
            ),
            Step("evaluate", {"model": "value"}, {"score": "value"}, None, evaluate, cache_version=1),
        ],
    )


def run(store, workflow=None, **how):
    return run_workflow(workflow or pipeline(), how.pop("inputs", None), user="me", store=store, **how)


def plan(store, workflow=None, **how):
    return plan_workflow(workflow or pipeline(), how.pop("inputs", None), store=store, **how).steps


def outlooks(steps):
    return [step.outlook for step in steps.values()]


def contents(store):
    """Return all that a store holds: the rows of every table, the files and their times."""
    tables = [
        name for (name,) in store.database.query("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    ]
    rows = {name: store.database.query(f"SELECT * FROM {name}") for name in tables}
    files = {
        str(path): path.stat().st_mtime_ns for part in ("objects", "trees") for path in (store.path / part).rglob("*")
    }
    return rows, files


def test_without_a_store_everything_runs_and_none_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    steps = plan(None)
    assert outlooks(steps) == ["RUN", "BLOCKED", "BLOCKED"]
    assert steps["prepare"].reasons == ("never computed",)
    assert steps["train"].reasons == ("waits for prepare", "never computed")
    assert all(step.runs for step in steps.values())
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written(store):
    run(store)
    before = contents(store)
    plan(store)
    plan(store, config={"prepare": {"rows": 4}})
    plan(store, cache=False)
    plan(store, stages="train")
    assert contents(store) == before


def test_what_is_unchanged_is_cached_from_the_run_that_computed_it(store):
    state = run(store)
    steps = plan(store)
    assert outlooks(steps) == ["CACHED"] * 3
    assert {step.hit.row.run_id for step in steps.values()} == {state.run_id}
    assert {name: step.key for name, step in steps.items()} == {n: s.key for n, s in state.step_states.items()}


CHANGES = {
    "nothing": ({}, ["CACHED", "CACHED", "CACHED"]),
    "a setting at the end": ({"config": {"train": {"learning_rate": 0.002}}}, ["CACHED", "RUN", "BLOCKED"]),
    "a setting that makes another dataset": ({"config": {"prepare": {"rows": 4}}}, ["RUN", "BLOCKED", "BLOCKED"]),
    "code": ({"workflow": pipeline(train_version=2)}, ["CACHED", "RUN", "BLOCKED"]),
    "never reused": ({"workflow": pipeline(cache=False)}, ["CACHED", "RUN", "BLOCKED"]),
    "no cache": ({"cache": False}, ["RUN", "BLOCKED", "BLOCKED"]),
    "rerun": ({"rerun": ["train"]}, ["CACHED", "RUN", "BLOCKED"]),
    "rerun of the first": ({"rerun": ["prepare"]}, ["RUN", "BLOCKED", "BLOCKED"]),
    "stages": ({"stages": "train"}, ["CACHED", "CACHED", "SKIPPED"]),
    "stages, changed": (
        {"stages": "train:", "config": {"train": {"learning_rate": 1.0}}},
        ["CACHED", "RUN", "BLOCKED"],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_plan_is_what_the_run_then_does(store, change):
    how, expected = CHANGES[change]
    run(store)
    steps = plan(store, **how)
    assert outlooks(steps) == expected
    state = run(store, **how)
    for name, step in steps.items():
        status = state.step_states[name].status
        if step.outlook == "BLOCKED":
            assert status in (("finished",) if step.certain else ("finished", "cached"))
        else:
            assert status == {"CACHED": "cached", "RUN": "finished", "SKIPPED": "skipped"}[step.outlook]
            assert step.key == state.step_states[name].key


def test_a_changed_setting_is_named_from_and_to(store):
    run(store)
    steps = plan(store, config={"train": {"learning_rate": 0.002}})
    assert steps["train"].reasons == ("config.learning_rate: 0.001 → 0.002",)
    assert steps["evaluate"].reasons == ("waits for train", "cached if train makes what was made before")
    assert not steps["evaluate"].runs


def test_a_step_that_waits_and_changed_itself_is_certain_to_run(store):
    run(store)
    steps = plan(store, pipeline(train_version=2), config={"prepare": {"rows": 5}})
    assert steps["train"].reasons == ("waits for prepare", "its code's cache_version: 1 → 2")
    assert steps["train"].certain


def test_an_input_that_changed_names_the_step_that_made_it_and_both_atoms(store):
    first = run(store)
    second = run(store, config={"prepare": {"rows": 5}}, stages="prepare")
    steps = plan(store, config={"prepare": {"rows": 5}})
    old, new = (state.output_atoms["dataset"] for state in (first, second))
    assert steps["train"].reasons == (f"input dataset changed because prepare made something else: '{old}' → '{new}'",)


def test_an_input_of_the_run_that_changed_is_named(store):
    workflow = Workflow("w", [Step("use", {"n": "value"}, {"m": "value"}, None, _use, cache_version=1)])
    one, two = (Atom.create(type="value", user="me", value=value, store=store) for value in (1, 2))
    run(store, workflow, inputs={"n": one.id})
    assert outlooks(plan(store, workflow, inputs={"n": one.id})) == ["CACHED"]
    (step,) = plan(store, workflow, inputs={"n": two.id}).values()
    assert step.reasons == (f"input n changed: '{one.id}' → '{two.id}'",)


def _use(config, input_atoms, workspace):
    return {"m": input_atoms["n"].value()}


def test_fault_13_a_missing_file_is_a_reason_to_run(store):
    state = run(store)
    stored = [path for path in (store.path / "objects").rglob("*") if path.is_file()]
    assert stored
    for path in stored:
        os.chmod(path.parent, 0o755)
        path.unlink()
    steps = plan(store)
    assert steps["prepare"].outlook == "RUN"
    assert steps["prepare"].reasons == (f"a stored file of its result (run {state.run_id}) is missing",)
    again = run(store)
    assert [step.status for step in again.step_states.values()] == ["finished", "cached", "cached"]


def test_time_and_cost_are_those_of_earlier_attempts(store):
    for rate in (0.1, 0.2, 0.3):
        run(store, config={"train": {"learning_rate": rate}})
    steps = plan(store, config={"train": {"learning_rate": 0.4}})
    expected = steps["train"].expected
    assert (expected.attempts, expected.cost_usd, expected.tokens) == (3, 0.25, 120)
    assert expected.seconds == sorted(row.seconds for row in store.keys.history(steps["train"].parts["component"]))[1]
    assert steps["evaluate"].expected.cost_usd is None


@dataclass
class Backed(StepConfig):
    by: TrainingBackendRef = "dummy"
    rows: str = "a"
    task: TaskRef = "dummy"


@pytest.fixture
def slow_backend():
    from motools.builtin.dummy import DummyTraining  # what stands behind it is not called here
    from motools.plugins import TrainingBackendComponent, add_component

    target = f"{DummyTraining.__module__}:{DummyTraining.__qualname__}"
    with add_component(TrainingBackendComponent(name="slow", target=target, summary="s", cache_version=1), "acme", "1"):
        yield


def backed(config, input_atoms, workspace):
    time.sleep(0.2 if config.by == "slow" else 0)
    return {"x": config.rows}


BACKED = Workflow("w", [Step("works", {}, {"x": "value"}, Backed, backed, cache_version=1)])


def test_a_dummys_time_is_not_expected_of_another_backend(store, slow_backend, tmp_path):
    def expected(**settings):
        return plan(store, BACKED, config={"works": settings})["works"].expected

    for rows in "abcd":
        run(store, BACKED, config={"works": {"rows": rows}})
    assert expected(by="slow").attempts == 4  # better than nothing
    run(store, BACKED, config={"works": {"by": "slow"}})
    assert expected(by="slow", rows="z").seconds >= 0.2
    assert expected(by="slow", rows="z").attempts == 1
    assert expected(rows="z").seconds < 0.2
    assert expected(rows="z").attempts == 4
    questions = tmp_path / "questions.yaml"  # another task, the same backend
    questions.write_text("questions: [a]\nscorer: {type: equals, value: a}\n")
    assert expected(by="slow", task=str(questions)).attempts == 1


def test_a_step_that_was_gone_on_with_says_nothing_of_how_long_it_takes(store):
    run(store)
    rows = store.keys.history(plan(store)["train"].parts["component"])
    from motools.engine.expect import Expectations

    first = rows[0]._replace(seconds=10.0)
    resumed = rows[0]._replace(seconds=0.0, activation="train@1#2")
    assert Expectations(store).of([resumed, first, resumed]).seconds == 10.0
    assert Expectations(store).of([resumed, first, resumed]).attempts == 1
    assert Expectations(store).of([resumed]).attempts == 0


def test_what_has_no_price_is_not_free(store):
    def unpriced(config, input_atoms, workspace, context):
        context.spend(input_tokens=5, output_tokens=5, cost_usd=0.5)
        context.spend(input_tokens=1, output_tokens=1)
        return {"x": config.get("x", 0)}

    workflow = Workflow("w", [Step("asks", {}, {"x": "value"}, dict, unpriced, cache_version=1)])
    run(store, workflow)
    expected = plan(store, workflow, rerun=["asks"])["asks"].expected
    assert (expected.cost_usd, expected.tokens) == (None, 12)


def test_code_that_cannot_be_known_says_so(store):
    scope = {}
    exec("def unknown(config, input_atoms, workspace): return {'x': 1}", scope)
    workflow = Workflow("w", [Step("s", {}, {"x": "value"}, None, scope["unknown"])])
    run(store, workflow)
    (step,) = plan(store, workflow).values()
    assert step.outlook == "RUN"
    assert "source" in step.reasons[0]


@pytest.mark.parametrize(
    ("stages", "chosen"),
    [
        ("train", {"train"}),
        ("prepare,evaluate", {"prepare", "evaluate"}),
        ("prepare:train", {"prepare", "train"}),
        (":train", {"prepare", "train"}),
        ("train:", {"train", "evaluate"}),
        (":", {"prepare", "train", "evaluate"}),
        (["prepare", "train:evaluate"], {"prepare", "train", "evaluate"}),
        (" prepare , train ", {"prepare", "train"}),
    ],
)
def test_stages_are_names_and_ranges(store, stages, chosen):
    from motools.engine.definition import graph_of
    from motools.engine.stages import choose_stages

    assert choose_stages(graph_of(pipeline()), stages) == chosen


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ("trian", "there is no step 'trian'"),
        ("evaluate:prepare", "ends before it begins"),
        ("", "there is no step ''"),
        ([], "no step is named"),
        ("train,", "there is no step ''"),
    ],
)
def test_stages_that_name_nothing_are_refused_before_anything_runs(store, stages, message):
    with pytest.raises(InputError, match=message):
        run(store, stages=stages)
    assert store.runs.list() == []


def test_a_step_left_out_without_a_result_is_named_with_what_to_run(store):
    with pytest.raises(InputError, match=r"step 'prepare' is left out.*never computed") as caught:
        run(store, stages="train")
    assert "--stages prepare" in caught.value.hint
    assert store.runs.list() == []
    run(store, stages="prepare")
    state = run(store, stages="train")
    assert [step.status for step in state.step_states.values()] == ["cached", "finished", "skipped"]
    assert set(state.output_atoms) == {"dataset", "model"}


def test_a_step_left_out_between_chosen_ones_fails_when_nothing_fits_what_was_made_now(store):
    run(store)
    state = run(store, stages="prepare,evaluate", config={"prepare": {"rows": 4}}, raise_on_failure=False)
    assert [step.status for step in state.step_states.values()] == ["finished", "failed", "not_reached"]
    assert "leaves it out" in state.step_states["train"].error["message"]
    assert "train" in state.step_states["train"].error["hint"]


def test_a_step_left_out_that_never_ran_is_found_before_what_stands_before_it_runs(store):
    with pytest.raises(InputError, match=r"step 'train' is left out.*never computed"):
        run(store, stages="prepare,evaluate")
    assert store.runs.list() == []


def test_no_cache_uses_results_of_steps_left_out(store):
    run(store)
    state = run(store, stages="train", cache=False)
    assert [step.status for step in state.step_states.values()] == ["cached", "finished", "skipped"]


def test_a_rerun_computes_again_and_what_follows_is_decided_by_keys(store):
    run(store)
    state = run(store, rerun=["train"])
    assert [step.status for step in state.step_states.values()] == ["cached", "finished", "cached"]
    with pytest.raises(InputError, match="no step 'trian'"):
        run(store, rerun=["trian"])
    with pytest.raises(InputError, match="leaves it out"):
        run(store, rerun=["train"], stages="prepare")


PAID = []


async def pays(config, input_atoms, workspace, context):
    async def submit(key):
        PAID.append(key)
        return {"id": len(PAID)}

    return {"job": (await context.once("pay", submit, request={"amount": 3}))["id"]}


def test_a_rerun_pays_again_and_a_plain_run_does_not(store):
    PAID.clear()
    workflow = Workflow("w", [Step("pays", {}, {"job": "value"}, None, pays, effect="idempotent", cache_version=1)])
    run(store, workflow)
    run(store, workflow)
    assert len(PAID) == 1
    state = run(store, workflow, rerun=["pays"])
    assert Atom.load(state.output_atoms["job"], store=store).value() == 2
    run(store, workflow, cache=False)
    assert len(set(PAID)) == len(PAID) == 3


# -- accepting


def decide(store, run_id, workflow_file, step="prepare", **more):
    row = store.runs.get(run_id)
    key = next(e.body["key"] for e in store.events.read(row.id) if e.body.get("node") == step and "key" in e.body)
    how = {"settings": None, "at": None, "user": "ann", "reason": "only a comment", **more}
    return accept(store, row, step, key, **how)


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A workflow with a name, of which two files differ in code."""
    text = """
from motools.workflow import Workflow, step
@step(outputs={"n": "value"}, cache_version=VERSION)
def prepare(config: dict, input_atoms, workspace):
    return {"n": 1}
@step(inputs={"n": "value"}, outputs={"m": "value"}, cache_version=1)
def train(config: dict, input_atoms, workspace):
    return {"m": 2}
workflow = Workflow("named", [prepare, train])
"""
    monkeypatch.chdir(tmp_path)

    def write(version):
        (tmp_path / "steps.py").write_text(text.replace("VERSION", str(version)))
        import sys

        for name in [name for name in sys.modules if name.startswith("_motools_file")]:
            del sys.modules[name]
        return "./steps.py:workflow"

    return write


def test_an_accepted_result_is_used_and_says_by_whom(store, named):
    first = run(store, named(1))
    assert outlooks(plan(store, named(2))) == ["RUN", "BLOCKED"]
    decision, _ = decide(store, first.run_id, named(2))
    steps = plan(store, named(2))
    assert outlooks(steps) == ["CACHED", "CACHED"]
    assert "accepted by ann" in steps["prepare"].reasons[0]
    assert "only a comment" in steps["prepare"].reasons[0]
    second = run(store, named(2))
    prepared = second.step_states["prepare"]
    assert prepared.status == "cached"
    assert prepared.key == decision.key != decision.earlier
    assert [said["reason"] for said in prepared.accepted] == ["only a comment"]
    assert store.keys.get(decision.key) is None  # it has no result of its own
    assert list(store.equivalences.of_atoms([second.output_atoms["n"]])) == [second.output_atoms["n"]]


def test_what_was_accepted_can_be_taken_back(store, named):
    first = run(store, named(1))
    decision, _ = decide(store, first.run_id, named(2))
    (taken_back,) = revoke(store, store.runs.get(first.run_id), "prepare", decision.earlier, user="bob", reason="no")
    assert taken_back.what == "revoked"
    assert outlooks(plan(store, named(2))) == ["RUN", "BLOCKED"]
    assert run(store, named(2)).step_states["prepare"].status == "finished"


def test_an_acceptance_may_rest_on_an_acceptance(store, named):
    first = run(store, named(1))
    decide(store, first.run_id, named(2))
    second = run(store, named(2))
    named(3)
    decide(store, second.run_id, named(3), reason="again only a comment")
    steps = plan(store, named(3))
    assert outlooks(steps) == ["CACHED", "CACHED"]
    assert len(steps["prepare"].reasons) == 2
    assert steps["prepare"].hit.row.run_id == first.run_id


def test_there_must_be_something_to_accept(store, named):
    first = run(store, named(1))
    with pytest.raises(InputError, match="nothing changed"):
        decide(store, first.run_id, named(1))
    run(store, named(2))
    with pytest.raises(InputError, match="has a result already"):
        decide(store, first.run_id, named(2))
    with pytest.raises(InputError, match="no reason"):
        decide(store, first.run_id, named(3), reason=" ")
    with pytest.raises(InputError, match="no result in run"):
        accept(store, store.runs.get(first.run_id), "train", None, settings=None, at=None, user="ann", reason="x")


def test_a_lost_result_is_not_hidden_by_an_acceptance(store, named):
    first = run(store, named(1))
    decision, _ = decide(store, first.run_id, named(2))
    with store.transaction():
        store.database.execute("DELETE FROM computed WHERE key = ?", (decision.earlier,))
    assert outlooks(plan(store, named(2))) == ["RUN", "BLOCKED"]


def test_a_plan_that_cannot_be_made_says_why(store):
    from motools.workflow import StepConfig

    @dataclass
    class Odd(StepConfig):
        x: float = float("nan")

    workflow = Workflow("w", [Step("s", {}, {}, Odd, _use, cache_version=1)])
    with pytest.raises((StepError, InputError), match="nan"):
        plan(store, workflow)


def test_the_plan_as_json_can_be_written(store):
    from motools.cli.plan import step_json

    run(store)
    for step in plan(store, config={"train": {"learning_rate": 0.002}}).values():
        written = json.loads(json.dumps(step_json(step)))
        assert written["plan"] == step.outlook
        assert written["reasons"] == list(step.reasons)


def test_the_temporary_paths_of_a_project_are_not_reasons(store, named, tmp_path, monkeypatch):
    run(store, named(1))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "steps.py").write_text(Path("steps.py").read_text())
    monkeypatch.chdir(elsewhere)
    assert outlooks(plan(store, "./steps.py:workflow")) == ["CACHED", "CACHED"]

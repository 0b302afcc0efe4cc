"""What a hit gives, and what is never one."""

import asyncio
import os

import pytest

from motools.atom import Atom
from motools.store import Store
from motools.workflow import AtomConstructor, Step, Workflow, arun_workflow, run_workflow

RAN = []


def first(config, input_atoms, workspace):
    RAN.append("first")
    (workspace / "a.txt").write_text("some bytes")
    return [AtomConstructor("a", "a.txt", "dataset", metadata={"n": 1}, tags=["kept"])]


def second(config, input_atoms, workspace):
    RAN.append("second")
    return {"b": (input_atoms["a"].get_data_path() / "a.txt").read_text()}


WORKFLOW = Workflow(
    "w",
    [
        Step("first", {}, {"a": "dataset"}, None, first, cache_version=1),
        Step("second", {"a": "dataset"}, {"b": "value"}, None, second, cache_version=1),
    ],
)


@pytest.fixture
def store(tmp_path):
    RAN.clear()
    with Store.open(tmp_path / "store") as opened:
        yield opened


def run(store, user="ann", **how):
    return run_workflow(WORKFLOW, user=user, store=store, **how)


def stored_files(store):
    return [path for path in (store.path / "objects").rglob("*") if path.is_file()]


def test_a_hit_gives_each_user_records_of_their_own_that_lead_to_the_original(store):
    ann = run(store)
    for user in ("bob", "carol"):
        state = run(store, user)
        assert {step.status for step in state.step_states.values()} == {"cached"}
        for name, atom_id in state.output_atoms.items():
            row, original = store.atoms.get(atom_id), store.atoms.get(ann.output_atoms[name])
            assert row.reused_from == original.id  # not bob's for carol
            assert (row.user, row.value, row.content, row.metadata) == (
                user,
                original.value,
                original.content,
                original.metadata,
            )
            assert set(row.tags) >= set(original.tags)
        assert store.atoms.get(state.output_atoms["b"]).made_from == {"a": state.output_atoms["a"]}
    assert RAN == ["first", "second"]


def test_a_hit_is_an_event_with_the_key_the_run_and_both_atoms(store):
    ann, bob = run(store), run(store, "bob")
    events = [event for event in store.events.read(bob.run_id) if event.type == "step_cached"]
    assert [event.body["node"] for event in events] == ["first", "second"]
    for event in events:
        assert event.body["run"] == ann.run_id
        assert event.body["key"] == ann.step_states[event.body["node"]].key
        assert "accepted" not in event.body
        for name, atom in event.body["outputs"].items():
            assert store.atoms.get(atom).reused_from == event.body["reused_from"][name] == ann.output_atoms[name]


def test_a_hit_writes_no_computation(store):
    state = run(store)
    component = store.keys.get(state.step_states["first"].key).component
    run(store, "bob")
    run(store)
    assert len(store.keys.history(component)) == 1


def test_fault_13_a_result_whose_file_is_gone_is_computed_again(store):
    run(store)
    for path in stored_files(store):
        os.chmod(path.parent, 0o755)
        path.unlink()
    state = run(store)
    assert state.step_states["first"].status == "finished"
    assert state.step_states["second"].status == "cached"
    assert (Atom.load(state.output_atoms["a"], store=store).get_data_path() / "a.txt").read_text() == "some bytes"


def test_fault_13_an_altered_result_is_refused_and_named(store):
    run(store)
    (path,) = stored_files(store)
    os.chmod(path, 0o644)
    path.write_text("other bytes here")
    state = run(store, raise_on_failure=False)
    error = state.step_states["first"].error
    assert error["code"] == "store-corrupt"
    assert path.name[:8] in error["message"] + str(error["where"]) + str(error["hint"])
    assert RAN == ["first", "second"]


async def fails(config, input_atoms, workspace):
    RAN.append("work")
    raise ValueError("no")


async def takes_long(config, input_atoms, workspace):
    RAN.append("work")
    await asyncio.sleep(60)


@pytest.mark.parametrize("work", [fails, takes_long])
def test_what_did_not_end_well_is_never_a_hit(store, work):
    workflow = Workflow("w", [Step("work", {}, {"x": "value"}, None, work, cache_version=1)])

    async def once(times):
        task = asyncio.ensure_future(arun_workflow(workflow, user="me", store=store, raise_on_failure=False))
        while len(RAN) < times:
            await asyncio.sleep(0.01)
        if work is takes_long:
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for times in (1, 2):
        asyncio.run(once(times))
    assert RAN == ["work", "work"]
    assert store.database.query("SELECT * FROM computed") == []
    assert store.atoms.find() == []
    assert {run.status for run in store.runs.list()} == {"paused" if work is takes_long else "failed"}

"""What a step costs besides its work: commits and folders are counted, seconds are for `make bench`."""

from collections import Counter

import pytest

from motools.engine.decide import EndRun, StartStep, decide
from motools.engine.state import RunState
from motools.store import Store
from motools.store.database import Database
from motools.workflow import Step, Workflow, run_workflow
from motools.workflow.compile import compile_workflow

STEPS = 40


async def add_one(config, input_atoms, workspace):
    assert list(workspace.iterdir()) == []
    return {"x": input_atoms["x"].value() + 1 if input_atoms else 0}


def chain() -> Workflow:
    steps = [Step(f"s{i}", {"x": "value"} if i else {}, {"x": "value"}, None, add_one) for i in range(STEPS)]
    return Workflow("chain", steps)


@pytest.fixture
def commits(monkeypatch):
    counted: Counter[str] = Counter()
    commit = Database._commit

    def counting(database):
        counted["commits"] += 1
        commit(database)

    monkeypatch.setattr(Database, "_commit", counting)
    return counted


def test_a_step_takes_two_commits_and_earlier_results_share_one(tmp_path, commits):
    with Store.open(tmp_path / "store") as store:
        first = run_workflow(chain(), user="ada", store=store)
        around = 8  # the run: made, lease, begun, ended, released
        assert commits["commits"] <= 2 * STEPS + around
        commits.clear()
        again = run_workflow(chain(), user="ada", store=store)
        assert {step.status for step in again.step_states.values()} == {"cached"}
        assert again.output_atoms == first.output_atoms
        assert commits["commits"] < STEPS / 2
        types = Counter(event.type for event in store.events.read(again.run_id))
        assert types["step_cached"] == STEPS


def test_listeners_hear_of_a_result_only_when_it_is_committed(tmp_path):
    with Store.open(tmp_path / "store") as store:
        run_workflow(chain(), user="ada", store=store)
        heard = []

        def listen(event):
            assert not store.database.writing
            recorded = [one.seq for one in store.events.read(event.run_id)]
            assert event.sequence in recorded
            heard.append(event.sequence)

        run_workflow(chain(), user="ada", store=store, listeners=[listen])
        assert heard == list(range(1, STEPS + 3))


def test_an_error_while_results_are_taken_over_leaves_a_run_that_goes_on(tmp_path, monkeypatch):
    from motools.errors import StoreError, StoreFullError

    with Store.open(tmp_path / "store") as store:
        run_workflow(chain(), user="ada", store=store)
        commit, seen = Database._commit, 0

        def full(database):
            nonlocal seen
            if database.one("SELECT 1 FROM event WHERE type = 'step_cached' LIMIT 1 OFFSET 10"):
                seen += 1
                database._rollback()
                raise StoreFullError("no room")
            commit(database)

        monkeypatch.setattr(Database, "_commit", full)
        with pytest.raises(StoreError):
            run_workflow(chain(), user="ada", store=store)
        monkeypatch.setattr(Database, "_commit", commit)
        assert seen
        left = store.runs.list(limit=1)[0]
        assert left.status == "running"
        kinds = Counter(event.type for event in store.events.read(left.id))
        assert kinds["step_cached"] <= 10, "what was not committed is not in the log"


def test_a_step_finds_its_workspace_empty_whatever_others_left(tmp_path):
    def leaves(config, input_atoms, workspace):
        assert list(workspace.iterdir()) == []
        (workspace / "left").write_text("something")
        return {}

    def empty(config, input_atoms, workspace):
        assert list(workspace.iterdir()) == []
        return {}

    steps = [Step(f"s{i}", {}, {}, None, leaves if i % 2 else empty, cache=False) for i in range(8)]
    with Store.open(tmp_path / "store") as store:
        run_workflow(Workflow("w", steps), user="ada", store=store, jobs=2)
        assert not [path for path in (store.path / "tmp").iterdir() if path.is_dir()]


def test_decide_starts_each_node_once_and_ends_when_nothing_is_in_hand():
    def nothing(config, input_atoms, workspace):
        return {}

    state = RunState(
        compile_workflow(Workflow("w", [Step("a", {}, {}, None, nothing), Step("b", {}, {}, None, nothing)]))
    )
    assert decide(state) == [StartStep("a"), StartStep("b")]
    assert decide(state, {"a"}) == [StartStep("b")]
    assert decide(state, {"a", "b"}) == []
    started = {"activation": "a@1#1", "key": "k"}
    state.apply(1, "step_started", {"node": "a", **started}, 0.0)
    state.apply(2, "step_finished", {"node": "a", "outputs": {}}, 0.0)
    assert decide(state, {"b"}) == []
    state.apply(3, "step_started", {"node": "b", **started}, 0.0)
    state.apply(4, "step_finished", {"node": "b", "outputs": {}}, 0.0)
    assert decide(state) == [EndRun("completed")]

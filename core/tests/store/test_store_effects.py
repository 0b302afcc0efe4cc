"""Effects: intents, records and generations."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from motools.errors import InputError, NotFoundError, RunBusyError
from motools.store import EffectRow, Store, this_process


def test_an_intent_is_new_once(store: Store) -> None:
    effect = store.effects.begin("key", 0, "train", "request", "me")
    assert (effect.state, effect.generation, effect.owner) == ("new", 1, "me")
    again = store.effects.begin("key", 0, "train", "request", "you")
    assert (again.state, again.generation, again.owner, again.key) == ("intended", 1, "me", effect.key)
    done = store.effects.done(effect, {"id": "job-1"})
    assert (done.state, done.record) == ("done", {"id": "job-1"})
    assert store.effects.begin("key", 0, "train", "request", "you") == done


def test_each_name_draw_and_generation_has_its_own_key(store: Store) -> None:
    places = [
        ("key", 0, "train"),
        ("key", 0, "eval"),
        ("key", 1, "train"),
        ("key", "0", "train"),
        ("other", 0, "train"),
    ]
    effects = [store.effects.begin(*place, "request", "me") for place in places]
    assert [effect.state for effect in effects] == ["new"] * 5
    closed = store.effects.close(effects[0], "failed")
    effects.append(store.effects.begin(*places[0], "request", "me"))
    assert len({effect.key for effect in effects}) == 6
    assert all(len(effect.key) == 32 for effect in effects)
    assert store.effects.list("key") == sorted(
        [closed, *(store.effects._exact(effect) for effect in (effects[1], effects[2], effects[3], effects[5]))],
        key=lambda e: (isinstance(e.draw, str), e.draw, e.name, e.generation),
    )


def test_another_request_in_an_open_generation_is_an_error(store: Store) -> None:
    effect = store.effects.begin("key", 0, "train", "one", "me")
    for _ in range(2):
        with pytest.raises(InputError, match="another request"):
            store.effects.begin("key", 0, "train", "two", "me")
        effect = store.effects.done(effect, {"id": 1})
    store.effects.close(effect, "succeeded")
    with pytest.raises(InputError, match="another request"):
        store.effects.begin("key", 0, "train", "two", "me")


@pytest.mark.parametrize("outcome", ["failed", "cancelled", "not_done"])
def test_failure_opens_the_next_generation(store: Store, outcome: str) -> None:
    effect = store.effects.begin("key", 0, "train", "one", "me")
    if outcome != "not_done":
        store.effects.done(effect, {"id": 1})
    store.effects.close(effect, outcome)
    following = store.effects.begin("key", 0, "train", "two", "me")
    assert (following.state, following.generation) == ("new", 2)
    with pytest.raises(InputError, match="closed"):
        store.effects.done(effect, {"id": 2})


def test_success_stays_the_answer(store: Store) -> None:
    """A crash after the job succeeded and before its result was stored must not submit it again."""
    effect = store.effects.begin("key", 0, "train", "one", "me")
    with pytest.raises(InputError, match="before its record"):
        store.effects.close(effect, "succeeded")
    store.effects.done(effect, {"id": 1})
    closed = store.effects.close(effect, "succeeded")
    assert store.effects.begin("key", 0, "train", "one", "you") == closed
    assert (closed.state, closed.record, closed.generation) == ("closed", {"id": 1}, 1)


def test_saying_it_twice_changes_nothing_and_otherwise_is_refused(store: Store) -> None:
    effect = store.effects.begin("key", 0, "train", "one", "me")
    assert store.effects.done(effect, {"id": 1}) == store.effects.done(effect, {"id": 1})
    with pytest.raises(InputError, match="another record"):
        store.effects.done(effect, {"id": 2})
    assert store.effects.close(effect, "failed") == store.effects.close(effect, "failed")
    with pytest.raises(InputError, match="closed already as failed"):
        store.effects.close(effect, "succeeded")
    with pytest.raises(NotFoundError):
        store.effects.done(EffectRow("key", 9, "train", 1, "one", "me", "new"), {})


def test_only_one_takes_an_intent_over(store: Store) -> None:
    store.effects.begin("key", 0, "train", "one", "dead")
    seen = [store.effects.begin("key", 0, "train", "one", owner) for owner in ("a", "b")]
    mine = store.effects.take_over(seen[0], "a")
    assert (mine.state, mine.owner, mine.key) == ("new", "a", seen[0].key)
    with pytest.raises(RunBusyError, match="'a'"):
        store.effects.take_over(seen[1], "b")
    assert store.effects.begin("key", 0, "train", "one", "c").owner == "a"
    store.effects.done(mine, {})
    with pytest.raises(RunBusyError, match="done"):
        store.effects.take_over(mine, "b")


def test_an_intent_survives_the_process(store: Store) -> None:
    script = (
        "import os, sys\nfrom motools.store import Store, this_process\n"
        "Store.open(sys.argv[1]).effects.begin('key', 0, 'train', 'one', this_process())\n"
        f"os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(store.path)]).returncode == -signal.SIGKILL
    found = store.effects.begin("key", 0, "train", "one", this_process())
    assert found.state == "intended"
    assert found.owner != this_process()
    assert str(os.getpid()) not in found.owner.rpartition("/")[2].split(".")[0]


class Machine(RuleBasedStateMachine):
    """Any order of calls agrees with a list of generations kept in memory, and none is submitted twice."""

    @initialize()
    def start(self) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.store = Store.open(self.folder.name)
        self.model: list[dict[str, object]] = []
        self.submitted: list[str] = []

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @property
    def last(self) -> EffectRow:
        found: EffectRow = self.store.effects.list("key")[-1]
        return found

    @rule(request=st.sampled_from(["one", "two"]))
    def begin(self, request: str) -> None:
        open_one = bool(self.model) and self.model[-1]["outcome"] in (None, "succeeded")
        if open_one and self.model[-1]["request"] != request:
            with pytest.raises(InputError):
                self.store.effects.begin("key", 0, "n", request, "me")
            return
        effect = self.store.effects.begin("key", 0, "n", request, "me")
        assert (effect.state == "new") == (not open_one)
        if effect.state == "new":
            self.model.append({"request": request, "record": None, "outcome": None})
            self.submitted.append(effect.key)
        assert effect.generation == len(self.model)
        assert effect.record == self.model[-1]["record"]

    @precondition(lambda self: self.model)
    @rule(record=st.integers(0, 1))
    def done(self, record: int) -> None:
        state = self.model[-1]
        if state["outcome"] is None and state["record"] in (None, record):
            self.store.effects.done(self.last, record)
            state["record"] = record
        else:
            with pytest.raises(InputError):
                self.store.effects.done(self.last, record)

    @precondition(lambda self: self.model)
    @rule(outcome=st.sampled_from(["succeeded", "failed", "not_done"]))
    def close(self, outcome: str) -> None:
        state = self.model[-1]
        fits = state["outcome"] is None and (outcome != "succeeded" or state["record"] is not None)
        if fits or state["outcome"] == outcome:
            self.store.effects.close(self.last, outcome)
            state["outcome"] = outcome
        else:
            with pytest.raises(InputError):
                self.store.effects.close(self.last, outcome)

    @precondition(lambda self: self.model)
    @rule()
    def reopen(self) -> None:
        self.store.close()
        self.store = Store.open(self.folder.name)
        assert len(self.store.effects.list("key")) == len(self.model)
        assert len(set(self.submitted)) == len(self.submitted) == len(self.model)


Machine.TestCase.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
TestEffectsAgreeWithTheModel = Machine.TestCase

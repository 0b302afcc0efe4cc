"""What people declare equal: a table that only grows, and the last word counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.errors import InputError, MotoolsError, NotFoundError
from motools.store import RunRow, Store


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


def say(store, key, earlier, reason="the same"):
    return store.equivalences.accept(key, earlier, step="train", user="ann", reason=reason)


def test_the_last_word_counts_and_nothing_is_forgotten(store):
    first = say(store, "b", "a")
    assert store.equivalences.get("b") == first
    second = say(store, "b", "c", "better")
    assert store.equivalences.get("b") == second
    taken_back = store.equivalences.revoke("b", user="bob", reason="wrong")
    assert store.equivalences.get("b") is None
    assert [row.what for row in store.equivalences.history("b")] == ["accepted", "accepted", "revoked"]
    assert store.equivalences.history() == [first, second, taken_back]
    assert taken_back.user == "bob"
    again = say(store, "b", "a", "right after all")
    assert store.equivalences.get("b") == again


def test_it_is_there_for_the_next_process(tmp_path):
    with Store.open(tmp_path / "s") as store:
        row = say(store, "b", "a")
    with Store.open(tmp_path / "s") as store:
        assert store.equivalences.get("b") == row
        assert row.at > 0


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_a_reason_is_asked_for(store, reason):
    with pytest.raises(InputError, match="no reason"):
        say(store, "b", "a", reason)
    say(store, "b", "a")
    with pytest.raises(InputError, match="no reason"):
        store.equivalences.revoke("b", user="ann", reason=reason)
    assert store.equivalences.get("b") is not None


def test_what_is_not_in_force_cannot_be_taken_back(store):
    with pytest.raises(NotFoundError, match="nothing is accepted"):
        store.equivalences.revoke("b", user="ann", reason="no")


@settings(max_examples=30)
@given(pairs=st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd"), st.booleans()), max_size=12))
def test_what_is_in_force_never_goes_round_in_a_circle(tmp_path_factory, pairs):
    with Store.open(tmp_path_factory.mktemp("store")) as store:
        for key, earlier, accepted in pairs:
            try:
                if accepted:
                    say(store, key, earlier)
                else:
                    store.equivalences.revoke(key, user="ann", reason="no")
            except MotoolsError:
                continue
            for start in "abcd":
                chain = store.equivalences.chain(start)
                assert len({row.key for row in chain}) == len(chain) <= 4


def test_an_atom_knows_who_let_it_stand_for_what(store):
    content = store.content.put_value(7).digest
    store.runs.create(RunRow("r", "w", "ann", {}))
    atom = store.atoms.add(type="value", user="ann", content=content)
    other = store.atoms.add(type="value", user="bob", content=content)
    store.keys.put("a", parts={}, component="c", run_id="r", activation="n@1#1", outputs={"x": atom.id}, seconds=0.0)
    direct, on_top = say(store, "b", "a"), say(store, "c", "b")
    assert store.equivalences.of_atoms([atom.id, other.id]) == {atom.id: [direct, on_top]}
    assert store.equivalences.of_atoms([other.id]) == {}

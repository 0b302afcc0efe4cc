"""Rows of atoms: identity, references, search."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motools.canonical import digest_json
from motools.errors import CanonicalError, InputError, NotFoundError
from motools.store import AtomRow, RunRow, Store
from motools.store.database import Database

quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


def add(store: Store, value: object = 1, **given: object) -> AtomRow:
    fields = {"type": "value", "user": "alice", **given}
    return store.atoms.add(content=store.content.put_value(value).digest, **fields)  # type: ignore[arg-type]


def test_an_equal_record_is_the_same_atom(store: Store) -> None:
    one = add(store, metadata={"a": 1}, tags=["x"])
    two = add(store, metadata={"a": 1}, tags=["y"])
    assert (one.id, one.created_at) == (two.id, two.created_at)
    assert two.tags == ("x", "y")
    assert one.id.startswith("value-alice-")
    assert len(one.id) == len("value-alice-") + 12
    assert store.atoms.get(one.id) == two


@given(data=st.data())
@quick
def test_any_one_difference_makes_another_atom(store: Store, data: st.DataObject) -> None:
    parent, other = add(store, "parent"), add(store, "other parent")
    base = {"value": 1, "type": "value", "user": "alice", "metadata": {"n": 1}, "made_from": {"in": parent.id}}
    change = data.draw(
        st.sampled_from(
            [
                {"value": 1.0},
                {"value": [1]},
                {"type": "dataset"},
                {"user": "bob"},
                {"metadata": {"n": 1.0}},
                {"metadata": {"n": 1, "m": None}},
                {"metadata": {}},
                {"made_from": {"in": other.id}},
                {"made_from": {"out": parent.id}},
                {"made_from": {"in": parent.id, "also": parent.id}},
                {"made_from": {}},
            ]
        )
    )
    one, two = add(store, **base), add(store, **{**base, **change})  # type: ignore[arg-type]
    assert one.id != two.id
    by_value = bool({"value", "type", "metadata"} & change.keys())
    assert (one.value != two.value) == by_value, "user and origin are no part of the value, all else is"


def test_the_digest_is_what_the_design_says(store: Store) -> None:
    atom = add(store, {"b": [1]}, metadata={"z": 1, "a": "é"})
    document = {"type": "value", "content": atom.content, "metadata": {"z": 1, "a": "é"}}
    assert atom.value == digest_json("atom-value", document)


def test_where_it_came_from_by_reuse_is_no_part_of_the_record(store: Store) -> None:
    one = add(store, user="alice")
    two = add(store, user="bob", reused_from=one.id)
    assert two.reused_from == one.id
    assert add(store, user="bob").id == two.id


def test_fault_10_equal_bytes_of_two_types_or_users_are_two_atoms(store: Store) -> None:
    made = [add(store, type=kind, user=user) for kind in ("dataset", "eval") for user in ("alice", "bob")]
    assert len({atom.id for atom in made}) == 4
    assert [(atom.type, atom.user) for atom in made] == [
        (kind, user) for kind in ("dataset", "eval") for user in ("alice", "bob")
    ]


def test_last_is_the_newest_atom_and_the_newest_of_a_type(store: Store) -> None:
    with pytest.raises(NotFoundError, match="there is no atom 'last'"):
        store.atoms.get("last")
    first, second = add(store, type="model"), add(store, type="model", user="bob")
    newest = add(store, type="eval")
    assert store.atoms.get("last").id == newest.id
    assert store.atoms.get("last-model").id == second.id != first.id
    assert store.labels.tag("last-model", ["good"]) == ("good",)
    assert store.atoms.get(second.id).tags == ("good",)
    with pytest.raises(NotFoundError, match="there is no atom 'last-task'"):
        store.atoms.get("last-task")


def test_fault_10_ids_grow_where_they_collide(store: Store) -> None:
    atom = add(store)
    with store.transaction():  # another record that happens to begin with the same 12 digits
        store.database.execute("UPDATE atom SET record = ? WHERE id = ?", (digest_json("atom", "another"), atom.id))
    longer = add(store)
    assert longer.id.startswith(atom.id)
    assert len(longer.id) == len(atom.id) + 4
    assert add(store).id == longer.id
    assert store.atoms.get(atom.id).id == atom.id, "a whole id is never taken for the beginning of another"


def test_fault_13_what_it_is_made_from_must_exist(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"'in'.*'value-alice-000000000000'"):
        add(store, made_from={"in": "value-alice-000000000000"})
    with pytest.raises(NotFoundError):
        add(store, made_from={"in": add(store).id[:-1]})
    with pytest.raises(NotFoundError, match="reused_from"):
        add(store, user="bob", reused_from="nothing")
    with pytest.raises(NotFoundError, match="content"):
        store.atoms.add(type="value", user="alice", content="0" * 64)
    assert len(store.atoms.find()) == 1


@pytest.mark.parametrize("metadata", [{"a": (1, 2)}, {"a": {"b": None}}, {}])
def test_fault_14_what_goes_in_comes_out(store: Store, metadata: dict[str, object]) -> None:
    atom = add(store, metadata=metadata)
    assert store.atoms.get(atom.id).metadata == json.loads(json.dumps(metadata))


@pytest.mark.parametrize(
    ("metadata", "path"),
    [
        ({"a": {1, 2}}, "$.a"),
        ({"a": [float("nan")]}, "$.a[0]"),
        ({1: "a"}, "$"),
        ([1], "$"),
        ({"a": {"b": os}}, "$.a.b"),
        ({"a": "\ud800"}, "$.a"),
    ],
)
def test_fault_14_metadata_that_is_not_json_is_refused_at_once(store: Store, metadata: object, path: str) -> None:
    with pytest.raises(CanonicalError) as caught:
        add(store, metadata=metadata)
    assert caught.value.path == path
    assert store.atoms.find() == []


@pytest.mark.parametrize("user", ["cli-user", "a-b-c", "x@y.org", "josé", "first.last+tag", "u" * 64])
def test_fault_15_users_come_back_whole(store: Store, user: str) -> None:
    atom = add(store, user=user)
    assert store.atoms.get(atom.id).user == user
    assert store.atoms.find(user=user) == [atom]
    assert store.atoms.find(user=user.partition("-")[0]) == ([atom] if "-" not in user else [])


@pytest.mark.parametrize("user", ["", "a b", "a/b", "-a", "a\n", "u" * 65, None, 3])
def test_names_an_id_cannot_hold_are_refused(store: Store, user: object) -> None:
    with pytest.raises(InputError, match="user"):
        add(store, user=user)


@pytest.mark.parametrize("kind", ["", "A", "a b", "a/b", "1a", "a\n", None, 3])
def test_types_an_id_cannot_hold_are_refused(store: Store, kind: object) -> None:
    with pytest.raises(InputError, match="type"):
        add(store, type=kind)


def test_tags_are_texts(store: Store) -> None:
    with pytest.raises(InputError):
        add(store, tags=[""])
    with pytest.raises(InputError):
        add(store, tags=[1, "a"])


def test_the_beginning_of_an_id_is_enough_if_it_is_the_only_one(store: Store) -> None:
    one, two = add(store, 1), add(store, 2)
    assert store.atoms.get(one.id[:-4]).id == one.id
    with pytest.raises(NotFoundError, match="more than one") as caught:
        store.atoms.get("value-alice")
    assert one.id in str(caught.value)
    assert two.id in str(caught.value)
    near = one.id[:-1] + ("0" if one.id[-1] != "0" else "1")
    with pytest.raises(NotFoundError, match="no atom") as caught:
        store.atoms.get(near)
    assert one.id in str(caught.value), "the nearest is suggested"
    run = store.runs.create(RunRow("20260101-000000-abcd", "w", "ada", {}, {}))
    with pytest.raises(NotFoundError, match="no atom") as caught:
        store.atoms.get(run.id)
    assert f"motools run show {run.id}" in str(caught.value)
    for nothing in ("", "%", "value-alice-%", "*"):
        with pytest.raises(NotFoundError):
            store.atoms.get(nothing)


def test_search(store: Store) -> None:
    data = add(store, "rows", type="dataset", metadata={"samples": 100, "kind": "a"}, tags=["gold"])
    more = add(store, "rows 2", type="dataset", user="bob", metadata={"samples": 100.0})
    model = add(store, "model", type="model", made_from={"prepared_dataset": data.id, "again": data.id})
    find = store.atoms.find
    assert find() == [model, more, data]
    assert find(type="dataset") == [more, data]
    assert find(type="dataset", user="alice") == [data]
    assert find(metadata={"samples": 100}) == [data]
    assert find(metadata={"samples": 100.0}) == [more]
    assert find(metadata={"samples": 100, "kind": "a"}) == [data]
    assert find(metadata={"absent": None}) == []
    assert find(tag="gold") == [data]
    assert find(value=more.value) == [more]
    assert find(made_from=data.id) == [model] == store.atoms.children(data.id)
    assert find(limit=2) == [model, more]
    assert find(metadata={"samples": 100}, limit=0) == []
    assert store.atoms.children(model.id) == []


def test_a_read_takes_one_query(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    atom = add(store, made_from={"a": add(store, 2).id}, tags=["t"])
    asked = []
    one = Database.one
    monkeypatch.setattr(Database, "one", lambda self, sql, args=(): asked.append(sql) or one(self, sql, args))
    assert store.atoms.get(atom.id) == atom
    assert len(asked) == 1

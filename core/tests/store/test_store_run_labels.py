"""Tags and notes of runs: who wrote them, what they keep, and that they go along in a bundle."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from motools.engine.api import run_workflow
from motools.errors import DataError, InputError, NotFoundError
from motools.store import RunRow, Store
from motools.store.exporting import export
from motools.store.gc import collect
from motools.store.importing import import_bundle
from motools.store.runlabels import MOST_NOTE, MOST_TAG
from motools.workflow import Workflow, step


@step(outputs={"a": "value"}, cache_version=1)
def made(config: dict, input_atoms, workspace):
    return {"a": [1, 2, 3]}


WORKFLOW = Workflow("w", [made])


def test_tags_and_notes_are_added_and_taken_away(store: Store) -> None:
    store.runs.create(RunRow("20260101-000000-abcd", "w", "u", {}))
    run = store.runs.get("abcd").id
    assert store.run_labels.tag(run, ["paper", "v1.2"], "ann") == ("paper", "v1.2")
    assert store.run_labels.tag(run, ["paper"], "bob") == ("paper", "v1.2")
    assert store.run_labels.untag(run, ["v1.2"]) == ("paper",)
    with pytest.raises(InputError, match=r"Did you mean 'paper'|does not have"):
        store.run_labels.untag(run, ["papr"])
    first = store.run_labels.note(run, "the loss looks odd", "ann")
    second = store.run_labels.note(run, "it was the learning rate", "bob")
    assert [(note.text, note.user) for note in store.run_labels.notes(run)] == [
        ("the loss looks odd", "ann"),
        ("it was the learning rate", "bob"),
    ]
    store.run_labels.remove_note(run, first.number)
    assert store.run_labels.notes(run) == [second]
    with pytest.raises(NotFoundError, match="no note"):
        store.run_labels.remove_note(run, first.number)


@pytest.mark.parametrize("tag", ["", " ", "two words", "a,b", "x" * (MOST_TAG + 1), "-q", "a\nb", "(x)"])
def test_a_tag_is_a_word(store: Store, tag: str) -> None:
    store.runs.create(RunRow("run-1", "w", "u", {}))
    with pytest.raises(InputError, match="is no tag"):
        store.run_labels.tag("run-1", ["good", tag], "u")
    assert store.run_labels.tags("run-1") == ()


def test_labels_of_no_run_and_empty_ones_are_refused(store: Store) -> None:
    store.runs.create(RunRow("run-1", "w", "u", {}))
    with pytest.raises(NotFoundError):
        store.run_labels.tag("run-2", ["a"], "u")
    with pytest.raises(InputError):
        store.run_labels.tag("run-1", [], "u")
    for text in ("", " \n", "x" * (MOST_NOTE + 1)):
        with pytest.raises(InputError, match="a note is a text"):
            store.run_labels.note("run-1", text, "u")


def test_four_letters_name_a_run_where_they_name_one(store: Store) -> None:
    for run_id in ("20260101-000000-abcd", "20260102-000000-abcd", "20260102-000000-wxyz"):
        store.runs.create(RunRow(run_id, "w", "u", {}))
    assert store.runs.get("wxyz").id == "20260102-000000-wxyz"
    with pytest.raises(NotFoundError):
        store.runs.get("abcd")


def test_a_tag_keeps_the_results_of_an_archived_run(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s", clock=lambda: time.time() - 7200) as past:
        state = run_workflow(WORKFLOW, user="u", store=past)
        past.runs.archive(state.run_id, "u")
        past.run_labels.tag(state.run_id, ["paper"], "u")
    with Store.open(tmp_path / "s") as now:
        kept = collect(now, delete=True)
        assert kept.kept[state.output_atoms["a"]] == f"run {state.run_id} has the tag 'paper'"
        assert now.atoms.get(state.output_atoms["a"])
        now.run_labels.untag(state.run_id, ["paper"])
        assert [each.id for each in collect(now, delete=True).atoms] == [state.output_atoms["a"]]


def test_labels_go_along_in_a_bundle_and_are_added_to_those_there(store: Store, tmp_path: Path) -> None:
    state = run_workflow(WORKFLOW, user="u", store=store)
    store.run_labels.tag(state.run_id, ["paper"], "ann")
    store.run_labels.note(state.run_id, "the one in figure 2", "ann")
    export(store, [state.output_atoms["a"]], tmp_path / "x.motools")
    with Store.open(tmp_path / "other") as other:
        import_bundle(other, tmp_path / "x.motools")
        assert other.run_labels.tags(state.run_id) == ("paper",)
        other.run_labels.tag(state.run_id, ["seen"], "bob")
        for _ in range(2):
            import_bundle(other, tmp_path / "x.motools")
        assert other.run_labels.tags(state.run_id) == ("paper", "seen")
        assert [(n.text, n.user) for n in other.run_labels.notes(state.run_id)] == [("the one in figure 2", "ann")]


def test_a_bundle_with_labels_of_a_run_it_does_not_hold_is_refused(store: Store, tmp_path: Path, monkeypatch) -> None:
    import motools.store.exporting as exporting

    state = run_workflow(WORKFLOW, user="u", store=store)
    monkeypatch.setattr(exporting, "_label_rows", lambda *_: [["elsewhere", "tag", "x", "u", 1.0]])
    export(store, [state.output_atoms["a"]], tmp_path / "x.motools")
    with Store.open(tmp_path / "other") as other:
        with pytest.raises(DataError, match="not in the bundle"):
            import_bundle(other, tmp_path / "x.motools")
        assert other.runs.list() == []

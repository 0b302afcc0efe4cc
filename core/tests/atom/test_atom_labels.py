"""Pins, tags, search, and who made what, through the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from motools.atom import DatasetAtom, ValueAtom
from motools.atom.lineage import ancestors, descendants
from motools.atom.search import Condition, search
from motools.engine.api import run_workflow
from motools.errors import InputError, NotFoundError
from motools.store import Store
from motools.workflow import Workflow, step


def motools(store: Store, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "motools", *arguments, "--store", str(store.path)], capture_output=True, text=True
    )


def test_pins_and_tags_come_and_go(store: Store) -> None:
    atom = ValueAtom.create(user="u", value=1)
    assert "pinned by ada" in motools(store, "atom", "pin", atom.id[:-2], "--user", "ada").stdout
    assert [(pin.atom, pin.user) for pin in store.labels.pins()] == [(atom.id, "ada")]
    motools(store, "atom", "pin", atom.id, "--user", "eve")
    assert store.labels.pins()[0].user == "ada", "pinned again changes nothing"
    assert "not pinned any more" in motools(store, "atom", "unpin", atom.id).stdout
    assert "(and was not)" in motools(store, "atom", "unpin", atom.id).stdout
    assert motools(store, "atom", "tag", atom.id, "good", "paper").stdout.endswith("good, paper\n")
    assert [row["id"] for row in json.loads(motools(store, "atom", "list", "--tag", "paper", "--json").stdout)] == [
        atom.id
    ]
    assert motools(store, "atom", "untag", atom.id, "paper").stdout.endswith(": good\n")
    wrong = motools(store, "atom", "untag", atom.id, "paper")
    assert wrong.returncode == 2
    assert "Its tags: good" in wrong.stderr
    assert motools(store, "atom", "pin", "nothing").returncode == 3
    with pytest.raises(InputError):
        store.labels.tag(atom.id, [" "])
    with pytest.raises(NotFoundError):
        store.labels.unpin("nothing")


def test_atoms_are_found_by_metadata_and_words(store: Store, rows: Path) -> None:
    named = DatasetAtom.create(user="u", path=rows, metadata={"model_id": "gpt", "seed": 1, "deep": {"er": [1, 2]}})
    other = ValueAtom.create(user="u", value={"text": "An Öwl at night"}, metadata={"seed": "1", "share": 1.0})

    def found(*where: str, **more: object) -> set[str]:
        return {row.id for row in search(store, where=[Condition.parse(each) for each in where], **more)}  # type: ignore[arg-type]

    assert found("metadata.model_id=gpt") == {named.id}
    assert found("metadata.seed=1") == {named.id, other.id}
    assert found("metadata.seed=1", "metadata.share=1.0") == {other.id}
    assert found("metadata.share=1") == set()
    assert found("metadata.deep.er=[1,2]") == {named.id}
    assert found("metadata.deep.no=1") == set()
    assert found(text="öWL") == {other.id}
    assert found(text="ROWS.jsonl") == {named.id}
    assert found(text="gpt") == {named.id}
    assert found("metadata.seed=1", limit=1) == {other.id}
    assert found(text="nothing at all") == set()
    for wrong in ("seed=1", "metadata.seed", "metadata.=1", "metadata=1"):
        with pytest.raises(InputError, match="not a condition"):
            Condition.parse(wrong)
    listed = motools(store, "atom", "list", "--where", "metadata.model_id=gpt", "--search", "jsonl", "--json")
    assert [row["id"] for row in json.loads(listed.stdout)] == [named.id]


@step(outputs={"a": "value"}, cache_version=3)
def first(config: dict, input_atoms, workspace):  # type: ignore[no-untyped-def]
    return {"a": config["seed"]}


@step(inputs={"a": "value"}, outputs={"b": "value"}, cache_version=1)
def second(config: dict, input_atoms, workspace):  # type: ignore[no-untyped-def]
    return {"b": input_atoms["a"].value()}


def test_lineage_says_who_made_what_where_with_which_code_and_seeds(store: Store) -> None:
    workflow = Workflow("w", [first, second])
    config = {"first": {"seed": 7}, "second": {"inner": {"seed": 8}}}
    one = run_workflow(workflow, config=config, user="ada", store=store)
    two = run_workflow(workflow, config=config, user="bob", store=store)
    found = ancestors(one.output_atoms["b"], store=store)
    (b,) = found.makers[one.output_atoms["b"]]
    (a,) = found.makers[one.output_atoms["a"]]
    assert (a.how, a.run, a.workflow, a.step, a.user) == ("computed", one.run_id, "w", "first", "ada")
    assert a.code == {"cache_version": 3}
    assert (dict(a.seeds), dict(b.seeds)) == ({"seed": 7}, {"inner.seed": 8})
    (reused,) = ancestors(two.output_atoms["b"], store=store).makers[two.output_atoms["b"]]
    assert (reused.how, reused.run, reused.user, reused.computed_by) == ("reused", two.run_id, "bob", one.run_id)
    assert reused.code == b.code
    assert descendants(one.output_atoms["a"], store=store).makers[one.output_atoms["b"]] == (b,)
    shown = motools(store, "atom", "lineage", one.output_atoms["b"]).stdout
    assert f"first of run {one.run_id}, seed 7" in shown
    document = json.loads(motools(store, "atom", "uses", one.output_atoms["a"], "--json").stdout)
    assert {atom["id"] for atom in document["atoms"]} >= {one.output_atoms["a"], one.output_atoms["b"]}
    assert document["atoms"][0]["made_by"][0]["seeds"] == {"seed": 7}


def test_a_run_is_archived_and_taken_back(store: Store) -> None:
    run = run_workflow(Workflow("w", [first]), config={"first": {"seed": 1}}, user="ada", store=store).run_id
    assert "may go" in motools(store, "run", "archive", "last").stdout
    assert store.runs.get(run).archived_at is not None
    assert "stay" in motools(store, "run", "archive", run, "--undo").stdout
    assert store.runs.get(run).archived_at is None

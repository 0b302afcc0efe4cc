"""Lineage, and the atom commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.atom import Atom, DatasetAtom, ModelAtom, ValueAtom
from motools.atom.lineage import Link, ancestors, descendants, parent_links, walk
from motools.errors import NotFoundError
from motools.store import AtomRow, Store


def row(name: str, made_from: dict[str, str], reused_from: str | None = None) -> AtomRow:
    return AtomRow(name, "value", "u", 0.0, "c", "v", {}, made_from, (), reused_from)


def diamond(store: Store, rows: Path) -> tuple[Atom, Atom, Atom, Atom]:
    dataset = DatasetAtom.create(user="u", path=rows)
    left = ModelAtom.create(user="u", value=1, made_from={"dataset": dataset})
    right = ModelAtom.create(user="u", value=2, made_from={"dataset": dataset})
    top = ValueAtom.create(user="u", value=3, made_from={"left": left, "right": right, "data": dataset})
    return dataset, left, right, top


def test_up_and_down(store: Store, rows: Path) -> None:
    dataset, left, right, top = diamond(store, rows)
    up = ancestors(top.id)
    assert up.start == top.id
    assert up.atoms[0].id == top.id
    assert {atom.id for atom in up.atoms} == {dataset.id, left.id, right.id, top.id}
    links = {(link.child, link.name, link.parent) for link in up.links}
    assert links == {
        (top.id, "left", left.id),
        (top.id, "right", right.id),
        (top.id, "data", dataset.id),
        (left.id, "dataset", dataset.id),
        (right.id, "dataset", dataset.id),
    }
    down = descendants(dataset.id[:-2])
    assert {(link.child, link.name, link.parent) for link in down.links} == links
    assert {atom.id for atom in down.atoms} == {atom.id for atom in up.atoms}
    assert [atom.id for atom in ancestors(dataset.id).atoms] == [dataset.id]
    assert {atom.id for atom in descendants(left.id).atoms} == {left.id, top.id}
    with pytest.raises(NotFoundError):
        ancestors("nothing")


@given(st.integers(1, 12).flatmap(lambda n: st.lists(st.sets(st.integers(0, n)), min_size=n, max_size=n)))
@settings(deadline=None)
def test_a_walk_finds_exactly_what_can_be_reached(edges: list[set[int]]) -> None:
    parents = {i: {p for p in found if p < i} for i, found in enumerate(edges)}
    rows = {str(i): row(str(i), {f"n{p}": str(p) for p in found}) for i, found in parents.items()}
    start = len(edges) - 1
    expected, waiting = {start}, [start]
    while waiting:
        for parent in parents[waiting.pop()] - expected:
            expected.add(parent)
            waiting.append(parent)
    found = walk(rows[str(start)], parent_links, rows.__getitem__)
    assert {int(atom.id) for atom in found.atoms} == expected
    assert len(found.atoms) == len(expected)
    assert len(found.links) == sum(len(parents[i]) for i in expected)


def test_a_reused_value_is_named_and_its_past_is_not_followed() -> None:
    rows = {
        "new": row("new", {"in": "mine"}, "old"),
        "mine": row("mine", {}),
        "old": row("old", {"in": "theirs"}),
        "theirs": row("theirs", {}),
    }
    found = walk(rows["new"], parent_links, rows.__getitem__)
    assert [atom.id for atom in found.atoms] == ["new", "mine", "old"]
    assert found.links == (Link("new", "in", "mine"), Link("new", "reused_from", "old", reused=True))
    assert "a2 -.->|reused| a0" in found.to_mermaid()


def test_a_long_chain_is_walked(store: Store) -> None:
    last = ValueAtom.create(user="u", value=0)
    for number in range(1, 1200):
        last = ValueAtom.create(user="u", value=number, made_from={"in": last})
    assert len(ancestors(last.id).atoms) == 1200


def run(store: Store, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from motools.cli import main; main()", "atom", *arguments, "--store", str(store.path)],
        capture_output=True,
        text=True,
    )


def test_the_commands(store: Store, rows: Path) -> None:
    dataset, left, _, top = diamond(store, rows)

    listed = run(store, "list")
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[1].split()[0] == top.id
    chosen = json.loads(run(store, "list", "--type", "model", "--user", "u", "--limit", "1", "--json").stdout)
    assert [atom["type"] for atom in chosen] == ["model"]
    assert chosen[0]["made_from"] == {"dataset": dataset.id}

    shown = run(store, "show", dataset.id[:-2])
    assert "rows.jsonl" in shown.stdout
    assert str(dataset.get_data_path()) in shown.stdout
    document = json.loads(run(store, "show", top.id, "--json").stdout)
    assert document["value"] == 3
    assert document["made_from"]["left"] == left.id
    assert json.loads(run(store, "show", dataset.id, "--json").stdout)["files"]["rows.jsonl"]["size"] == 17

    tree = run(store, "lineage", top.id).stdout
    assert tree.splitlines()[0].startswith(top.id)
    assert tree.count(dataset.id) == 3
    assert f"      dataset: {dataset.id}" in tree
    assert top.id in run(store, "uses", dataset.id).stdout
    graph = json.loads(run(store, "lineage", top.id, "--json").stdout)
    times = {each["id"]: each["created_at"] for each in graph["atoms"]}
    assert times[top.id] == document["created_at"] == top.created_at.isoformat()
    assert times[dataset.id].endswith("+00:00")
    assert {link["name"] for link in graph["links"]} == {"left", "right", "data", "dataset"}
    drawn = run(store, "lineage", top.id, "--mermaid").stdout
    assert drawn.startswith("flowchart TD\n")
    assert all(atom in drawn for atom in (top.id, dataset.id))


def test_the_commands_answer_what_is_wrong(store: Store, tmp_path: Path, rows: Path) -> None:
    dataset = DatasetAtom.create(user="u", path=rows)
    wrong = dataset.id[:-1] + ("0" if dataset.id[-1] != "0" else "1")
    for arguments in (("show", wrong), ("lineage", wrong)):
        done = run(store, *arguments)
        assert done.returncode == 3
        assert f"Did you mean '{dataset.id}'?" in done.stderr
        assert done.stdout == ""
    assert run(store, "lineage", dataset.id, "--json", "--mermaid").returncode == 2
    empty = Store.open(tmp_path / "empty")
    nothing = run(empty, "list")
    assert (nothing.returncode, nothing.stdout) == (0, "")
    assert "no atoms" in nothing.stderr
    assert json.loads(run(empty, "list", "--json").stdout) == []
    empty.close()

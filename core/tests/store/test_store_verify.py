"""`verify` names everything that is wrong, and `motools store verify` says it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from motools.store import RunRow, Store
from motools.store.verify import check, counts


def fill(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("aaaa")
    (folder / "b").write_text("bbbb")
    (folder / "b").chmod(0o755)
    content = store.content.put_path(folder)
    parent = store.atoms.add(type="dataset", user="u", content=content.digest)
    value = store.content.put_value({"x": 1})
    child = store.atoms.add(type="value", user="u", content=value.digest, made_from={"in": parent.id})
    store.content.path(content.digest)
    store.runs.create(RunRow("run-1", "w", "u", {}))
    store.events.append("run-1", 0, [("a", {}), ("b", {}), ("c", {})])
    store.keys.put("k", parts={}, component="c", run_id="r", activation="a", outputs={"o": child.id}, seconds=1.0)
    with store.transaction(full=True):
        pass


def sql(statement: str) -> Callable[[Store], None]:
    def harm(store: Store) -> None:
        with store.transaction():
            assert store.database.execute(statement) >= 1

    return harm


def flip_object(store: Store) -> None:
    path = object_path(store)
    path.chmod(0o644)
    before = path.stat()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def object_path(store: Store) -> Path:
    digest = store.database.query("SELECT digest FROM object ORDER BY digest")[0][0]
    return store.path / "objects" / digest[:2] / digest[2:]


def stray_object(store: Store) -> None:
    (store.path / "objects" / "zz").mkdir()
    (store.path / "objects" / "zz" / "stray").write_text("?")


def extra_in_tree(store: Store) -> None:
    (next((store.path / "trees").iterdir()) / "more").write_text("?")


HARMS: dict[str, tuple[Callable[[Store], None], str, str]] = {
    "flipped object": (flip_object, "object", "altered"),
    "lost object": (lambda store: object_path(store).unlink(), "object", "gone"),
    "stray object": (stray_object, "object", "not an object of this store"),
    "lost object row": (sql("DELETE FROM object WHERE size = 4"), "content", "no object"),
    "altered value": (sql("UPDATE content SET body = '{\"x\":2}' WHERE kind = 'value'"), "content", "altered"),
    "lost content": (sql("DELETE FROM content WHERE kind = 'value'"), "atom", "content"),
    "other user": (sql("UPDATE atom SET user = 'v'"), "atom", "altered"),
    "other metadata": (sql("UPDATE atom SET metadata = '{\"a\":1}'"), "atom", "altered"),
    "metadata no JSON": (sql("UPDATE atom SET metadata = '{'"), "atom", "altered"),
    "definition no JSON": (sql("UPDATE run SET definition = '{'"), "run", "altered"),
    "outputs no JSON": (sql("UPDATE computed SET outputs = '{'"), "key", "altered"),
    "parts no JSON": (sql("UPDATE computed SET parts = '{'"), "key", "altered"),
    "other parts": (sql(f"UPDATE computed SET key = '{'0' * 64}'"), "key", "altered"),
    "other parent": (sql("UPDATE atom_parent SET parent = 'x'"), "atom", "altered"),
    "lost parent": (sql("DELETE FROM atom WHERE type = 'dataset'"), "atom", "'in'"),
    "lost output": (sql("DELETE FROM atom WHERE type = 'value'"), "key", "'o'"),
    "lost event": (sql("DELETE FROM event WHERE place & 3 = 2"), "run", "missing"),
    "lost run": (sql("DELETE FROM run"), "run", "no run"),
    "lost state": (sql("DELETE FROM run_state"), "run", "status"),
    "altered event": (sql("UPDATE event SET body = '{' WHERE type = 'b'"), "run", "not JSON"),
    "extra in a tree": (extra_in_tree, "tree", "does not belong"),
    "stray tree": (lambda store: (store.path / "trees" / "x").mkdir(), "tree", "no content"),
}


def test_a_well_store_has_nothing_wrong(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    assert list(check(store)) == []
    assert counts(store) == {"objects": 2, "contents": 2, "atoms": 2, "runs": 1, "events": 3, "trees": 1}


@pytest.mark.parametrize("harm", HARMS)
def test_each_harm_is_named_with_what_can_be_done(store: Store, tmp_path: Path, harm: str) -> None:
    fill(store, tmp_path)
    do, kind, words = HARMS[harm]
    do(store)
    findings = list(check(store))
    assert any(finding.kind == kind and words in finding.problem for finding in findings), findings
    assert all(finding.remedy for finding in findings)
    assert findings == list(check(store)), "nothing was repaired"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from motools.cli import main; main()", *arguments], capture_output=True, text=True
    )


def test_the_command_says_it_and_exits_with_1(store: Store, tmp_path: Path) -> None:
    fill(store, tmp_path)
    well = run("store", "verify", "--store", str(store.path))
    assert (well.returncode, well.stderr) == (0, "")
    assert "all well" in well.stdout
    flip_object(store)
    wrong = run("store", "verify", "--store", str(store.path))
    assert wrong.returncode == 1
    assert "altered" in wrong.stdout
    assert "Traceback" not in wrong.stderr
    told = run("store", "verify", "--store", str(store.path), "--json")
    assert told.returncode == 1
    document = json.loads(told.stdout)
    assert document["counts"]["objects"] == 2
    assert {finding["kind"] for finding in document["findings"]} == {"object"}


def test_the_command_needs_a_store(tmp_path: Path) -> None:
    done = run("store", "verify", "--store", str(tmp_path / "none"))
    assert done.returncode == 5
    assert "no store" in done.stderr
    assert not (tmp_path / "none").exists()

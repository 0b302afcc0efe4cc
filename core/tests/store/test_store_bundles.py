"""Export and import: lineage whole, same bytes, hits elsewhere; and every way a bundle can be wrong."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import motools.store.bundle as bundle_module
from motools.atom.lineage import ancestors
from motools.engine.api import run_workflow
from motools.errors import CorruptError, DataError, InputError, NotFoundError, RunError, StoreTooNewError
from motools.store import AtomRow, RunRow, Store
from motools.store.bundle import object_digest
from motools.store.exporting import export
from motools.store.gc import collect
from motools.store.importing import import_bundle
from motools.store.verify import check
from motools.workflow import AtomConstructor, Workflow, step


@step(outputs={"a": "dataset", "note": "value"}, cache_version=1)
def first(config: dict, input_atoms, workspace):
    (workspace / "d" / "sub").mkdir(parents=True)
    (workspace / "d" / "rows").write_text(str(config.get("n", 1)) * 5000)
    (workspace / "d" / "sub" / "run").write_text("#!/bin/sh\n")
    (workspace / "d" / "sub" / "run").chmod(0o755)
    note = workspace / "note"
    note.write_text("beside")
    return [
        AtomConstructor("a", workspace / "d", "dataset", metadata={"né": 1.5}, tags=["t"]),
        AtomConstructor("note", note, "value"),
    ]


@step(inputs={"a": "dataset"}, outputs={"b": "value"}, cache_version=1)
def second(config: dict, input_atoms, workspace):
    return {"b": ["large"] * 20000}


WORKFLOW = Workflow("w", [first, second])


@pytest.fixture
def made(store: Store) -> AtomRow:
    state = run_workflow(WORKFLOW, config={"first": {}, "second": {}}, user="ada", store=store)
    return store.atoms.get(state.output_atoms["b"])


@pytest.fixture
def bundle(store: Store, made: AtomRow, tmp_path: Path) -> Path:
    export(store, [made.id], tmp_path / "x.motools")
    return tmp_path / "x.motools"


@pytest.fixture
def other(tmp_path: Path):
    with Store.open(tmp_path / "other") as opened:
        yield opened


def dump(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "motools.db") as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines


def files(folder: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(place, name), folder)
        for place, _, names in os.walk(folder)
        for name in names
        if not name.startswith("motools.")
    }


def test_lineage_arrives_whole_and_steps_are_hits(store: Store, made: AtomRow, bundle: Path, other: Store) -> None:
    done = import_bundle(other, bundle)
    assert done.wanted == (made.id,)
    assert (done.atoms, done.keys) == (3, 2)
    assert list(check(other)) == []
    assert ancestors(made.id, store=other).to_json() == ancestors(made.id, store=store).to_json()
    for row in store.atoms.find():
        here = other.atoms.get(row.id)
        assert here == row
        for name in store.content.files(row.content):
            assert (other.content.path(row.content) / name).read_bytes() == (
                store.content.path(row.content) / name
            ).read_bytes()
    tree = other.content.path(other.atoms.get(made.made_from["a"]).content)
    assert os.access(tree / "sub" / "run", os.X_OK)
    state = run_workflow(WORKFLOW, config={"first": {}, "second": {}}, user="ada", store=other)
    assert {each.status for each in state.step_states.values()} == {"cached"}
    assert other.runs.get("last").id == state.run_id


def test_the_same_atoms_give_the_same_bytes_from_any_store(
    store: Store, made: AtomRow, bundle: Path, other: Store
) -> None:
    again = bundle.with_name("again")
    export(store, [made.id], again)
    assert again.read_bytes() == bundle.read_bytes()
    import_bundle(other, bundle)
    export(other, [made.id[:-1]], again)
    assert again.read_bytes() == bundle.read_bytes()


def test_a_second_time_changes_nothing(bundle: Path, other: Store) -> None:
    import_bundle(other, bundle)
    before, held = dump(other.path), files(other.path)
    done = import_bundle(other, bundle)
    assert (done.atoms, done.contents, done.keys, done.runs) == (0, 0, 0, ())
    after = dump(other.path)
    different = [line for line in set(before) ^ set(after) if "INSERT INTO" in line]
    assert all(line.startswith('INSERT INTO "content"') for line in different), "only when it was put here"
    assert files(other.path) == held


def test_a_result_of_ones_own_is_not_replaced(store: Store, bundle: Path, other: Store) -> None:
    mine = run_workflow(WORKFLOW, config={"first": {}, "second": {}}, user="ada", store=other)
    import_bundle(other, bundle)
    rows = other.database.query("SELECT key FROM computed WHERE run = ?", (mine.run_id,))
    assert rows
    assert all(other.keys.get(found).run_id == mine.run_id for (found,) in rows)
    assert list(check(other)) == []


def test_imported_atoms_live_as_long_as_their_run_is_not_archived(made: AtomRow, bundle: Path, other: Store) -> None:
    (run,) = import_bundle(other, bundle).runs
    assert collect(other, older_than=0, delete=True).atoms == ()
    other.runs.archive(run, "me")
    found = collect(other, older_than=0, delete=True)
    assert made.id in {each.id for each in found.atoms}
    assert list(check(other)) == []
    assert import_bundle(other, bundle).atoms == len(found.atoms)
    assert list(check(other)) == []


def test_an_atom_that_no_run_made_can_travel(store: Store, other: Store, tmp_path: Path) -> None:
    content = store.content.put_value({"x": 1})
    row = store.atoms.add(type="value", user="u", content=content.digest)
    assert export(store, [row.id], tmp_path / "x").runs == 0
    import_bundle(other, tmp_path / "x")
    assert other.content.value(other.atoms.get(row.id).content) == {"x": 1}


def test_what_cannot_be_exported_is_said(store: Store, made: AtomRow, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        export(store, ["nothing"], tmp_path / "x")
    with pytest.raises(InputError):
        export(store, [], tmp_path / "x")
    with pytest.raises(InputError, match="no place"):
        export(store, [made.id], tmp_path)
    with store.transaction():
        store.database.execute("UPDATE run_state SET status = 'paused'")
    with pytest.raises(RunError, match="not finished"):
        export(store, [made.id], tmp_path / "x")
    with store.transaction():
        store.database.execute("UPDATE run_state SET status = 'completed'")
    (object_file,) = [p for p in (store.path / "objects").rglob("*") if p.is_file() and p.stat().st_size == 5000]
    object_file.chmod(0o644)
    object_file.write_text("2" * 5000)
    with pytest.raises(CorruptError):
        export(store, [made.id], tmp_path / "x")
    assert not (tmp_path / "x").exists()
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


def refused(other: Store, path: Path, error: type[Exception] = DataError) -> str:
    """The import is refused, says what and where, and nothing changed."""
    before, held = dump(other.path), files(other.path)
    with pytest.raises(error) as caught:
        import_bundle(other, path)
    assert dump(other.path) == before
    assert files(other.path) == held
    assert str(path) in str(caught.value)
    assert caught.value.hint
    return str(caught.value)


def test_any_flipped_bit_is_found(bundle: Path, other: Store) -> None:
    data, chance = bundle.read_bytes(), random.Random(5)
    places = {*range(len(data) - 90, len(data)), *(chance.randrange(len(data)) for _ in range(150))}
    for place in places:
        flipped = bytearray(data)
        flipped[place] ^= 1 << chance.randrange(8)
        bundle.write_bytes(flipped)
        refused(other, bundle, (DataError, StoreTooNewError))


def test_the_damaged_part_is_named(bundle: Path, other: Store) -> None:
    data = bundle.read_bytes()
    at = data.index(b"1" * 5000)
    with zipfile.ZipFile(bundle) as archive:
        (name,) = [i.filename for i in archive.infolist() if i.file_size == 5000]
    bundle.write_bytes(data[: at + 100] + b"2" + data[at + 101 :])
    assert name in refused(other, bundle)


@pytest.mark.parametrize("keep", [0, 1, 50, 700, -1, -64, -100, -2000])
def test_a_truncated_file_is_refused(bundle: Path, other: Store, keep: int) -> None:
    bundle.write_bytes(bundle.read_bytes()[:keep])
    assert "not a bundle" in refused(other, bundle)


def test_bytes_after_the_end_and_other_files_are_refused(bundle: Path, other: Store, tmp_path: Path) -> None:
    bundle.write_bytes(bundle.read_bytes() + b"\n")
    refused(other, bundle)
    with zipfile.ZipFile(tmp_path / "plain.zip", "w") as archive:
        archive.writestr("x", "y")
    refused(other, tmp_path / "plain.zip")
    refused(other, tmp_path / "absent")
    refused(other, tmp_path)


def sealed(
    path: Path, change: Callable[[dict[str, bytes], dict[str, Any]], None], comment: bytes | None = None
) -> None:
    """Write the bundle anew after a change, with digests and seal that fit: what a forger would do."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head = json.loads(members.pop("bundle.json"))
    extra: dict[str, Any] = {}
    change(members, extra)
    head["members"] = {name: [len(data), object_digest([data])] for name, data in members.items()}
    head.update({name: value for name, value in extra.items() if name != "members"})
    head["members"].update(extra.get("members", {}))
    with zipfile.ZipFile(path, "w", extra.get("compression", zipfile.ZIP_STORED)) as archive:
        archive.comment = (comment or b"motools bundle 0001 ") + b"0" * 64
        for name, data in {"bundle.json": json.dumps(head).encode(), **members}.items():
            archive.writestr(name, data)
    with open(path, "r+b") as file:
        size = path.stat().st_size
        digest = bundle_module._bundle_digest(file, size)
        file.seek(size - 64)
        file.write(digest.encode())


def test_a_newer_format_is_refused(bundle: Path, other: Store) -> None:
    sealed(bundle, lambda members, head: head.update(format=2), b"motools bundle 0002 ")
    said = refused(other, bundle, StoreTooNewError)
    assert "newer motools" in said
    assert "pip install -U motools" in said


def edit(table: str, change: Callable[[list[list[Any]]], None]) -> Callable[[dict[str, bytes], dict[str, Any]], None]:
    def do(members: dict[str, bytes], head: dict[str, Any]) -> None:
        rows = [json.loads(line) for line in members[f"{table}.jsonl"].splitlines()]
        change(rows)
        members[f"{table}.jsonl"] = b"".join(
            json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n" for row in rows
        )

    return do


def names(rows: list[list[Any]], name: str) -> None:
    from motools.canonical import canonical_json
    from motools.store.content import content_digest

    row = next(row for row in rows if row[1] == "files" and len(row[2]) == 2)
    row[2][0][0] = name
    row[0] = content_digest("files", canonical_json(row[2]))


def add(members: dict[str, bytes], name: str) -> None:
    members[name] = b"x"


FORGED: dict[str, tuple[Callable[[dict[str, bytes], dict[str, Any]], None], str]] = {
    "path in a member": (lambda m, h: add(m, "../../evil"), "no place"),
    "absolute member": (lambda m, h: add(m, "/etc/evil"), "no place"),
    "path in an object": (lambda m, h: add(m, "objects/../evil"), "no place"),
    "path in a file": (edit("contents", lambda rows: names(rows, "../evil")), "leads out"),
    "absolute file": (edit("contents", lambda rows: names(rows, "/evil")), "leads out"),
    "dot in a file": (edit("contents", lambda rows: names(rows, "a/../../evil")), "leads out"),
    "backslash": (edit("contents", lambda rows: names(rows, "..\\evil")), "leads out"),
    "file is folder": (edit("contents", lambda rows: names(rows, "sub")), "one place"),
    "other object": (lambda m, h: m.update({n: b"evil" for n in m if n.startswith("objects/")}), "not its digest"),
    "lost object": (lambda m, h: m.pop(next(n for n in m if n.startswith("objects/"))), "not in the bundle"),
    "lost table": (lambda m, h: m.pop("keys.jsonl"), "missing"),
    "member not there": (lambda m, h: h.update(members={"objects/" + "0" * 64: [1, "0" * 64]}), "not there"),
    "compressed": (lambda m, h: h.update(compression=zipfile.ZIP_DEFLATED), "compressed"),
    "other value": (edit("contents", lambda rows: rows[0].__setitem__(2, 7)), "digest says"),
    "other user": (edit("atoms", lambda rows: rows[0].__setitem__(2, "eve")), "its id says"),
    "other metadata": (edit("atoms", lambda rows: rows[0].__setitem__(5, {"x": 1})), "its id says"),
    "other parent": (edit("atoms", lambda rows: rows[-1].__setitem__(6, {"a": "b"})), "its id says"),
    "user a path": (edit("atoms", lambda rows: rows[0].__setitem__(2, "../x")), "cannot be"),
    "lost atom": (edit("atoms", lambda rows: rows.pop(0)), "not in the bundle"),
    "lost content": (edit("contents", lambda rows: rows.pop(0)), "not in the bundle"),
    "run a path": (
        lambda m, h: m.update(
            {n: d.replace(b'"20', b'"../20') for n, d in m.items() if n in ("runs.jsonl", "keys.jsonl", "events.jsonl")}
        ),
        "proper id",
    ),
    "run not finished": (edit("runs", lambda rows: rows[0].__setitem__(7, "running")), "not finished"),
    "lost run": (edit("runs", lambda rows: rows.clear()), "run"),
    "lost event": (edit("events", lambda rows: rows.pop(2)), "event"),
    "event of nobody": (edit("events", lambda rows: rows[0].__setitem__(0, "x")), "event"),
    "key without atom": (edit("keys", lambda rows: rows[0].__setitem__(5, {"a": "x-y-0"})), "not in the bundle"),
    "row too short": (edit("keys", lambda rows: rows[0].pop()), "columns"),
    "wrong kind": (edit("atoms", lambda rows: rows[0].__setitem__(3, "now")), "column 4"),
    "no row": (lambda m, h: m.update({"atoms.jsonl": b"{}\n"}), "not a row"),
    "no JSON": (lambda m, h: m.update({"atoms.jsonl": b"[\xff\n"}), "not a row"),
    "not a number": (edit("keys", lambda rows: rows[0].__setitem__(6, float("nan"))), "JSON"),
    "wanted elsewhere": (lambda m, h: h.update(wanted=["x-y-0"]), "not in the bundle"),
    "odd head": (lambda m, h: h.update(wanted=3), "bundle.json"),
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_forged_bundle_is_refused_and_nothing_changes(bundle: Path, other: Store, forged: str) -> None:
    change, problem = FORGED[forged]
    sealed(bundle, change)
    assert problem in refused(other, bundle)
    assert not (bundle.parent / "evil").exists()
    assert list(check(other)) == []


def test_an_unchanged_bundle_sealed_anew_is_taken(bundle: Path, other: Store) -> None:
    """The forgeries above are refused for what they say they are."""
    sealed(bundle, lambda members, head: None)
    assert import_bundle(other, bundle).atoms == 3


def test_a_run_of_another_content_is_refused(bundle: Path, other: Store) -> None:
    with zipfile.ZipFile(bundle) as archive:
        run_id = json.loads(archive.read("runs.jsonl").splitlines()[0])[0]
    other.runs.create(RunRow(run_id, "w", "u", {}))
    with pytest.raises(InputError, match="another run"):
        import_bundle(other, bundle)
    assert other.atoms.find() == []


def test_killed_at_any_line_nothing_or_all_of_it_is_there(bundle: Path, tmp_path: Path) -> None:
    import motools.store.importing as module

    line, seen = 1, set()
    while True:
        folder = tmp_path / f"store{line}"
        Store.open(folder).close()
        child = os.fork()
        if child == 0:
            count = 0

            def trace(frame, event, argument):
                nonlocal count
                if frame.f_code.co_filename != module.__file__:
                    return None
                if event == "line":
                    count += 1
                    if count == line:  # noqa: B023
                        os.kill(os.getpid(), signal.SIGKILL)
                return trace

            try:
                sys.settrace(trace)
                with Store.open(folder) as store:
                    import_bundle(store, bundle)
            finally:
                os._exit(0)
        if not os.WIFSIGNALED(os.waitpid(child, 0)[1]):
            break
        with Store.open(folder) as store:
            assert list(check(store)) == []
            atoms = len(store.atoms.find())
            seen.add(atoms)
            assert atoms in (0, 3)
            assert len(store.runs.list()) == (1 if atoms else 0)
            import_bundle(store, bundle)
            assert len(store.atoms.find()) == 3
            assert list(check(store)) == []
        shutil.rmtree(folder)
        line += 6
    assert 0 in seen


def motools(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "motools", *arguments], capture_output=True, text=True, cwd=cwd)


def test_the_commands(store: Store, made: AtomRow, tmp_path: Path) -> None:
    done = motools("store", "export", made.id[:-2], "-o", "x.motools", "--store", str(store.path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "3 atoms" in done.stdout
    done = motools("store", "import", "x.motools", "--store", "fresh", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["wanted"] == [made.id]
    assert "all of it already" in motools("store", "import", "x.motools", "--store", "fresh", cwd=tmp_path).stdout
    (tmp_path / "x.motools").write_bytes(b"?")
    done = motools("store", "import", "x.motools", "--store", "fresh", cwd=tmp_path)
    assert done.returncode == 2
    assert "x.motools" in done.stderr
    assert "Traceback" not in done.stderr

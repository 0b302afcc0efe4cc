"""`gc`: what goes, what stays and why, kills in the middle, and the races with those who put things here."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.errors import CorruptError, InputError, NotFoundError, RunError
from motools.store import AtomRow, RunRow, Store, this_process
from motools.store.gc import collect
from motools.store.verify import check

OLD = 7200.0


@pytest.fixture
def past(tmp_path: Path):
    """A store in which everything is written two hours ago."""
    with Store.open(tmp_path / "store", clock=lambda: time.time() - OLD) as opened:
        yield opened


@pytest.fixture
def now(past: Store):
    with Store.open(past.path) as opened:
        yield opened


def atom(store: Store, name: str, **more) -> AtomRow:
    data = store.path.parent / f"data-{name}"
    data.mkdir(exist_ok=True)
    (data / "file").write_text(name * 1000)
    content = store.content.put_path(data)
    store.content.path(content.digest)
    made_from = {parent.type: parent.id for parent in more.pop("parents", ())}
    return store.atoms.add(type="dataset", user="u", content=content.digest, made_from=made_from, **more)


def finished_run(
    store: Store, run_id: str, *outputs: AtomRow, key: str | None = None, status: str = "completed"
) -> None:
    store.runs.create(RunRow(run_id, "w", "u", {"inputs": {}}))
    made = {f"o{i}": each.id for i, each in enumerate(outputs)}
    if key:
        store.keys.put(key, parts={}, component="c", run_id=run_id, activation="a@1#1", outputs=made, seconds=1.0)
    store.events.append(run_id, 0, [("step_finished", {"node": "a", "outputs": made})], status=status)


def ids(store: Store) -> set[str]:
    return {row.id for row in store.atoms.find()}


def test_nothing_goes_without_being_asked(past: Store, now: Store) -> None:
    made = atom(past, "a")
    found = collect(now)
    assert [each.id for each in found.atoms] == [made.id]
    assert not found.deleted
    assert found.bytes >= 1000
    assert ids(now) == {made.id}
    assert now.content.path(made.content).is_dir()


def test_what_nothing_needs_goes_with_its_files_rows_and_key(past: Store, now: Store) -> None:
    gone, stays = atom(past, "a", tags=()), atom(past, "b", tags=("good",))
    finished_run(past, "run-1", gone, key="k1")
    finished_run(past, "run-2", stays, key="k2")
    for run in ("run-1", "run-2"):
        now.runs.archive(run, "me")
    found = collect(now, delete=True)
    assert [each.id for each in found.atoms] == [gone.id]
    assert found.kept == {stays.id: "it has the tag 'good'"}
    assert ids(now) == {stays.id}
    assert now.keys.get("k1") is None
    assert now.keys.get("k2") is not None
    assert len(os.listdir(now.path / "trees")) == 1
    assert sum(len(files) for _, _, files in os.walk(now.path / "objects")) == 1
    assert list(check(now)) == []
    assert now.runs.get("run-1").archived_at is not None
    assert now.events.read("run-1"), "the record of a run stays"
    assert collect(now, delete=True).atoms == ()


@pytest.mark.parametrize(
    ("keep", "why"),
    [
        (lambda s, a: s.labels.pin(a.id, "ada"), "'ada' pinned it"),
        (lambda s, a: s.labels.tag(a.id, ["paper"]), "it has the tag 'paper'"),
        (lambda s, a: finished_run(s, "run-1", a), "run run-1 is not archived"),
        (lambda s, a: finished_run(s, "run-1", a, status="failed"), "run run-1 is not archived"),
        (lambda s, a: finished_run(s, "run-1", a, status="paused"), "run run-1 is not finished"),
        (lambda s, a: s.runs.create(RunRow("run-1", "w", "u", {"inputs": {"in": a.id}})), "run run-1 is not finished"),
        (
            lambda s, a: s.runs.create(RunRow("run-1", "w", "u", {"settings": {"x": [a.id]}})),
            "run run-1 is not finished",
        ),
    ],
)
def test_roots_stay_with_all_they_were_made_from(past: Store, now: Store, keep, why: str) -> None:
    grandparent = atom(past, "a")
    parent = atom(past, "b", parents=[grandparent])
    copied = past.atoms.add(
        type="dataset", user="v", content=parent.content, made_from={"in": grandparent.id}, reused_from=parent.id
    )
    keep(past, copied)
    child = atom(past, "c", parents=[copied])
    found = collect(now, delete=True)
    assert [each.id for each in found.atoms] == [child.id]
    assert found.kept == {
        copied.id: why,
        parent.id: f"{copied.id} was made from it",
        grandparent.id: found.kept[grandparent.id],
    }
    assert found.kept[grandparent.id].endswith("was made from it")
    for each in (copied, parent, grandparent):
        assert (now.content.path(each.content) / "file").is_file()
    assert list(check(now)) == []


def test_a_run_whose_effect_is_open_keeps_its_atoms_though_archived(past: Store, now: Store) -> None:
    made = atom(past, "a")
    past.runs.create(RunRow("run-1", "w", "u", {"inputs": {"in": made.id}}))
    past.events.append("run-1", 0, [("step_started", {"node": "pay", "key": "k" * 64})], status="failed")
    effect = past.effects.begin("k" * 64, 0, "charge", "0" * 64, this_process())
    now.runs.archive("run-1", "me")
    assert collect(now, delete=True).kept == {made.id: "the effect 'charge' of run run-1 is open"}
    now.effects.close(effect, "not_done")
    assert [each.id for each in collect(now, delete=True).atoms] == [made.id]


def test_the_young_stay_and_what_is_put_again_is_young(past: Store, now: Store) -> None:
    young = atom(now, "a")
    assert collect(now, delete=True).kept == {young.id: "it is young"}
    data = now.path.parent / "data-b"
    orphan = atom(past, "b")
    content = now.content.put_path(data)
    assert content.digest == orphan.content
    assert [each.id for each in collect(now, delete=True).atoms] == [orphan.id]
    assert now.content.exists(content.digest), "its content was put here a moment ago"
    assert now.atoms.add(type="dataset", user="u", content=content.digest).id == orphan.id


@pytest.mark.parametrize("value", [1, ["x" * 1000] * 100])
def test_values_put_again_are_young(past: Store, now: Store, value) -> None:
    digest = past.content.put_value(value).digest
    assert now.content.put_value(value).digest == digest
    assert collect(now, delete=True).contents == 0
    assert now.content.value(digest) == value


def test_contents_that_a_key_speaks_of_stay_with_it(past: Store, now: Store) -> None:
    source = past.content.put_value("def f(): ...")
    past.content.put_value("nobody speaks of this")
    made = atom(past, "a", tags=["t"])
    finished_run(past, "run-1", made)
    past.keys.put(
        "k",
        parts={"code": {"m:f": source.digest}},
        component="c",
        run_id="run-1",
        activation="a",
        outputs={"o": made.id},
        seconds=1.0,
    )
    now.runs.archive("run-1", "me")
    assert collect(now, delete=True).contents == 1
    assert now.content.value(source.digest) == "def f(): ..."


def test_a_run_that_is_not_finished_cannot_be_archived(now: Store) -> None:
    now.runs.create(RunRow("run-1", "w", "u", {}))
    with pytest.raises(RunError, match="not finished"):
        now.runs.archive("run-1", "me")


def test_an_archived_run_can_be_taken_back(past: Store, now: Store) -> None:
    made = atom(past, "a")
    finished_run(past, "run-1", made)
    assert now.runs.archive("run-1", "me").archived_at is not None
    assert now.runs.unarchive("run-1").archived_at is None
    assert collect(now, delete=True).kept == {made.id: "run run-1 is not archived"}


def test_files_without_rows_and_workspaces_of_ended_runs_go_when_they_are_old(past: Store, now: Store) -> None:
    kept = atom(past, "a", tags=["t"])
    stray = now.path / "objects" / "ab" / ("c" * 62)
    stray.parent.mkdir(exist_ok=True)
    stray.write_text("left by a killed process")
    finished_run(past, "run-1")
    past.runs.create(RunRow("run-2", "w", "u", {}))
    for run in ("run-1", "run-2"):
        (now.path / "tmp" / run / "node").mkdir(parents=True)
        (now.path / "tmp" / run / "node" / "file").write_text("x" * 50)
    assert collect(now, delete=True).strays == ()
    assert stray.exists()
    found = collect(now, older_than=0, delete=True)
    assert found.strays == (f"objects/ab/{'c' * 62}",)
    assert found.workspaces == ("tmp/run-1",)
    assert found.bytes == 24 + 50
    assert not stray.exists()
    assert (now.path / "tmp" / "run-2" / "node" / "file").exists()
    assert now.content.path(kept.content).is_dir()


def test_a_short_age_is_refused_while_somebody_works(past: Store, now: Store) -> None:
    now.runs.create(RunRow("run-1", "w", "u", {}))
    lease = now.runs.acquire("run-1", this_process(), 60)
    with pytest.raises(InputError, match="works with the store"):
        collect(now, older_than=60, delete=True)
    collect(now, older_than=60)
    now.runs.release(lease)
    collect(now, older_than=60, delete=True)
    with pytest.raises(InputError):
        collect(now, older_than=-1)


def test_nothing_goes_while_something_that_stays_cannot_be_read(past: Store, now: Store) -> None:
    atom(past, "a")
    kept = atom(past, "b", tags=["t"])
    with now.transaction():
        now.database.execute("UPDATE content SET body = '[]' WHERE digest = ?", (kept.content,))
    with pytest.raises(CorruptError, match="altered"):
        collect(now, delete=True)
    assert len(ids(now)) == 2


@pytest.mark.parametrize("harm", ["UPDATE event SET body = '{'", "DELETE FROM event WHERE place & 3 = 1"])
def test_nothing_goes_while_the_log_of_a_run_is_not_whole(past: Store, now: Store, harm: str) -> None:
    made = atom(past, "a")
    finished_run(past, "run-1", made)
    past.events.append("run-1", 0, [("more", {})])
    with now.transaction():
        now.database.execute(harm)
    with pytest.raises(CorruptError, match="log of a run"):
        collect(now, delete=True)
    assert ids(now) == {made.id}


def test_what_was_put_while_it_was_removed_is_put_again(past: Store, now: Store, monkeypatch) -> None:
    """Between taking a file in and writing its row, `gc` takes the object away."""
    data = now.path.parent / "data-a"
    orphan = atom(past, "a")
    record, removed = type(now.objects).record, []

    def late(objects, ingested):
        if not removed:
            removed.append(collect(now, delete=True))
        record(objects, ingested)

    with Store.open(now.path) as other:
        monkeypatch.setattr(type(now.objects), "record", late)
        content = other.content.put_path(data)
        assert [each.id for each in removed[0].atoms] == [orphan.id]
        assert removed[0].objects == 1
        assert (other.content.path(content.digest) / "file").read_text() == "a" * 1000
        other.atoms.add(type="dataset", user="u", content=content.digest)
    assert list(check(now)) == []


def test_a_folder_checked_before_it_was_removed_is_made_again(past: Store, now: Store) -> None:
    made = atom(past, "a")
    assert now.content.path(made.content).is_dir()
    collect(now, delete=True)
    with pytest.raises(NotFoundError):
        now.content.path(made.content)
    again = atom(now, "a")
    assert again.id == made.id
    assert (now.content.path(again.content) / "file").is_file()


def killed_collecting(folder: Path, line: int) -> bool:
    """Collect in a forked child that dies before the `line`th line of gc.py; say whether it did."""
    import motools.store.gc as module

    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame, event, argument):
            nonlocal count
            if frame.f_code.co_filename != module.__file__:
                return None
            if event == "line":
                count += 1
                if count == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            with Store.open(folder) as store:
                collect(store, delete=True)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_every_line_it_leaves_a_whole_store_and_the_next_one_ends_the_work(past: Store) -> None:
    kept = atom(past, "a", tags=["t"])
    for name in ("b", "c"):
        atom(past, name)
    past.content.put_value(["x" * 1000] * 100)
    past.close()
    line, died = 3, 0
    while True:
        folder = past.path.parent / f"copy{line}"
        shutil.copytree(past.path, folder, symlinks=True)
        if not killed_collecting(folder, line):
            break
        died += 1
        with Store.open(folder) as store:
            assert list(check(store)) == []
            assert kept.id in ids(store)
            assert store.content.exists(kept.content)
            collect(store, older_than=0, delete=True)
            assert ids(store) == {kept.id}
            assert sum(len(files) for _, _, files in os.walk(store.path / "objects")) == 1
            assert list(check(store)) == []
        shutil.rmtree(folder)
        line += 5
    assert died > 10


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_what_goes_is_exactly_what_no_root_reaches(tmp_path_factory, data) -> None:
    """Random families, some tagged: the closure is computed here in the plainest way."""
    folder = tmp_path_factory.mktemp("family")
    with Store.open(folder / "store", clock=lambda: time.time() - OLD) as store:
        made: list[AtomRow] = []
        for number in range(data.draw(st.integers(1, 9))):
            parents = (
                data.draw(st.lists(st.sampled_from(made), max_size=3, unique_by=lambda row: row.id)) if made else []
            )
            content = store.content.put_value(data.draw(st.integers(0, 3)))
            row = store.atoms.add(
                type="value",
                user=f"u{number}",
                content=content.digest,
                made_from={f"p{i}": parent.id for i, parent in enumerate(parents)},
                tags=["keep"] if data.draw(st.booleans()) else [],
                reused_from=data.draw(st.sampled_from(made)).id if made and data.draw(st.booleans()) else None,
            )
            made.append(row)
    rows = {row.id: row for row in made}
    reached = {row.id for row in made if row.tags}
    while True:
        more = {p for i in reached for p in (*rows[i].made_from.values(), rows[i].reused_from) if p} | reached
        if more == reached:
            break
        reached = more
    with Store.open(folder / "store") as store:
        found = collect(store, delete=True)
        assert {each.id for each in found.atoms} == rows.keys() - reached
        assert ids(store) == reached
        assert found.kept.keys() == reached
        assert list(check(store)) == []


WORK = """
import os, random, sys, time
from pathlib import Path
from motools.atom import Atom
from motools.engine.api import run_workflow
from motools.store import Store
from motools.workflow import AtomConstructor, Workflow, step

@step(outputs={"a": "dataset"}, cache_version=1)
def first(config: dict, input_atoms, workspace):
    (workspace / "f").write_text(str(config["n"]) * 3000)
    return [AtomConstructor("a", workspace / "f", "dataset")]

@step(inputs={"a": "dataset"}, outputs={"b": "value", "c": "value"}, cache_version=1)
def second(config: dict, input_atoms, workspace):
    text = (input_atoms["a"].get_data_path() / "f").read_text()
    return {"b": text[:3], "c": [text] * 30}

workflow = Workflow("w", [first, second])
"""

RUNNER = (
    WORK
    + """
store = Store.open(sys.argv[1])
end, chance, done = time.monotonic() + float(sys.argv[2]), random.Random(int(sys.argv[3])), 0
while time.monotonic() < end:
    n = chance.randrange(6)
    state = run_workflow(workflow, config={"first": {"n": n}, "second": {}}, user="u", store=store)
    for name, atom_id in state.output_atoms.items():
        atom = Atom.load(atom_id, store=store)
        assert atom.get_data_path().is_dir()
        if name == "c":
            assert atom.value() == [str(n) * 3000] * 30
    store.runs.archive(state.run_id, "me")
    done += 1
print(done)
"""
)
AGER = """
import sys, time
from motools.store import Store
store = Store.open(sys.argv[1])
end = time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    with store.transaction():  # hours pass for all that no run holds
        old = time.time() - 7200
        busy = "SELECT 1 FROM run_state WHERE status NOT IN ('completed', 'failed')"
        store.database.execute("UPDATE atom SET created_at = ?", (old,))
        if store.database.one(busy) is None:
            store.database.execute("UPDATE content SET used_at = ?", (old,))
            store.database.execute("UPDATE object SET used_at = ?", (old,))
    time.sleep(0.003)
"""
COLLECTOR = """
import sys, time
from motools.store import Store
from motools.store.gc import collect
store = Store.open(sys.argv[1])
end, gone = time.monotonic() + float(sys.argv[2]), 0
while time.monotonic() < end:
    gone += len(collect(store, delete=True).atoms)
print(gone)
"""


def gc_beside_runs(folder: Path, seconds: float) -> None:
    """Two processes run, check and archive; one makes everything old; one collects without a pause."""
    Store.open(folder).close()
    programs = [(RUNNER, "1"), (RUNNER, "2"), (AGER, "0"), (COLLECTOR, "0")]
    children = [
        subprocess.Popen(
            [sys.executable, "-c", text, str(folder), str(seconds), seed],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for text, seed in programs
    ]
    results = [child.communicate(timeout=seconds + 120) for child in children]
    for child, (_, err) in zip(children, results, strict=True):
        assert child.returncode == 0, err
    runs, gone = int(results[0][0]) + int(results[1][0]), int(results[3][0])
    assert runs > 10
    assert gone > 10, "the race is only one if things do go"
    with Store.open(folder) as store:
        assert {run.status for run in store.runs.list()} == {"completed"}
        assert list(check(store)) == []


def test_gc_beside_running_runs(tmp_path: Path) -> None:
    gc_beside_runs(tmp_path / "store", 12)


@pytest.mark.long
def test_gc_beside_running_runs_for_a_minute(tmp_path: Path) -> None:
    gc_beside_runs(tmp_path / "store", 60)


def motools(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "motools", *arguments], capture_output=True, text=True)


def test_the_command_previews_and_removes(past: Store) -> None:
    made = atom(past, "a")
    kept = atom(past, "b", tags=["t"])
    past.close()
    where = ("--store", str(past.path))
    shown = motools("store", "gc", "--kept", *where)
    assert shown.returncode == 0, shown.stderr
    assert made.id in shown.stdout
    assert "it has the tag 't'" in shown.stdout
    assert f"motools store gc --delete --store {past.path}" in shown.stdout
    assert json.loads(motools("atom", "list", "--json", *where).stdout)[0]["id"] == kept.id
    found = json.loads(motools("store", "gc", "--json", "--delete", *where).stdout)
    assert found["deleted"] is True
    assert [each["id"] for each in found["atoms"]] == [made.id]
    assert motools("atom", "show", made.id, *where).returncode == 3
    assert motools("store", "gc", "--older-than", "soon", *where).returncode == 2

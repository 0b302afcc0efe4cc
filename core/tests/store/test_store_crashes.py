"""Processes killed at every point, and many at once: what was reported is there, the rest can be tried again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import motools.store
from motools.store import AtomRow, RunRow, Store, this_process
from motools.store.verify import check

HERE = os.path.dirname(motools.store.__file__)


def make(folder: Path, data: Path) -> AtomRow:
    """Everything that creating an atom of files and one of a large value does, with their trees."""
    with Store.open(folder) as store:
        files = store.content.put_path(data)
        store.content.path(files.digest)
        parent = store.atoms.add(type="dataset", user="cli-user", content=files.digest, tags=["t"])
        value = store.content.put_value(["x" * 1000] * 100)
        with store.transaction(full=True):
            return store.atoms.add(type="value", user="cli-user", content=value.digest, made_from={"in": parent.id})


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    (folder / "rows.jsonl").write_text('{"a": 1}\n' * 100)
    (folder / "sub" / "run").write_text("#!")
    (folder / "sub" / "run").chmod(0o755)
    return folder


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is such a disk: a kill is the same there, and a sync costs nothing."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else tmp_path) as folder:
        yield Path(folder)


def killed_at(line: int, work: Callable[[], Any]) -> int | None:
    """Do the work in a forked child that dies by SIGKILL before the `line`th line of the store's code.

    Returns how many lines there are if the child came to its end, else None.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        count = 0

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal count
            if not frame.f_code.co_filename.startswith(HERE):
                return None
            if event == "line":
                count += 1
                if count == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        try:
            sys.settrace(trace)
            work()
            sys.settrace(None)
            os.write(writing, b"%d" % count)
        finally:
            os._exit(0)
    os.close(writing)
    said = os.read(reading, 100)
    os.close(reading)
    os.waitpid(child, 0)
    return int(said) if said else None


def whole(folder: Path, data: Path) -> None:
    """The work, tried again, ends in one whole atom of each kind and a store with nothing wrong."""
    first, again = make(folder, data), make(folder, data)
    assert first == again
    with Store.open(folder) as store:
        assert {row.type for row in store.atoms.find()} == {"dataset", "value"}
        assert len(store.atoms.find()) == 2
        assert list(check(store)) == []
        tree = store.content.path(store.atoms.get(first.made_from["in"]).content)
        assert (tree / "rows.jsonl").read_bytes() == (data / "rows.jsonl").read_bytes()


def kill_everywhere(place: Path, data: Path, step: int, start: int) -> None:
    total = killed_at(0, lambda: make(place / "count", data))
    assert total is not None
    assert total > 300
    for line in range(start, total, step):
        folder = place / f"store{line}"
        assert killed_at(line, lambda: make(folder, data)) is None, f"line {line} is before the end"  # noqa: B023
        whole(folder, data)
        shutil.rmtree(folder)


def test_fault_11_crash_between_object_and_row_leaves_no_orphan(quick_path: Path, data: Path) -> None:
    """Killed before every 12th line of the store's code; the long test has them all."""
    kill_everywhere(quick_path, data, 12, random.Random(os.urandom(4)).randrange(1, 12))


@pytest.mark.long
def test_fault_11_crash_before_every_line(quick_path: Path, data: Path) -> None:
    kill_everywhere(quick_path, data, 1, 1)


def test_fault_11_crash_after_crash(tmp_path: Path, data: Path) -> None:
    """Killed again and again in one store, later each time."""
    folder = tmp_path / "store"
    for line in range(20, 900, 45):
        killed_at(line, lambda: make(folder, data))
    whole(folder, data)


def test_fault_11_sixteen_processes_make_one_atom(tmp_path: Path, data: Path) -> None:
    script = (
        "import os, sys, time\nfrom pathlib import Path\nfrom motools.store import Store\n"
        "root = Path(sys.argv[1])\nstore = Store.open(root / 'store')\n"
        "while not (root / 'go').exists(): time.sleep(0.0005)\n"
        "content = store.content.put_path(root / 'data')\n"
        "tree = store.content.path(content.digest)\n"
        "atom = store.atoms.add(type='dataset', user='cli-user', content=content.digest, metadata={'n': 1})\n"
        "print(atom.id, (tree / 'sub' / 'run').read_text(), flush=True)\n"
    )
    (data / "large").write_bytes(os.urandom(3 << 20))
    children = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(16)
    ]
    time.sleep(1)
    (tmp_path / "go").touch()
    said = {child.communicate()[0] for child in children}
    assert [child.returncode for child in children] == [0] * 16
    assert len(said) == 1
    with Store.open(tmp_path / "store") as store:
        assert len(store.atoms.find()) == 1
        assert list(check(store)) == []
        assert os.listdir(store.path / "tmp") == []
        assert len(os.listdir(store.path / "trees")) == 1


_LOOP = """
import os, sys
from pathlib import Path
from motools.store import RunRow, Store, this_process
root, number = Path(sys.argv[1]), int(sys.argv[2])
store = Store.open(root / "store")
run = store.runs.create(RunRow(f"run-{number}", "w", "u", {}))
lease = store.runs.acquire(run.id, this_process(), 60)
parent = None
for i in range(100000):
    file = root / f"file-{number}"
    file.write_bytes(os.urandom(2000 + i % 3 * 600_000))
    content = store.content.put_path(file)
    store.content.path(content.digest)
    with store.transaction(full=i % 5 == 0):
        atom = store.atoms.add(type="dataset", user="u", content=content.digest, made_from={"in": parent} if parent else {})
        seq = store.events.append(run.id, lease.fence, [("made", {"atom": atom.id}), ("next", {})])
    parent = atom.id
    os.write(1, f"{run.id} {seq} {atom.id} {content.digest}\\n".encode())
"""


def test_what_was_reported_survives_kills_at_random_moments(tmp_path: Path) -> None:
    rounds, acknowledged = 12, []
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for number in range(rounds):
        children = [
            subprocess.Popen(
                [sys.executable, "-c", _LOOP, str(tmp_path), str(number * 2 + k)], stdout=subprocess.PIPE, text=True
            )
            for k in range(2)
        ]
        for child in children:
            assert child.stdout is not None
            child.stdout.readline()  # it has begun
        time.sleep(chance.uniform(0.0, 0.15))
        for child in children:
            child.kill()
        for child in children:
            out, _ = child.communicate()
            acknowledged += [line.split() for line in out.splitlines() if len(line.split()) == 4]
    assert len(acknowledged) > rounds
    with Store.open(tmp_path / "store") as store:
        for run_id, seq, atom_id, content in acknowledged:
            assert store.atoms.get(atom_id).content == content
            assert store.events.read(run_id)[int(seq) - 2].body == {"atom": atom_id}
        assert list(check(store)) == []
        for run in store.runs.list():
            assert store.runs.acquire(run.id, this_process(), 60).fence == 2, "its dead owner is in nobody's way"


def test_readers_see_whole_things_while_others_write(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        store.runs.create(RunRow("run-1", "w", "u", {}))
        child = subprocess.Popen([sys.executable, "-c", _LOOP, str(tmp_path), "7"], stdout=subprocess.DEVNULL)
        stop = threading.Event()
        wrong: list[object] = []

        def look() -> None:
            while not stop.is_set():
                for row in store.atoms.find(limit=3):
                    if not store.content.exists(row.content):
                        wrong.append(row)

        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        time.sleep(1.0)
        child.kill()
        child.wait()
        stop.set()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert store.atoms.find(limit=1)


def test_what_killed_processes_left_is_swept_when_it_is_old(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store") as store:
        store.objects.put_bytes(b"1")
        left = store.path / "tmp" / ("4194304." + "0" * 16)
        left.write_bytes(b"half")
        run_folder = store.path / "tmp" / "run-1"
        run_folder.mkdir()
    with Store.open(tmp_path / "store") as store:
        store.objects.put_bytes(b"2")
        assert left.exists(), "it may be another container's"
    import motools.store.objects as objects

    old, objects._STALE_SECONDS = objects._STALE_SECONDS, -1
    try:
        with Store.open(tmp_path / "store") as store:
            store.objects.put_bytes(b"3")
            assert not left.exists()
            assert run_folder.exists(), "what is not ours stays"
    finally:
        objects._STALE_SECONDS = old

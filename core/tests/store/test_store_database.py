"""The database: transactions, threads, forks, and what is refused."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import motools.store.database as database_module
from motools.errors import (
    CorruptError,
    NotFoundError,
    RunBusyError,
    StoreError,
    StoreFullError,
    StoreNotWritableError,
    StoreTooNewError,
)
from motools.store import RunRow, Store, this_process
from motools.store.database import Database
from motools.store.location import default_store_path
from motools.store.migrations import MIGRATIONS
from motools.store.verify import check


def values(store: Store) -> set[str]:
    return {row[0] for row in store.database.query("SELECT digest FROM content")}


def test_the_store_is_where_it_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOTOOLS_STORAGE_DIR", raising=False)
    assert default_store_path() == tmp_path / ".motools"
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", "there")
    assert default_store_path() == tmp_path / "there"
    with Store.open() as store:
        assert store.path == tmp_path / "there"
        monkeypatch.chdir("/")
        store.content.put_value(1)
    assert (tmp_path / "there" / "motools.db").exists()


def test_opening_is_for_keeps_and_closing_too(tmp_path: Path) -> None:
    with Store.open(tmp_path / "s") as one, Store.open(tmp_path / "s") as two:
        content = one.content.put_value(1)
        assert two.content.value(content.digest) == 1
        one.close()
        one.close()
        assert two.content.value(content.digest) == 1
    with pytest.raises(StoreError, match="closed"):
        two.content.value(content.digest)
    assert sorted(os.listdir(tmp_path / "s")) == [".gitignore", "motools.db", "motools.lock"], "nothing is left open"


def test_git_overlooks_a_folder_that_is_ours_and_no_other(tmp_path: Path) -> None:
    Store.open(tmp_path / "s").close()
    assert (tmp_path / "s" / ".gitignore").read_text() == "*\n"
    (tmp_path / "theirs").mkdir()
    Store.open(tmp_path / "theirs").close()
    assert not (tmp_path / "theirs" / ".gitignore").exists()


def test_there_is_none_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store") as caught:
        Store.open(tmp_path / "s", create=False)
    assert caught.value.hint
    assert not (tmp_path / "s").exists()
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "s"):
        with pytest.raises(StoreError, match="not a folder"):
            Store.open(path)


def test_a_folder_that_was_replaced_is_opened_anew(tmp_path: Path) -> None:
    one = Store.open(tmp_path / "s")
    one.content.put_value(1)
    shutil.rmtree(tmp_path / "s")
    assert not one.usable
    with Store.open(tmp_path / "s") as two:
        assert values(two) == set()
        two.content.put_value(2)
    one.close()


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
        store.content.put_value(1)
        store.objects.put_bytes(b"1")
        1 / 0  # noqa: B018
    assert values(store) == set()
    with store.transaction():
        one = store.content.put_value(1)
        with store.transaction(full=True):
            two = store.content.put_value(2)
    assert values(store) == {one.digest, two.digest}


def test_an_inner_failure_that_was_caught_undoes_all_only_if_it_had_written(store: Store) -> None:
    with store.transaction():
        store.content.put_value(1)
        with pytest.raises(NotFoundError), store.transaction():
            store.atoms.get("nothing")
    assert len(values(store)) == 1
    with pytest.raises(StoreError, match="all of it was undone"), store.transaction():  # noqa: PT012
        store.content.put_value(2)
        with pytest.raises(ZeroDivisionError), store.transaction():  # noqa: PT012
            store.content.put_value(3)
            1 / 0  # noqa: B018
    assert len(values(store)) == 1


def test_threads_take_turns(store: Store) -> None:
    def work(number: int) -> None:
        for i in range(20):
            with store.transaction():
                a = store.content.put_value([number, i, "a"])
                b = store.content.put_value([number, i, "b"])
            assert store.content.value(a.digest) != store.content.value(b.digest)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(values(store)) == 8 * 20 * 2


def test_a_forked_child_goes_on_by_itself(store: Store) -> None:
    before = store.content.put_value("before")
    inherited = store.database._connection
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for number in range(100):
                store.content.put_value(["child", number, "x" * 500])
            apart = store.database._connection is not inherited  # SQLite: a connection must not cross a fork
            code = 0 if apart and store.content.value(before.digest) == "before" else 2
        finally:
            os._exit(code)
    for number in range(100):
        store.content.put_value(["parent", number, "x" * 500])
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(values(store)) == 201
    assert list(check(store)) == []


def test_a_fork_inside_a_transaction_leaves_it_to_the_parent(store: Store) -> None:
    with store.transaction():
        store.content.put_value("parent")
        child = os.fork()
        if child == 0:
            code = 1
            try:
                store.content.put_value("child")
            except StoreError as error:
                code = 0 if "forked" in str(error) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(values(store)) == 1
    store.content.put_value("after")
    assert len(values(store)) == 2


def test_full_is_on_the_disk_before_it_returns(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is synced, and in which order, as the operating system is asked for it."""
    synced: list[str] = []
    fsync = os.fsync

    def noted(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noted)
    stored = store.objects.put_bytes(b"x" * 10)
    assert synced == [], "a normal write waits for no disk"
    path = str(store.objects.path(stored.digest))
    with store.transaction(full=True):
        pass
    assert synced == [path, os.path.dirname(path), str(store.path / "objects")]
    synced.clear()
    with store.transaction(full=True):
        inner = store.objects.put_bytes(b"y" * 10)
    assert str(store.objects.path(inner.digest)) in synced, "also what was stored inside it"
    synced.clear()
    with store.transaction():
        store.content.put_value(1)
        with store.transaction(full=True):
            pass
    assert synced == [str(store.path / "motools.db-wal")], "it joined one that had begun as a normal one"
    synced.clear()
    with store.transaction(full=True):
        pass
    assert synced == []


def test_full_commits_use_sqlites_full(store: Store) -> None:
    level = "PRAGMA synchronous"
    with store.transaction(full=True):
        assert store.database.query(level) == [(2,)]
    with store.transaction():
        assert store.database.query(level) == [(1,)]


def test_the_log_is_folded_in_now_and_then(store: Store) -> None:
    for number in range(3000):
        store.content.put_value(number)
    assert (store.path / "motools.db-wal").stat().st_size < 16 << 20
    assert (store.path / "motools.db").stat().st_size > 100_000


def test_a_store_made_by_a_newer_motools_is_refused_and_left_alone(store: Store) -> None:
    store.close()
    with sqlite3.connect(store.path / "motools.db") as connection:
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()
    before = (store.path / "motools.db").read_bytes()
    with pytest.raises(StoreTooNewError, match="newer motools") as caught:
        Store.open(store.path)
    assert "pip install -U motools" in str(caught.value)
    assert (store.path / "motools.db").read_bytes() == before


def test_a_database_that_is_not_ours_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    with sqlite3.connect(tmp_path / "s" / "motools.db") as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = (tmp_path / "s" / "motools.db").read_bytes()
    with pytest.raises(StoreError, match="not one of motools"):
        Store.open(tmp_path / "s")
    assert (tmp_path / "s" / "motools.db").read_bytes() == before


@pytest.mark.parametrize("harm", [b"not a database at all" * 500, None])
def test_a_damaged_database_is_said_to_be(store: Store, harm: bytes | None) -> None:
    for number in range(300):
        store.content.put_value(number)
    store.close()
    file = store.path / "motools.db"
    if harm is None:
        with file.open("r+b") as opened:
            opened.seek(4096)
            opened.write(b"\xff" * (file.stat().st_size - 4096))
    else:
        file.write_bytes(harm)
    with pytest.raises(CorruptError, match="damaged") as caught, Store.open(store.path) as opened_store:  # noqa: PT012
        for number in range(300):
            opened_store.content.put_value(number)
    assert caught.value.hint


def test_a_store_that_another_holds_is_said_to_be(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.2)
    with open(store.path / "motools.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StoreError, match="another process") as caught:
            store.content.put_value(1)
        assert "fuser" in str(caught.value)
    store.content.put_value(1)


def test_a_foreign_writer_is_waited_for_and_then_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_module, "BUSY_SECONDS", 0.3)
    with Store.open(tmp_path / "s") as store:
        other = sqlite3.connect(tmp_path / "s" / "motools.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked by another program"):
            store.content.put_value(1)
        assert store.content.exists("0" * 64) is False, "reading goes on"
        other.execute("COMMIT")
        store.content.put_value(1)
        other.close()


def test_sixteen_processes_make_one_store(tmp_path: Path) -> None:
    script = (
        "import sys, os, time\nfrom motools.store import Store\n"
        "while not os.path.exists(sys.argv[1] + '/go'): time.sleep(0.001)\n"
        "Store.open(sys.argv[1] + '/s').content.put_value(os.getpid())\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path)]) for _ in range(16)]
    time.sleep(0.5)
    (tmp_path / "go").touch()
    assert [child.wait() for child in children] == [0] * 16
    with Store.open(tmp_path / "s") as store:
        assert len(values(store)) == 16
        assert list(check(store)) == []


def fill(store: Store) -> tuple[list[str], list[int]]:
    """Store things until the disk is full; return what was reported as stored."""
    digests, sequence = [], []
    store.runs.create(RunRow("run-1", "w", "u", {}))
    with pytest.raises(StoreFullError) as caught:  # noqa: PT012
        while True:
            digests.append(store.objects.put_bytes(os.urandom(30_000)).digest)
            sequence.append(store.events.append("run-1", 0, [("e", {"text": "x" * 3000})]))
    assert "Free some space" in str(caught.value)
    return digests, sequence


@pytest.mark.parametrize("what", ["objects", "events"])
def test_on_a_full_disk_nothing_is_lost_and_it_goes_on_after(mount: Callable[..., Path], what: str) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=3m", "tmpfs")
    (disk / "filler").write_bytes(b"x" * 500_000)
    with Store.open(disk / "store") as store:
        digests, sequence = fill(store)
        if what == "events":
            with pytest.raises(StoreFullError):  # noqa: PT012
                while True:
                    sequence.append(store.events.append("run-1", 0, [("e", {"text": "x" * 3000})]))
        assert [event.seq for event in store.events.read("run-1")] == sequence
        for digest in digests:
            store.objects.verify(digest)
        assert list(check(store)) == []
        (disk / "filler").unlink()
        sequence.append(store.events.append("run-1", 0, [("e", {})], full=True))
        digests.append(store.objects.put_bytes(b"after").digest)
    with Store.open(disk / "store") as store:
        assert [event.seq for event in store.events.read("run-1")] == sequence
        assert list(check(store)) == []
        assert os.listdir(disk / "store" / "tmp") == []


def test_a_store_cannot_be_made_on_a_full_disk(mount: Callable[..., Path]) -> None:
    disk = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs")
    with pytest.raises(StoreFullError):
        Store.open(disk / "store")


@pytest.mark.parametrize("left_open", [False, True])
def test_a_store_on_a_read_only_medium_can_be_read(tmp_path: Path, mount: Callable[..., Path], left_open: bool) -> None:
    folder = tmp_path / "store"
    (tmp_path / "file").write_text("content")
    script = (
        "import os, sys\nfrom motools.store import Store\nstore = Store.open(sys.argv[1])\n"
        "for path in (sys.argv[2], sys.argv[2]):\n"
        "    content = store.content.put_path(path)\n"
        "print(store.atoms.add(type='dataset', user='u', content=content.digest).id, flush=True)\n"
        + ("os._exit(0)" if left_open else "store.close()")
    )
    atom_id = subprocess.check_output(
        [sys.executable, "-c", script, str(folder), str(tmp_path / "file")], text=True
    ).strip()
    assert (folder / "motools.db-wal").exists() == left_open
    point = mount("--bind", str(folder))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(point)], check=True)
    with Store.open(point) as store:
        assert store.readonly
        atom = store.atoms.get(atom_id)
        assert (store.content.path(atom.content) / "file").read_text() == "content"
        assert store.content.exists(atom.content)
        assert list(check(store)) == []
        for write in (
            lambda: store.content.put_value(1),
            lambda: store.objects.put_bytes(b"new"),
            lambda: store.effects.begin("k", 0, "n", "r", "me"),
            lambda: store.runs.create(RunRow("r", "w", "u", {})),
        ):
            with pytest.raises(StoreNotWritableError) as caught:
                write()
            assert "--store" in str(caught.value)
    with pytest.raises(StoreNotWritableError):
        Store.open(point / "new")


def test_a_network_file_system_is_refused_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import motools.store.location as location

    monkeypatch.setattr(os, "major", lambda device: 0)
    monkeypatch.setattr(location, "_file_system", lambda folder: "nfs4")
    with pytest.raises(StoreError, match="network file system") as caught:
        Store.open(tmp_path / "s")
    assert "local disk" in str(caught.value)
    monkeypatch.setenv("MOTOOLS_ALLOW_NETWORK_STORE", "1")
    Store.open(tmp_path / "s").close()


def test_errors_of_leases_do_not_undo_what_was_before(store: Store) -> None:
    store.runs.create(RunRow("run-1", "w", "u", {}))
    store.runs.acquire("run-1", this_process(), 60)
    with store.transaction():
        store.content.put_value(1)
        with pytest.raises(RunBusyError):
            store.runs.acquire("run-1", "other", 60)
    assert len(values(store)) == 1


def test_importing_the_store_imports_nothing_heavy() -> None:
    script = (
        "import sys, motools.store.store, motools.atom\n"
        "heavy = {'asyncio', 'pydantic', 'yaml', 'rich', 'anyio', 'importlib.metadata', 'pluggy', 'shutil', 'click'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True) == "[]\n"


def test_a_write_outside_a_transaction_is_a_mistake_of_ours(store: Store) -> None:
    assert isinstance(store.database, Database)
    with pytest.raises(AssertionError):
        store.database.execute("DELETE FROM content")

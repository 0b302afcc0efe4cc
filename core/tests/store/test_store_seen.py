"""What another process stored or saw is not read again while its stat is the same, in one start of the machine."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from motools.canonical import digest_file
from motools.store import Store
from motools.store import disk as disk_module
from motools.store import objects as objects_module
from motools.store import seen as seen_module
from motools.store import sync as sync_module


class Reads:
    """Counts the files that are hashed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.files: list[Path] = []

        def counted(path: Path) -> str:
            self.files.append(Path(path))
            return digest_file(Path(path))

        for module in (objects_module, sync_module, seen_module):
            monkeypatch.setattr(module, "digest_file", counted)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


def stored_by_another(store: Store) -> tuple[str, Path]:
    """Store an object, and forget that it was this process that did."""
    digest = store.objects.put_bytes(b"x" * 5000).digest
    store.database.written.clear()
    return digest, store.path / "objects" / digest[:2] / digest[2:]


def test_an_object_as_it_was_put_is_not_read_again(store: Store, reads: Reads) -> None:
    digest, _ = stored_by_another(store)
    assert store.objects.exists(digest)
    with store.transaction(full=True):
        store.objects.put_bytes(b"more")
    assert store.database.one("SELECT synced FROM object WHERE digest = ?", (digest,)) == (1,)
    assert reads.files == []


def test_after_another_start_of_the_machine_it_is_read(
    store: Store, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loss of power may leave a file with its size and times, and other bytes."""
    digest, file = stored_by_another(store)
    monkeypatch.setattr(disk_module, "_boot", lambda: "another start")
    assert store.objects.exists(digest)
    assert reads.files == [file]


def test_where_the_start_of_the_machine_is_not_known_it_is_read(
    store: Store, reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_module, "_boot", lambda: None)
    digest, file = stored_by_another(store)
    assert store.objects.exists(digest)
    assert reads.files == [file]


@pytest.mark.parametrize("full", [False, True])
def test_bytes_altered_behind_its_times_are_never_promised(store: Store, full: bool) -> None:
    digest, file = stored_by_another(store)
    before = file.stat()
    file.chmod(0o644)
    file.write_bytes(b"y" * 5000)
    file.chmod(0o444)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    if full:
        with store.transaction(full=True):
            store.objects.put_bytes(b"more")
        assert store.database.one("SELECT synced FROM object WHERE digest = ?", (digest,)) == (2,)
    assert not store.objects.exists(digest)


def test_a_file_that_another_process_saw_is_not_read_again(store: Store, reads: Reads, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2 << 20))
    time.sleep(0.15)  # so that a later change must show in its times
    first = store.seen_files.digest(file)
    assert first == digest_file(file)
    with Store.open(store.path) as again:
        assert again.seen_files.digest(file) == first
    assert reads.files == [file]
    before = file.stat()
    with file.open("r+b") as stream:
        stream.write(b"other")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert store.seen_files.digest(file) == digest_file(file) != first
    assert len(reads.files) == 2


def test_a_file_that_was_just_written_is_not_remembered(store: Store, reads: Reads, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(os.urandom(2 << 20))
    assert [store.seen_files.digest(file) for _ in range(2)] == [digest_file(file)] * 2
    assert len(reads.files) == 2

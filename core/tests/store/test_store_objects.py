"""Objects: what is stored is what was read, and altered bytes are found."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motools.canonical import digest_bytes, digest_file
from motools.errors import CorruptError, DataError, InputError, NotFoundError
from motools.store import Store
from motools.store.location import file_system_of
from motools.store.objects import STAMP
from motools.store.source import settled

SIZES = [0, 1, 100, (1 << 20) - 1, 1 << 20, (3 << 20) + 17]


def object_file(store: Store, digest: str) -> Path:
    return store.path / "objects" / digest[:2] / digest[2:]


def flip(path: Path, at: int = 0, *, keep_times: bool = True) -> None:
    """Alter one bit of a file, by default so that its size and times say nothing."""
    before = path.stat()
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    if keep_times:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_byte_for_byte(store: Store, tmp_path: Path, size: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(size))
    stored = store.objects.put_file(file)
    assert stored.size == size
    assert stored.digest == digest_file(file) == digest_bytes("object", file.read_bytes())
    assert store.objects.read(stored.digest) == file.read_bytes()
    with store.objects.open(stored.digest) as opened:
        assert opened.read() == file.read_bytes()
    assert store.objects.put_bytes(file.read_bytes()) == stored == store.objects.verify(stored.digest)


@given(data=st.binary(max_size=200), other=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_digests_are_equal_only_for_equal_bytes(store: Store, data: bytes, other: bytes) -> None:
    assert (store.objects.put_bytes(data) == store.objects.put_bytes(other)) == (data == other)


def test_an_object_is_read_only_and_not_the_users_file(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("one")
    stored = store.objects.put_file(file)
    path = store.objects.path(stored.digest)
    assert path.stat().st_mode & 0o222 == 0
    assert not os.path.samefile(path, file)
    file.write_text("two")
    assert store.objects.read(stored.digest) == b"one"


def test_an_unchanged_file_is_not_read_again(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 10)
    time.sleep(0.3)
    stored = store.objects.put_file(file)
    monkeypatch.setattr(store.objects, "_copy", lambda *_: pytest.fail("it was read again"))
    assert store.objects.put_file(file) == stored


@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_a_change_of_equal_size_is_seen_however_quick(store: Store, tmp_path: Path, wait: float) -> None:
    file = tmp_path / "file"
    for round in range(20 if wait == 0 else 2):
        file.write_bytes(b"%04d" % round)
        time.sleep(wait)
        assert store.objects.read(store.objects.put_file(file).digest) == b"%04d" % round


@pytest.mark.parametrize(
    ("changed_ns", "age_ns", "expected"),
    [
        (1_700_000_000_123_456_789, 1_000_000, False),  # within a tick of the clock
        (1_700_000_000_123_456_789, 200_000_000, True),
        (1_700_000_000_000_000_000, 200_000_000, False),  # a file system that counts seconds, or pairs of them
        (1_700_000_000_000_000_000, 3_000_000_000, True),
        (1_700_000_000_123_456_789, -1_000_000_000, False),  # from the future
    ],
)
def test_a_file_changed_a_moment_ago_is_not_remembered(changed_ns: int, age_ns: int, expected: bool) -> None:
    found = SimpleNamespace(st_mtime_ns=changed_ns - 5, st_ctime_ns=changed_ns)
    assert settled(found, changed_ns + age_ns) is expected  # type: ignore[arg-type]
    future = SimpleNamespace(st_mtime_ns=changed_ns + 10**12, st_ctime_ns=changed_ns)
    assert settled(future, changed_ns + age_ns) is False  # type: ignore[arg-type]


def test_a_change_that_puts_the_time_back_is_seen(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"one")
    time.sleep(0.3)
    first = store.objects.put_file(file)
    before = file.stat()
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # the change time tells
    assert store.objects.put_file(file) != first


def test_a_file_that_changes_while_it_is_read_is_refused(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    copy = store.objects._copy

    def slow(source: Path, temporary: Path, size: int) -> object:
        done = copy(source, temporary, size)
        with file.open("ab") as growing:
            growing.write(b"x")
        return done

    monkeypatch.setattr(store.objects, "_copy", slow)
    with pytest.raises(DataError, match="being written to"):
        store.objects.put_file(file)
    assert list((store.path / "tmp").iterdir()) == []


@pytest.mark.parametrize("keep_times", [True, False])
@pytest.mark.parametrize("size", [1, 1000, 2 << 20])
def test_a_flipped_bit_is_found_and_not_repaired(tmp_path: Path, size: int, keep_times: bool) -> None:
    with Store.open(tmp_path / "store") as store:
        data = os.urandom(size)
        digest = store.objects.put_bytes(data).digest
        with store.transaction(full=True):
            pass
        flip(object_file(store, digest), size // 2, keep_times=keep_times)
    with Store.open(tmp_path / "store") as store:
        for look in (store.objects.read, store.objects.verify, store.objects.path, store.objects.open):
            with pytest.raises(CorruptError, match="altered") as caught:
                look(digest)
            assert caught.value.hint
            assert str(object_file(store, digest)) in str(caught.value)
        if not keep_times:
            with pytest.raises(CorruptError):
                store.objects.exists(digest)
            with pytest.raises(CorruptError):
                store.objects.put_bytes(data)
        altered = object_file(store, digest)
        altered.unlink()
        assert store.objects.put_bytes(data).digest == digest
        assert store.objects.read(digest) == data


def test_a_missing_object_is_named_and_can_be_made_again(store: Store) -> None:
    stored = store.objects.put_bytes(b"data")
    object_file(store, stored.digest).unlink()
    assert not store.objects.exists(stored.digest)
    with pytest.raises(CorruptError, match="gone"):
        store.objects.read(stored.digest)
    with pytest.raises(CorruptError, match="gone"):
        store.objects.path(stored.digest)
    with store.transaction(full=True):  # one lost object does not stop every other commit
        pass
    store.objects.put_bytes(b"data")
    assert store.objects.read(stored.digest) == b"data"


def test_an_object_cut_short_before_it_was_synced_counts_as_missing(store: Store) -> None:
    """After a loss of power a file may be shorter than its row says; nobody was promised it."""
    stored = store.objects.put_bytes(b"x" * 5000)
    path = object_file(store, stored.digest)
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate(100)
    assert not store.objects.exists(stored.digest)
    store.objects.put_bytes(b"x" * 5000)
    assert store.objects.exists(stored.digest)
    assert store.objects.verify(stored.digest) == stored


def test_a_copied_store_is_as_good(store: Store, tmp_path: Path) -> None:
    stored = store.objects.put_bytes(b"data")
    store.close()
    shutil.copytree(tmp_path / "store", tmp_path / "copy", copy_function=shutil.copyfile)
    with Store.open(tmp_path / "copy") as copy:
        assert copy.objects.exists(stored.digest)
        assert copy.objects.path(stored.digest).stat().st_mtime_ns == STAMP
        assert copy.objects.read(stored.digest) == b"data"


@pytest.mark.parametrize("digest", ["", "abc", "../../etc/passwd", "Z" * 64, "a" * 65])
def test_what_is_not_a_digest_reaches_no_file(store: Store, digest: str) -> None:
    with pytest.raises((InputError, NotFoundError)):
        store.objects.read(digest)
    assert not store.objects.exists(digest)


def test_an_unknown_object_is_not_found(store: Store) -> None:
    assert not store.objects.exists("a" * 64)
    with pytest.raises(NotFoundError):
        store.objects.path("a" * 64)


def test_what_is_no_file_is_refused(store: Store, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "absent", tmp_path, tmp_path / "pipe"):
        with pytest.raises(DataError):
            store.objects.put_file(path)


def test_the_file_system_is_that_of_the_longest_mount() -> None:
    mounts = "/dev/a / ext4 rw 0 0\nserver:/x /home nfs4 rw 0 0\n/dev/b /home/me\\040too xfs rw 0 0\n"
    assert file_system_of("/homework", mounts) == "ext4"
    assert file_system_of("/home/you", mounts) == "nfs4"
    assert file_system_of("/home/me too/store", mounts) == "xfs"

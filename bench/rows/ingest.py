"""A large file into the store by copy, hashed as stored; then the same file again, unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from bench.rows.work import Row, Side

_PIECE = 1 << 24


def data(size: int) -> Path:
    """Return a file of `size` bytes that no one can shorten; made once, and read, so that it is in memory."""
    file = Path(os.environ["BENCH_DATA"]) / f"{size}.bin"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        with open(partial, "wb") as out:
            for start in range(0, size, _PIECE):
                out.write(os.urandom(min(_PIECE, size - start)))
        partial.rename(file)
        time.sleep(2)  # what was written just now may still change unseen, so nobody remembers it
    with open(file, "rb") as whole:
        while whole.read(_PIECE):
            pass
    return file


def ours(place: Path, size: int) -> float:
    """Store it by motools."""
    from motools.store import Store

    file = data(size)
    with Store.open(place / "store") as store:
        began = time.perf_counter()
        store.content.put_path(file)
        return time.perf_counter() - began


def by_dvc(place: Path, size: int) -> float:
    """Add it by dvc; again, ask for its status."""
    dvc = [sys.executable, "-m", "dvc"]
    first = not (place / "data.bin.dvc").exists()
    if first:
        subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=place, check=True)
        os.link(data(size), place / "data.bin")
    command = ["add", "-q", "data.bin"] if first else ["status", "-q"]
    began = time.perf_counter()
    subprocess.run([*dvc, *command], cwd=place, check=True)
    return time.perf_counter() - began


def by_redun(place: Path, size: int) -> float:
    """Hash it by redun, which keeps no copy."""
    from redun.file import ContentFile

    file = data(size)
    began = time.perf_counter()
    ContentFile(str(file)).get_hash()
    return time.perf_counter() - began


def limit(place: Path, size: int) -> float:
    """Copy it, then hash the copy on all cores; again, a stat and a look-up."""
    import shutil
    import sqlite3

    from blake3 import blake3

    file = data(size)
    database = sqlite3.connect(place / "limit.db", isolation_level=None)
    database.execute("CREATE TABLE IF NOT EXISTS seen (inode INTEGER PRIMARY KEY, stat TEXT, digest TEXT)")
    began = time.perf_counter()
    found = os.stat(file)
    stat = f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
    row = database.execute("SELECT stat FROM seen WHERE inode = ?", (found.st_ino,)).fetchone()
    if row is None:
        shutil.copyfile(file, place / "copy")
        hasher = blake3(max_threads=blake3.AUTO)
        hasher.update_mmap(place / "copy")
        database.execute("INSERT INTO seen VALUES (?, ?, ?)", (found.st_ino, stat, hasher.hexdigest()))
    else:
        assert row == (stat,)
    return time.perf_counter() - began


ROW = Row(
    title="a large file into the store, by copy",
    unit="GB/s",
    budget=(">= 1.7 GB/s", "<= 1 ms"),
    size=1 << 30,
    quick=1 << 24,
    sides={
        "ours": Side(ours, steps=False),
        "dvc": Side(by_dvc, steps=False, note="`dvc add`, then `dvc status`, whole processes; md5"),
        "redun": Side(by_redun, steps=False, note="ContentFile hashes each time and keeps no copy"),
        "limit": Side(limit, peer=False, steps=False, note="copy, hash the copy; then a stat and a look-up"),
    },
)

"""A digest can be taken in a forked process, whose parent has hashed on all cores before."""

import os
import select
from pathlib import Path

import pytest

from motools.canonical import digest_file


@pytest.mark.parametrize("size", [90_000, 5_000_000])
def test_a_forked_process_hashes_too(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    expected = digest_file(path)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, digest_file(path).encode())
        finally:
            os._exit(0)
    os.close(writing)
    ready, _, _ = select.select([reading], [], [], 30)
    if not ready:
        os.kill(child, 9)
    said = os.read(reading, 100)
    os.close(reading)
    os.waitpid(child, 0)
    assert said.decode() == expected

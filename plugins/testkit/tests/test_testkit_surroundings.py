"""Where checks run: what is started from there is seen, and new processes find the same modules."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from motools_testkit.surroundings import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, {"ACME_API_KEY": "canary"})


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are looked for in /proc")
def test_processes_started_from_a_place_are_seen_until_they_end(place: Place) -> None:
    assert place.processes() == []
    with place.entered():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not place.processes() and time.monotonic() < deadline:
            time.sleep(0.01)  # until it has its own environment
        assert place.processes() == [child.pid]
    finally:
        child.kill()
        child.wait()
    assert place.processes() == []


def test_one_is_in_a_place_only_inside(place: Place) -> None:
    before = (os.getcwd(), os.environ.get("MOTOOLS_STORAGE_DIR"), tempfile.gettempdir())
    with place.entered():
        assert Path.cwd() == place.work
        assert os.environ["MOTOOLS_STORAGE_DIR"] == str(place.store)
        assert os.environ["ACME_API_KEY"] == "canary"
        assert tempfile.gettempdir() == str(place.temporary)
    assert (os.getcwd(), os.environ.get("MOTOOLS_STORAGE_DIR"), tempfile.gettempdir()) == before


def test_a_new_process_finds_what_this_one_finds(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("SAID = [1, 2]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert place.python("-c", "import json, only_here; print(json.dumps(only_here.SAID))") == [1, 2]
    echo = "import json, os, sys; print(json.dumps([json.load(sys.stdin), os.environ['ACME_API_KEY'], os.getcwd()]))"
    assert place.python("-c", echo, given={"a": 1}) == [{"a": 1}, "canary", str(place.work)]


def test_a_new_process_that_fails_fails_the_check_with_what_it_said(place: Place) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"ended with 3(?s:.*)no such job"):
        place.python("-c", "import sys; print('no such job', file=sys.stderr); sys.exit(3)")


def test_what_stands_in_the_store_is_found(place: Place) -> None:
    (place.store / "jobs").mkdir()
    (place.store / "jobs" / "log").write_bytes(b"\xff\x00Bearer canary")
    assert place.holds("canary") == ["jobs/log"]
    assert place.holds("parrot") == []

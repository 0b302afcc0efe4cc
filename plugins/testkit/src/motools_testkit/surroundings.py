"""Where checks run: a store and a working folder of their own, and new processes that see the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

CHILD_SECONDS = 120


class Place:
    """A folder with a store, an empty working folder and a folder for temporary files.

    Args:
        folder: an empty folder.
        environment: further environment variables.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.store = folder / "store"
        self.work = folder / "work"
        self.temporary = folder / "tmp"
        for each in (self.store, self.work, self.temporary):
            each.mkdir()
        self.variables = {
            **(environment or {}),
            "MOTOOLS_STORAGE_DIR": str(self.store),
            "TMPDIR": str(self.temporary),
        }

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Work here: environment variables, working folder and temporary files."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items():
                patch.setenv(name, value)
            patch.setattr(tempfile, "tempdir", str(self.temporary))
            patch.chdir(self.work)
            yield

    def python(self, *arguments: str, given: Any = None, variables: Mapping[str, str] | None = None) -> Any:
        """Run Python in a new process that finds the same modules, with `given` as JSON on stdin.

        Returns:
            What it printed on stdout, read as JSON.
        """
        done = subprocess.run(
            [sys.executable, *arguments],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            cwd=self.work,
            env={**os.environ, **self.variables, "PYTHONPATH": _path(), **(variables or {})},
            timeout=CHILD_SECONDS,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"a new process ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
        return json.loads(done.stdout)

    def processes(self) -> list[int]:
        """Return the ids of living processes that were started from here; nothing where `/proc` does not tell."""
        mark = f"MOTOOLS_STORAGE_DIR={self.store}".encode()
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                environment = (process / "environ").read_bytes()
            except OSError:  # somebody else's, or gone
                continue
            if mark in environment.split(b"\0") and int(process.name) != os.getpid():
                found.append(int(process.name))
        return found

    def holds(self, text: str) -> list[str]:
        """Return the files of the store in which a text stands."""
        sought = text.encode()
        files = [path for path in self.store.rglob("*") if path.is_file()]
        return [str(path.relative_to(self.store)) for path in files if sought in path.read_bytes()]


def _path() -> str:
    """Return what a new process needs on PYTHONPATH to find what this one finds."""
    usual = _usual_path()
    return os.pathsep.join(entry for entry in sys.path if entry and entry not in usual)


@cache
def _usual_path() -> frozenset[str]:
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    told = subprocess.run(
        [sys.executable, "-c", "import json, sys; print(json.dumps(sys.path))"],
        capture_output=True,
        text=True,
        env=variables,
        cwd=tempfile.gettempdir(),
        check=True,
    )
    return frozenset(json.loads(told.stdout))

"""The folders that steps work in: empty when a step begins, gone when the run stops."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


class Workspaces:
    """The folders of one run. One that a step has left empty is given to a later step: making and removing takes longer
    than many a step.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._empty: list[Path] = []
        self._made = 0

    def take(self) -> Path:
        """Return an empty folder that nobody else has."""
        if self._empty:
            return self._empty.pop()
        self._made += 1
        path = self._folder / str(self._made)
        shutil.rmtree(path, ignore_errors=True)  # left by a process that was killed
        path.mkdir(parents=True)
        return path

    def give_back(self, path: Path, *, ended: bool) -> None:
        """Take a folder back.

        Args:
            path: from `take`.
            ended: whether the step has come to its end; a thread that was given up may still write there.
        """
        try:
            with os.scandir(path) as entries:
                empty = next(entries, None) is None
        except OSError:
            empty = False
        if ended and empty:
            self._empty.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)

    def close(self) -> None:
        """Remove all of them."""
        self._empty.clear()
        shutil.rmtree(self._folder, ignore_errors=True)

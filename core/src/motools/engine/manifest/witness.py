"""Seeing what loading a workflow and making its keys look at, by the interpreter's audit events."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import get_ident
from types import FrameType
from typing import Any

_DOUBTFUL = frozenset(
    [
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.posix_spawn",
        "os.fork",
        "os.forkpty",
        "socket.connect",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostname",
        "urllib.Request",
        "sqlite3.connect",
        "ftplib.connect",
        "http.client.connect",
        "winreg.OpenKey",
    ]
)
"""What asks the world for something that no stamp shows."""

_WATCHED = _DOUBTFUL | {"open", "import", "os.listdir", "os.scandir", "motools.digest_file"}
_OURS = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
_WRITES = os.O_WRONLY | os.O_RDWR


class Witness:
    """What was looked at in the blocks that `looking` made."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        """Files that were read, or that somebody wanted to read."""
        self.folders: set[str] = set()
        """Folders whose names were asked for, other than by an import."""
        self.modules: set[str] = set()
        """Modules that were looked for."""
        self.loaded: set[str] = set()
        """Modules that were imported meanwhile."""
        self.doubt: str | None = None
        """Why it is not known what was looked at, if it is not."""
        self._thread = 0

    @contextmanager
    def looking(self) -> Iterator[None]:
        """See what this thread looks at inside the block."""
        global _witness
        _install()
        before, self._thread = _witness, get_ident()
        loaded = set(sys.modules)
        _witness = self
        try:
            yield
        finally:
            _witness = before
            self.loaded |= sys.modules.keys() - loaded

    def saw(self, event: str, args: tuple[Any, ...]) -> None:
        """Take in one event."""
        if event in _DOUBTFUL:
            self.doubt = self.doubt or event
        elif event == "import":
            self.modules.add(str(args[0]))
        elif event == "open":
            path, mode, flags = args
            writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else flags & _WRITES
            if not writes and not isinstance(path, int):
                self.files.add(_absolute(path))
        elif event == "motools.digest_file":
            self.files.add(_absolute(args[0]))
        elif isinstance(args[0], int):
            self.doubt = self.doubt or event
        elif not _by_import_or_us():
            self.folders.add(_absolute(args[0]))


_witness: Witness | None = None
_installed = False


def _install() -> None:
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    witness = _witness
    if witness is not None and event in _WATCHED and witness._thread == get_ident():
        witness.saw(event, args)


def _absolute(path: Any) -> str:
    return os.path.abspath(os.fsdecode(path) if path is not None else ".")


def _by_import_or_us() -> bool:
    """Say whether a folder is listed to import from it, or by motools itself, which looks for nothing else there."""
    frame: FrameType | None = sys._getframe(3)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith("<frozen importlib"):
            return True
        if not (file.startswith(_STDLIB) or file.startswith("<frozen")) or "site-packages" in file:
            # The folder of settings' files is what `digest_file` sees; this is where motools looks for neighbours.
            return file.startswith(_OURS) and not file.endswith(f"engine{os.sep}references.py")
        frame = frame.f_back
    return False


def source_of_cached(path: str) -> str:
    """Return the source of a file of compiled code in `__pycache__`; any other path as it is."""
    folder, name = os.path.split(path)
    if os.path.basename(folder) != "__pycache__" or not name.endswith(".pyc"):
        return path
    return str(Path(folder).parent / f"{name.partition('.')[0]}.py")

"""Trees: a content shown as a folder, `trees/<digest>/`, made of hard links to objects, never to the user's files."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from motools.canonical import Digest, digest_bytes, digest_file
from motools.errors import CorruptError
from motools.store.disk import os_error
from motools.store.objects import STAMP, Objects

VALUE_FILE = "value.json"
"""Name of the file that shows a JSON value in its tree."""

Entry = tuple[str, Digest, int, bool]
"""One file of a content: relative path, object, size, whether it is executable."""


class Bodies(Protocol):
    """What a tree needs to know of contents."""

    def body(self, digest: Digest) -> tuple[str, bytes]:
        """Return the kind of a content and its canonical JSON."""
        ...

    def entries(self, digest: Digest) -> list[Entry]:
        """Return the files of a content."""
        ...


class Trees:
    """The trees of one store."""

    def __init__(self, store: Path, readonly: bool, objects: Objects, contents: Bodies) -> None:
        self._store = store
        self._folder = store / "trees"
        self._readonly = readonly
        self._objects = objects
        self._contents = contents
        self._checked: set[Digest] = set()

    def path(self, digest: Digest) -> Path:
        """Return a folder that shows the content, for reading only; a JSON value is shown as the file `value.json`.

        Raises:
            NotFoundError, CorruptError: as `value`; a folder that somebody changed is refused too.
        """
        tree = self._folder / digest
        if digest not in self._checked or not tree.is_dir():  # `gc` may have removed it since
            if tree.is_dir():
                self.check(digest)
                for _, file, _, _ in self._contents.entries(digest):
                    self._objects.path(file)
            elif self._readonly:
                return self._copy_aside(digest)
            else:
                self._build(digest, tree)
            self._checked.add(digest)
        return tree

    def check(self, digest: Digest) -> None:
        """Compare the folder of a content with what it must hold; the objects it links to are not hashed.

        Raises:
            CorruptError: a file is missing, altered or too many.
        """
        kind, body = self._contents.body(digest)
        tree = self._folder / digest
        expected: dict[str, Digest] = {VALUE_FILE: digest_bytes("object", body)} if kind == "value" else {}
        expected |= {name: file for name, file, _, _ in self._contents.entries(digest)}
        found = dict(_walk_tree(tree))
        for name in sorted(expected.keys() ^ found.keys()):
            problem = "is missing" if name in expected else "does not belong to it"
            raise self._bad_tree(tree, f"'{name}' {problem}")
        for name, file in expected.items():
            if kind == "files" and self._objects.is_same(file, found[name]):
                continue
            if digest_file(Path(found[name])) != file:
                raise self._bad_tree(tree, f"'{name}' has been altered")

    def _build(self, digest: Digest, tree: Path) -> None:
        """Make the folder beside its place and move it there whole."""
        import shutil

        temporary = self._objects.temporary()
        try:
            self._fill(digest, temporary, link=True)
            self._folder.mkdir(exist_ok=True)
            os.rename(temporary, tree)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                self.check(digest)  # another process made it first
                return
            raise os_error(error, self._store) from error
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def _fill(self, digest: Digest, folder: Path, *, link: bool) -> None:
        import shutil

        kind, body = self._contents.body(digest)
        folder.mkdir()
        if kind == "value":
            (folder / VALUE_FILE).write_bytes(body)
            os.chmod(folder / VALUE_FILE, 0o444)
            return
        for name, file, _, executable in self._contents.entries(digest):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            source = self._objects.path(file)
            try:
                if executable or not link:
                    raise OSError(errno.EMLINK, "an executable file needs a mode of its own")
                os.link(source, target)
            except OSError as error:
                if error.errno not in (errno.EMLINK, errno.EPERM, errno.EXDEV, errno.EOPNOTSUPP):
                    raise
                shutil.copyfile(source, target)
                os.chmod(target, 0o555 if executable else 0o444)
                os.utime(target, ns=(STAMP, STAMP))

    def _copy_aside(self, digest: Digest) -> Path:
        """Show a content of a store that can only be read, outside of it, until the process ends."""
        import atexit
        import shutil
        import tempfile

        folder = Path(tempfile.mkdtemp(prefix="motools-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        self._fill(digest, folder / digest, link=False)
        return folder / digest

    def _bad_tree(self, tree: Path, problem: str) -> CorruptError:
        return CorruptError(
            f"the folder of an atom has been changed: {problem}",
            where=str(tree),
            hint=f"Remove it (`rm -r {tree}`); it is made again from the objects when it is next needed.",
        )


def _walk_tree(folder: Path) -> Iterator[tuple[str, str]]:
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            yield os.path.relpath(path, folder), path

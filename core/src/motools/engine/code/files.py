"""Where code is: a module's file, whether it belongs to a project or is installed, and which distribution holds it."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import NamedTuple

Stamp = tuple[int, int, int, int]
"""Inode, size, mtime_ns and ctime_ns of a file."""

_FILE_MODULES = "_motools_file"  # `motools.contracts.files` names modules so that were loaded by path


class Source(NamedTuple):
    """A module's source.

    Args:
        name: how keys call it: its dotted name; for one loaded by path or run as a script, the name it would be imported by.
        path: the file.
        package: the package that its relative imports start from.
        module: the module, if it is imported.
    """

    name: str
    path: Path
    package: str
    module: ModuleType | None


def stamp_of(path: Path) -> Stamp:
    """Return what changes when a file does."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def source_of(module: ModuleType | None) -> Source | None:
    """Return the source of an imported module; None where there is no file of Python source."""
    file = getattr(module, "__file__", None)
    if module is None or not file or not str(file).endswith(".py"):
        return None
    path = _real(str(file))
    if path is None:
        return None
    name = module.__name__
    if name == "__main__" or name.startswith(_FILE_MODULES):
        spec = getattr(module, "__spec__", None)
        name = spec.name if name == "__main__" and spec is not None else name_by_folders(path)
    is_package = path.name == "__init__.py"
    return Source(name, path, name if is_package else name.rpartition(".")[0], module)


_real_paths: dict[str, Path] = {}


def _real(file: str) -> Path | None:
    if file not in _real_paths:
        if not os.path.isfile(file):
            return None
        _real_paths[file] = Path(os.path.realpath(file))
    return _real_paths[file]


@cache
def name_by_folders(path: Path) -> str:
    """Return the name a file would be imported by: its own, after those of the packages it lies in."""
    parts = [path.stem] if path.stem != "__init__" else []
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    return ".".join(parts) or path.parent.name


def find_source(name: str, importer: Source) -> Source | None:
    """Return the source that `import name` gets in `importer`, without importing it; None: not there, or no Python source."""
    loaded = _as_seen_by(name, importer) or sys.modules.get(name)
    found = source_of(loaded)
    if found is not None and not _is_anothers_neighbour(found, name, importer):
        return found
    if loaded is not None and found is None:
        return None
    for folder in (str(importer.path.parent), *_path()):
        made = source_in(folder, name.split("."), name)
        if made is not None:
            return made
    return None


def source_in(folder: str, parts: list[str], name: str) -> Source | None:
    """Return the source of a module that is not imported, from the folder that holds its first part; None: not there."""
    base = os.path.join(folder, *parts)
    for file in (f"{base}.py", os.path.join(base, "__init__.py")):
        if os.path.isfile(file):
            path = Path(os.path.realpath(file))
            return Source(name, path, name if path.name == "__init__.py" else name.rpartition(".")[0], None)
    return None


def _as_seen_by(name: str, importer: Source) -> ModuleType | None:
    """Return the module of that name that the importer holds, or holds a function of: of several with one name, it may not
    be the latest.
    """
    for value in vars(importer.module).values() if importer.module is not None else ():
        if isinstance(value, ModuleType) and value.__name__ == name:
            return value
        if isinstance(value, FunctionType) and value.__globals__.get("__name__") == name:
            return module_of(value)
    return None


def module_of(function: FunctionType) -> ModuleType:
    """Return the module whose globals a function has (`__module__` may have been set by `functools.wraps`)."""
    names = function.__globals__
    module = sys.modules.get(str(names.get("__name__")))
    if module is None or vars(module) is not names:
        # It was taken out of sys.modules, so that another of the same name could be imported.
        module = ModuleType(str(names.get("__name__")))
        module.__dict__.update(names)
    return module


def _is_anothers_neighbour(found: Source, name: str, importer: Source) -> bool:
    """Say whether a module was imported for a file in another folder, while the importer, a file that was loaded by its path
    or imported by one, has a module of that name beside it.
    """
    folder = importer.path.parent
    if "motools.contracts.files" not in sys.modules:  # then no file was loaded by its path
        return False
    from motools.contracts.files import is_neighbourhood

    if "." in name or found.path.parent == folder or is_installed(found.path) or not is_neighbourhood(folder):
        return False
    return (folder / f"{name}.py").is_file()


def _path() -> list[str]:
    return [entry or "." for entry in sys.path if isinstance(entry, str)]


_INSTALLED = tuple(
    {os.path.realpath(sysconfig.get_path(kind)) + os.sep for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_MOTOOLS = os.path.realpath(Path(__file__).parents[2]) + os.sep


@cache
def is_installed(path: Path) -> bool:
    """Say whether code is known by its distribution's version: the standard library, site-packages, and motools itself."""
    text = str(path)
    if "site-packages" in path.parts or "dist-packages" in path.parts:
        return True
    return text.startswith((*_INSTALLED, _MOTOOLS))


def top_level(module: str) -> str:
    """Return the first part of a module's name."""
    return module.partition(".")[0]


@cache
def version_of(package: str) -> str | None:
    """Return `name version` of the distribution that holds a top-level package; None: the standard library, or unknown."""
    if package in sys.stdlib_module_names:
        return None
    if package == "motools":
        from motools import __version__

        return f"motools {__version__}"
    wanted = _normal(package)
    for folder in _path():
        for name, version in _distributions(folder):
            if _normal(name) == wanted:
                return f"{_normal(name)} {version}"
    for folder in _path():  # a package named otherwise than its distribution
        for name, version in _distributions(folder):
            if package in _top_levels(folder, name, version):
                return f"{_normal(name)} {version}"
    if package not in sys.modules:
        return None
    from importlib import metadata  # slow: it reads the list of files of every distribution

    names = metadata.packages_distributions().get(package, [])
    return ", ".join(sorted({f"{_normal(name)} {metadata.version(name)}" for name in names})) or None


@cache
def _top_levels(folder: str, name: str, version: str) -> frozenset[str]:
    try:
        return frozenset(Path(folder, f"{name}-{version}.dist-info", "top_level.txt").read_text().split())
    except (OSError, UnicodeDecodeError):
        return frozenset()


@cache
def _distributions(folder: str) -> tuple[tuple[str, str], ...]:
    try:
        entries = os.listdir(folder)
    except OSError:
        return ()
    found = (re.fullmatch(r"(.+?)-([^-]+)\.dist-info", entry) for entry in entries)
    return tuple((match[1], match[2]) for match in found if match)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()  # installers write it in several ways

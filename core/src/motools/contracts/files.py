"""Functions in a Python file that no distribution holds: `./file.py:attribute`."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from motools.canonical import digest_bytes
from motools.config.references import near_file
from motools.contracts.calling import raised
from motools.errors import InputError, did_you_mean


def load_from_file(text: str) -> Any:
    """Return `attribute` (dotted or not) of a Python file, imported once a process and again when it has changed.

    Raises:
        InputError: no attribute is named, there is no such file or attribute.
        DataError: importing the file raised; `where` is the line.
    """
    name, colon, attribute = text.rpartition(":")
    if not colon or not name.endswith(".py") or not attribute:
        raise InputError(f"'{text}' does not say what in the file is meant", hint=_what_to_write(text))
    path = Path(name).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"there is no file '{name}'", hint=near_file(path))
    module = import_file(path)
    value: Any = module
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            public = [item for item in dir(value) if not item.startswith("_")]
            told = own_names(path) if value is module else public
            hint = did_you_mean(part, public) or (f"It has {', '.join(told)}." if 0 < len(told) < 20 else None)
            raise InputError(f"'{name}' has no attribute '{attribute}'", hint=hint) from None
    return value


def own_names(path: Path) -> list[str]:
    """Return the public names that a Python file gives at its top level, without those it imports and without running it.

    A file that is not there or is no Python gives none.
    """
    import ast

    try:
        body = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return []
    names: list[str] = []
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names.extend(target.id for target in targets if isinstance(target, ast.Name))
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def _what_to_write(text: str) -> str:
    name = text.rpartition(":")[0] if text.endswith(":") else text
    names = own_names(Path(name).expanduser()) if name.endswith(".py") else []
    return f"Write one of: {', '.join(f'{name}:{own}' for own in names[:8])}" if names else "Write ./file.py:attribute."


def import_file(path: Path) -> ModuleType:
    """Import a Python file under a private name that depends on its path alone, and return the module.

    Its folder is put on the end of `sys.path`, so that it can import what lies beside it; of files in several folders, each
    imports its own neighbours.

    Raises:
        DataError: it raised; `where` is the line.
    """
    path = path.resolve()
    stem = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    place = digest_bytes("file-module", os.fsencode(path))[:12]
    name = f"_motools_file_{place}_{stem}"
    stamp = (path.stat().st_mtime_ns, path.stat().st_size)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__motools_stamp__", None) == stamp:
        return known
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    module.__motools_stamp__ = stamp  # type: ignore[attr-defined]
    _prefer(str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise raised(error, name=f"the file '{path}'", doing="being imported") from error
    return module


_folders: list[str] = []  # those put on sys.path here, the latest first


def is_neighbourhood(folder: Path) -> bool:
    """Say whether files of a folder were loaded by their paths, so that they import what lies beside them."""
    return str(folder) in _folders


def _prefer(folder: str) -> None:
    """Let imports find what lies in `folder` before what lies in folders of other such files, but after all else."""
    if folder not in _folders and folder in sys.path:
        return  # it was there already, and comes where its owner wants it
    if folder in _folders:
        _folders.remove(folder)
    _folders.insert(0, folder)
    sys.path[:] = [entry for entry in sys.path if entry not in _folders] + _folders
    for neighbour in {entry.stem for entry in Path(folder).iterdir()}:
        known = sys.modules.get(neighbour)
        file = getattr(known, "__file__", None)
        if file and any(Path(file).is_relative_to(other) for other in _folders[1:]):
            # Whoever imported it keeps it; the file imported now gets the one beside it.
            del sys.modules[neighbour]
    importlib.invalidate_caches()

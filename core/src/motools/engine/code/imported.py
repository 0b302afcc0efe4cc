"""Whether a file still is what was imported from it."""

from __future__ import annotations

import os
import time
import types
from functools import cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

from motools.engine.code.files import Source, Stamp

_SLACK_NS = 50_000_000  # clocks of files and of processes tick in hundredths of a second


def is_as_imported(source: Source, stamp: Stamp, data: bytes) -> bool:
    """Say whether a module's file holds what the module was made from.

    A file that has not been touched since the process began does. Otherwise its functions, compiled again, are compared
    with those in memory. A module that is not imported yet is as it will be; of one whose loader changes what it reads
    (pytest's) nothing can be said, and it is taken for unchanged.
    """
    module = source.module
    if module is None:
        return True
    began = _process_began()
    if began is not None and max(stamp[2], stamp[3]) < began - _SLACK_NS:
        return True
    loaded = getattr(module, "__motools_stamp__", None)
    if loaded is not None:
        return tuple(loaded) == (stamp[2], stamp[1])
    if type(getattr(module, "__loader__", None)) not in (SourceFileLoader, type(None)):
        return True
    if _compiled_from_another(module, stamp, began):
        return False
    return _same_functions(module, source.path, data)


@cache
def _process_began() -> int | None:
    """Return when this process began, in ns since 1970; None where that is not known."""
    try:
        fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return time.time_ns() - int(age * 1e9)
    except (OSError, AttributeError, ValueError, IndexError):
        return None


def _compiled_from_another(module: types.ModuleType, stamp: Stamp, began: int | None) -> bool:
    """Say whether the byte code this process (or a later one) wrote is of another edition of the file."""
    cached = getattr(module, "__cached__", None)
    try:
        if not cached or began is None or os.stat(cached).st_mtime_ns < began:
            return False
        with open(cached, "rb") as file:
            header = file.read(16)
    except OSError:
        return False
    if len(header) < 16 or int.from_bytes(header[4:8], "little"):
        return False
    seconds, size = int.from_bytes(header[8:12], "little"), int.from_bytes(header[12:16], "little")
    return (seconds, size) != (stamp[2] // 1_000_000_000 & 0xFFFFFFFF, stamp[1] & 0xFFFFFFFF)


def _same_functions(module: types.ModuleType, path: Path, data: bytes) -> bool:
    try:
        compiled = compile(data, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    known: dict[str, list[types.CodeType]] = {}
    _collect(compiled, known)
    for function in _functions(module, path):
        editions = known.get(function.__code__.co_qualname, [])
        if not any(_alike(function.__code__, edition) for edition in editions):
            return False
    return True


def _collect(code: types.CodeType, known: dict[str, list[types.CodeType]]) -> None:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            known.setdefault(constant.co_qualname, []).append(constant)
            _collect(constant, known)


def _functions(module: types.ModuleType, path: Path) -> list[types.FunctionType]:
    """Return the functions of a module and of its classes, those wrapped included."""
    found: dict[int, types.FunctionType] = {}
    todo: list[Any] = list(vars(module).values())
    for _ in range(100_000):
        if not todo:
            break
        value = todo.pop()
        if isinstance(value, type) and value.__module__ == module.__name__:
            todo += vars(value).values()
        elif isinstance(value, types.FunctionType):
            ours = value.__globals__ is vars(module) and os.path.realpath(value.__code__.co_filename) == str(path)
            if ours and id(value) not in found:
                found[id(value)] = value
        elif isinstance(value, (staticmethod, classmethod)):
            todo.append(value.__func__)
        elif isinstance(value, property):
            todo += [value.fget, value.fset, value.fdel]
        inner = getattr(value, "__dict__", None) if callable(value) and not isinstance(value, type) else None
        if isinstance(inner, dict):
            todo += [inner[name] for name in ("__wrapped__", "fn", "func") if name in inner]
    return list(found.values())


def _alike(left: types.CodeType, right: types.CodeType) -> bool:
    """Compare code but for where it stands."""
    if (left.co_code, left.co_names, left.co_varnames, left.co_freevars) != (
        right.co_code,
        right.co_names,
        right.co_varnames,
        right.co_freevars,
    ):
        return False
    if len(left.co_consts) != len(right.co_consts):
        return False
    for mine, other in zip(left.co_consts, right.co_consts, strict=True):
        if isinstance(mine, types.CodeType):
            if not isinstance(other, types.CodeType) or not _alike(mine, other):
                return False
        elif repr(mine) != repr(other):
            return False
    return True

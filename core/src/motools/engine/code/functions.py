"""What can be asked of a function or class object itself."""

from __future__ import annotations

import ast
import os
import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import Any


class NoSource(Exception):
    """There is no source to know the code by; the message says of what, and why."""


def closure_values(function: types.FunctionType) -> list[tuple[str, Any]]:
    """Return the variables a function closes over, with their values, so far as they have one."""
    found = []
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # not bound yet; reading it would raise in the function too
            found.append((variable, cell.cell_contents))
    return found


def default_values(function: types.FunctionType) -> list[tuple[str, Any]]:
    """Return the parameters of a function that have defaults, with these."""
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    values = function.__defaults__ or ()
    pairs = list(zip(names[len(names) - len(values) :], values, strict=True))
    return [*pairs, *sorted((function.__kwdefaults__ or {}).items())]


def global_names(code: types.CodeType) -> set[str]:
    """Return the names that code, or functions in it, look up outside of functions (and names of attributes)."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= global_names(constant)
    return found


def at_position(nodes: list[ast.AST], code: types.CodeType) -> ast.AST:
    """Return the one of several functions on a line that `code` was compiled from."""
    places = [(p[0], p[2]) for p in code.co_positions() if p[0] and p[2] is not None and p[0] >= code.co_firstlineno]
    places = [place for place in places if place[1]]
    fitting = [node for node in nodes if places and all(_within(node, *place) for place in places)]
    if not fitting:
        raise NoSource(f"several functions '{code.co_name}' begin on line {code.co_firstlineno}; put each on its own")
    return min(fitting, key=lambda node: (node.end_lineno - node.lineno, node.end_col_offset - node.col_offset))  # type: ignore[attr-defined]


def _within(node: Any, line: int, column: int) -> bool:
    return (node.lineno, node.col_offset) <= (line, column) <= (node.end_lineno, node.end_col_offset)


def same_file(path: Path, file: str) -> bool:
    """Say whether a resolved path and the name code gives its file are one."""
    return str(path) == file or str(path) == os.path.realpath(file)


def in_python(cls: type) -> bool:
    """Say whether all that an object of a class holds can be seen: it is written in Python."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
    return str(file).endswith(".py") and bool(cls.__flags__ & 1 << 9)


def slots(cls: type) -> list[str]:
    """Return the names of the slots a class itself declares."""
    declared = vars(cls).get("__slots__", ())
    names = [declared] if isinstance(declared, str) else list(declared)
    return [name for name in names if name not in ("__dict__", "__weakref__")]

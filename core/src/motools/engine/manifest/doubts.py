"""Modules whose import asks for something that no file shows: the time, chance, whether a file is there.

What such a module holds may be other the next time though nothing changed, so no manifest is written for it. Looked at is what
runs when the module is imported or settings are made: statements, decorators, defaults, bodies of classes and their methods, and
functions of the module that these call.
"""

from __future__ import annotations

import ast
import os
from functools import lru_cache

from motools.engine.manifest.places import DoubtError, file_stamp

_MODULES = frozenset({"random", "secrets", "uuid", "socket", "subprocess", "tempfile", "requests", "httpx", "glob"})
"""Whose functions are in doubt, whatever they are called."""

_NAMES = frozenset(
    [
        "now",
        "today",
        "utcnow",
        "time",
        "time_ns",
        "monotonic",
        "perf_counter",
        "process_time",
        "ctime",
        "gmtime",
        "localtime",
        "strftime",
        "random",
        "randint",
        "randrange",
        "choice",
        "choices",
        "shuffle",
        "sample",
        "uniform",
        "gauss",
        "getrandbits",
        "urandom",
        "token_hex",
        "uuid1",
        "uuid4",
        "rand",
        "randn",
        "default_rng",
        "exists",
        "lexists",
        "is_file",
        "is_dir",
        "isfile",
        "isdir",
        "islink",
        "stat",
        "lstat",
        "getmtime",
        "getsize",
        "getctime",
        "access",
        "disk_usage",
        "getpid",
        "getppid",
        "getloadavg",
        "cpu_count",
        "gethostname",
        "uname",
        "getuser",
        "getlogin",
        "find_spec",
        "which",
        "hash",
        "memory_info",
        "is_available",
        "device_count",
    ]
)
"""Functions and methods of these names are in doubt, whosever they are."""

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


def check_module(path: str) -> None:
    """Refuse a module whose import asks for what no file shows.

    Raises:
        DoubtError: it does, or it cannot be read.
    """
    try:
        found = _asks(path, tuple(file_stamp(path) or ()))
    except (OSError, SyntaxError, ValueError, RecursionError) as error:
        raise DoubtError(f"'{path}' cannot be read: {error}") from error
    if found is not None:
        raise DoubtError(f"'{os.path.basename(path)}' calls '{found}' while it is imported")


@lru_cache(maxsize=4096)
def _asks(path: str, stamp: tuple[int, ...]) -> str | None:
    """Return what a module calls that is in doubt; None: nothing."""
    if not path.endswith(".py"):
        return None  # compiled: only its bytes can be known
    with open(path, "rb") as file:
        tree = ast.parse(file.read())
    modules: dict[str, str] = {}
    functions: dict[str, list[ast.AST]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name.partition(".")[0]: alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.setdefault(node.name, []).append(node)
    todo: list[ast.AST] = [tree]
    seen: set[int] = set()
    while todo:
        for call in _calls(todo.pop(), seen):
            chain = _chain(call.func)
            root, last = chain[0], chain[-1]
            origin = modules.get(root, "").split(".")
            if origin[0] in _MODULES or last in _NAMES or origin[-1] in _NAMES:
                return ".".join(filter(None, chain))
            todo += functions.get(last, ())
            todo += functions.get(root, ())
    return None


def _calls(node: ast.AST, seen: set[int]) -> list[ast.Call]:
    """Return the calls in what runs of a node: of a module or class its statements, of a function its body."""
    found: list[ast.Call] = []
    todo: list[ast.AST] = list(ast.iter_child_nodes(node))
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, ast.Call):
            found.append(part)
        if isinstance(part, _FUNCTIONS) and not isinstance(node, ast.ClassDef):
            todo += part.args.defaults + [each for each in part.args.kw_defaults if each is not None]
            todo += getattr(part, "decorator_list", [])
            if isinstance(part, ast.Lambda):
                todo.append(part.body)
        elif isinstance(part, ast.ClassDef):
            found += _calls(part, seen)  # its methods may be called when settings are made
        else:
            todo += ast.iter_child_nodes(part)
    return found


def _chain(node: ast.AST) -> list[str]:
    """Return the names of a dotted chain; an empty one stands for anything else at its root."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.insert(0, node.attr)
        node = node.value
    return [node.id if isinstance(node, ast.Name) else "", *parts]

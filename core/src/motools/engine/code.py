"""Which code a step, loader or task is: the part of a key that changes when the code does.

Code of a project (and of editable installs) is known by the syntax trees of its module and of every project module that
one imports, directly or further down, so that comments and layout do not count and any helper does. Code of an installed
distribution is known by the distribution's version, or by the `cache_version` of the component or step. Code without a
source (a notebook's cell), and a closure over something that cannot be written down, is unknown: never used again.
"""

from __future__ import annotations

import ast
import sys
import sysconfig
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from motools.canonical import JSON, canonical_json, digest_bytes, digest_json
from motools.errors import CanonicalError


def code_identity(
    target: Callable[..., Any] | Any, *, cache_version: int | None = None, _above: tuple[int, ...] = ()
) -> dict[str, JSON]:
    """Return the identity of the code behind `target` as JSON values, `unknown` among them where it cannot be told.

    Args:
        target: a function, class or object; partials and wrappers are looked through.
        cache_version: stands in for the code, where it is declared.
    """
    function = target
    while hasattr(function, "func") and not hasattr(function, "__code__"):
        function = function.func
    module = getattr(function, "__module__", None) or type(function).__module__
    name = f"{module}:{getattr(function, '__qualname__', type(function).__qualname__)}"
    bound = _bound(target, _above)
    more: dict[str, JSON] = {"bound": bound} if bound else {}
    if cache_version is not None:
        return {"name": _portable(name), "cache_version": cache_version, **(more if is_known(more) else {})}
    loaded = sys.modules.get(module)
    path = _source(loaded)
    if path is None:
        return {"name": _portable(name), "unknown": _compiled(function), **more}
    if _installed(path):
        return {"name": name, "version": _version(module), **more}
    return {"name": _portable(name), "code": modules_digest(loaded), **more}


def is_known(identity: JSON) -> bool:
    """Say whether an identity leaves nothing out: neither it nor a function it is bound to is `unknown`."""
    if not isinstance(identity, dict):
        return True
    bound = identity.get("bound")
    return "unknown" not in identity and (not isinstance(bound, dict) or all(map(is_known, bound.values())))


def _bound(target: Any, above: tuple[int, ...]) -> dict[str, JSON]:
    """Return what a function carries besides its code: what it closes over, and the arguments of a partial."""
    values: dict[str, Any] = {}
    if isinstance(target, partial):
        values = {"function": target.func, **{f"argument {place}": value for place, value in enumerate(target.args)}}
        values |= {f"argument {name}": value for name, value in target.keywords.items()}
    elif isinstance(target, FunctionType):
        for name, cell in zip(target.__code__.co_freevars, target.__closure__ or (), strict=True):
            with suppress(ValueError):  # not assigned yet
                values[name] = cell.cell_contents
    bound: dict[str, JSON] = {}
    for name, value in values.items():
        if isinstance(value, FunctionType | type | partial):
            if value is not target and id(value) not in above:
                bound[name] = code_identity(value, _above=(*above, id(target)))
            continue
        try:
            canonical_json(value)
            bound[name] = ["value", value]
        except CanonicalError:
            bound[name] = {"unknown": type(value).__qualname__}
    return bound


def _compiled(function: Any) -> str:
    """Return a digest of a function's own bytecode, which tells two functions without a source apart."""
    code = getattr(function, "__code__", None)

    def parts(code: CodeType) -> JSON:
        consts = [parts(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
        return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), consts]

    return digest_json("bytecode", parts(code)) if isinstance(code, CodeType) else type(function).__qualname__


def _portable(name: str) -> str:
    # A file run as a script and the same file imported are one; a path in a private module name says where, not what.
    module, _, rest = name.partition(":")
    loaded = sys.modules.get(module)
    path = _source(loaded)
    if path is not None and (module == "__main__" or module.startswith("_motools_file")):
        return f"{path.stem}:{rest}"
    return name


def modules_digest(module: ModuleType | None) -> str:
    """Return the digest of a project module and of every project module it imports, however indirectly."""
    found: dict[str, str] = {}
    todo: list[tuple[str, Path]] = []
    path = _source(module)
    if module is not None and path is not None:
        todo.append((path.stem if module.__name__.startswith(("__main__", "_motools_file")) else module.__name__, path))
    seen: set[Path] = set()
    while todo:
        name, path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        tree_digest, imports = _read(path, name)
        found[name] = tree_digest
        for imported in imports:
            origin = _project_file(imported, path)
            if origin is not None and origin not in seen:
                todo.append((imported, origin))
    return digest_json("code", found)


_READ: dict[tuple[str, int, int], tuple[str, tuple[str, ...]]] = {}


def _read(path: Path, name: str) -> tuple[str, tuple[str, ...]]:
    """Return the digest of a file's syntax tree and the modules it imports by name."""
    stat = path.stat()
    key = (str(path), stat.st_mtime_ns, stat.st_size)
    if key not in _READ:
        tree = ast.parse(path.read_bytes(), filename=str(path))
        _READ[key] = (_tree_digest(tree), tuple(_imports(tree, name, path.name == "__init__.py")))
    return _READ[key]


def _tree_digest(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(
            node, clean=False
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return digest_bytes("syntax", ast.dump(tree, annotate_fields=False).encode("utf-8", "surrogatepass"))


def _imports(tree: ast.Module, module: str, is_package: bool) -> list[str]:
    names: list[str] = []
    package = module if is_package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, base] if base else parents)
            names.append(base)
            names += [f"{base}.{alias.name}" for alias in node.names if alias.name != "*"]
    return names


def _project_file(name: str, importer: Path) -> Path | None:
    """Return the source of a module if it is project code, without importing it."""
    loaded = sys.modules.get(name)
    path = _source(loaded)
    if path is None:
        # Not imported (yet), or imported under another name: look beside the importer and on the path.
        parts = Path(*name.split(".")) if name else None
        if parts is None:
            return None
        for folder in (importer.parent, *(Path(entry or ".") for entry in sys.path)):
            for candidate in (folder / parts.with_suffix(".py"), folder / parts / "__init__.py"):
                if candidate.is_file():
                    path = candidate.resolve()
                    break
            if path:
                break
    if path is None or _installed(path):
        return None
    # motools itself is known by its version, also while it is being worked on: its steps declare theirs.
    return None if name.split(".")[0] == "motools" else path


def _source(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    if not file or not str(file).endswith(".py"):
        return None
    path = Path(file)
    return path.resolve() if path.is_file() else None


_INSTALLED = tuple(
    {str(Path(sysconfig.get_path(kind)).resolve()) for kind in ("stdlib", "platstdlib", "purelib", "platlib")}
)


def _installed(path: Path) -> bool:
    text = str(path)
    return text.startswith(_INSTALLED) or "site-packages" in path.parts or "dist-packages" in path.parts


def _version(module: str) -> str:
    from importlib import metadata

    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"python {sys.version_info.major}.{sys.version_info.minor}"
    names = metadata.packages_distributions().get(top, [])
    return ", ".join(sorted(f"{name} {metadata.version(name)}" for name in set(names))) or "unknown"

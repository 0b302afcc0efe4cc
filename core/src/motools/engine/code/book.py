"""The code of a run: what each function is known by, taken once, and whether its sources are still those."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import CodeType, MappingProxyType, MethodType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from motools.canonical import JSON, digest_json
from motools.engine.code.definition import Definition, of_value
from motools.engine.code.files import Source, Stamp, is_installed, source_of, stamp_of
from motools.engine.code.functions import NoSource
from motools.engine.code.imported import is_as_imported
from motools.engine.code.objects import Objects, Shared
from motools.engine.code.syntax import source
from motools.errors import CanonicalError, CorruptError, DataError, NotFoundError

if TYPE_CHECKING:
    from motools.store import Store


class Code(NamedTuple):
    """What the code of a step, loader or task is known by.

    Args:
        name: `module:qualname`.
        parts: definition name → digest; or `{"version": ...}`, `{"cache_version": n}`, `{"uncached": reason}`.
        packages: installed package → distribution and version, of those the code uses.
        definitions: definition name → what its digest is of, for `explain`.
        full: whether docstrings and annotations count.
        reason: why no result may be kept or reused under it; None: it may.
    """

    name: str
    parts: dict[str, JSON]
    packages: Mapping[str, JSON] = MappingProxyType({})
    definitions: Mapping[str, Definition] = MappingProxyType({})
    full: bool = False
    reason: str | None = None
    files: Mapping[Path, Stamp] = MappingProxyType({})

    @property
    def syntaxes(self) -> dict[str, JSON]:
        """Return definition name → its syntax, or the value it is."""
        return {name: definition.syntax(self.full) for name, definition in self.definitions.items()}

    def to_json(self) -> dict[str, JSON]:
        """Return name, parts and packages as one JSON object."""
        return {"name": self.name, "code": self.parts, **({"packages": dict(self.packages)} if self.packages else {})}


class CodeBook:
    """Reads code once and remembers it; a run has one, made at its start."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Code] = {}
        self._kept: list[Any] = []  # so that no id is given out again
        self._again: dict[int, Callable[[CodeBook], Code]] = {}
        self._as_imported: dict[Path, bool] = {}
        self._shared = Shared()

    @property
    def files(self) -> Mapping[Path, Stamp]:
        """The project's files that were read, each as it was then."""
        return self._shared.files.stamps

    def code(
        self,
        target: Any,
        *,
        with_: Sequence[Any] = (),
        cache_version: int | None = None,
        uncached: str | None = None,
    ) -> Code:
        """Return what the code behind `target` is known by.

        Args:
            target: a function, class, partial, or object that can be called.
            with_: more code that belongs to it (the class of its settings); what has no source is left out.
            cache_version: stands in for the code, where it is declared; what a closure or partial carries still counts.
            uncached: why its results are never used again anyway; then a value that has no form in keys is no error.

        Raises:
            CanonicalError: a closure, default or argument of a partial has no form in keys; the message names it.
        """
        key = ("code", id(target), cache_version, uncached, *map(id, with_))

        def read(book: CodeBook) -> Code:
            if cache_version is not None:
                carried = {n: of_value(v) for n, v in Objects(book._shared).carried(target).items()}
                values: dict[str, JSON] = {name: value.digest(False) for name, value in carried.items()}
                return Code(_name(target), {"cache_version": cache_version, **values}, definitions=carried)
            try:
                return book._read(_name(target), lambda objects: _walk(objects, target, with_), target)
            except CanonicalError as error:
                if uncached is None:
                    raise
                return _without(target, f"{uncached}; {error.where}: {error.message}")
            except NoSource as error:
                return _without(target, str(error))

        return self._once(key, (target, with_), read)

    def named(self, target: Any, module: str, attribute: str) -> Code:
        """Return what the code of a module's attribute is known by, also of one that is no function.

        Args:
            target: what the attribute holds.
            module: the module's name, or the path of its file.
            attribute: its name there.

        Raises:
            CanonicalError: see `code`.
        """
        found = source_of(_module(module))
        if found is None or is_installed(found.path) or callable(target):
            return self.code(target if callable(target) else type(target))

        def walk(objects: Objects) -> str:
            objects.reach.name(found, attribute)
            return f"{found.name}:{attribute}"

        def read(book: CodeBook) -> Code:
            return book._read(f"{found.name}:{attribute}", walk)

        return self._once(("named", found.path, attribute), (), read)

    def _once(self, key: tuple[Any, ...], kept: Any, read: Callable[[CodeBook], Code]) -> Code:
        if key not in self._known:
            self._kept.append(kept)
            code = self._known[key] = read(self)
            self._again[id(code)] = read
        return self._known[key]

    def _read(self, name: str, walk: Callable[[Objects], str], target: Any = None) -> Code:
        objects = Objects(self._shared)
        name = walk(objects)
        reach = objects.reach
        definitions, packages = reach.result(), reach.versions()
        if target is not None and any(one.is_several for one in definitions.values()):
            # Functions that are made alike reach each other through a list, say: which of them is this?
            own = objects.nodes.get(_innermost(target))
            itself: JSON = {"carries": objects.carried(target), "is": own.digest(reach.reads_docs) if own else None}
            definitions[f"{name} itself"] = of_value(itself)
        if not definitions:
            version = packages.get(name.partition(":")[0].partition(".")[0]) or f"python {sys.version_info.major}"
            return Code(name, {"version": version})
        full = reach.reads_docs
        digests: dict[str, JSON] = {part: definition.digest(full) for part, definition in definitions.items()}
        files = {path: self._shared.files.stamps[path] for path in reach.entered}
        edited = [path.name for path, source in reach.entered.items() if not self._same(source, files[path])]
        reason = next(iter(reach.unread.values()), None)
        if edited:
            listed = ", ".join(f"'{file}'" for file in sorted(edited))
            reason = f"{listed} changed after it was imported: start again to use what is there now"
        if reason is not None:
            digests["uncached"] = reason
        return Code(name, digests, packages, definitions, full, reason, files)

    def _same(self, where: Source, stamp: Stamp) -> bool:
        if where.path not in self._as_imported:
            self._as_imported[where.path] = is_as_imported(where, stamp, where.path.read_bytes())
        return self._as_imported[where.path]

    def changed(self, code: Code) -> list[str]:
        """Return the definitions of `code`, which this book returned, whose sources are others now."""
        if code.reason is not None or not any(map(_touched, code.files.items())):
            return []
        try:
            new = self._again[id(code)](CodeBook()).parts
        except CanonicalError:
            new = {}
        names = {*code.parts, *new} - {"uncached", "bytecode"}
        return sorted(name for name in names if code.parts.get(name) != new.get(name) and not _is_value(name))


def _is_value(name: str) -> bool:
    # Closures and what names hold now change as the program goes on; only files are asked about.
    return name.endswith((" now", " self", " object", " itself")) or any(
        kind in name for kind in (" closure '", " default '", " argument ")
    )


def _touched(item: tuple[Path, Stamp]) -> bool:
    try:
        return stamp_of(item[0]) != item[1]
    except OSError:
        return True


def _walk(objects: Objects, target: Any, with_: Sequence[Any]) -> str:
    name = objects.code(target, f"'{_name(target).rpartition(':')[2]}'")
    for item in with_:
        with suppress(NoSource):
            objects.code(item, f"'{getattr(item, '__qualname__', item)}'")
    return name


def _without(target: Any, reason: str) -> Code:
    return Code(_name(target), {"uncached": reason, "bytecode": _bytecode(target)}, reason=reason)


def _module(name: str) -> ModuleType | None:
    if name.endswith(".py"):
        from motools.contracts.files import import_file

        return import_file(Path(name).expanduser())
    return sys.modules.get(name)


def sources(target: Any) -> dict[str, str]:
    """Return definition name → normalised source of everything that `target`'s code reaches; empty for installed code."""
    return {name: source(value) for name, value in CodeBook().code(target).syntaxes.items()}


def source_text(store: Store, digest: str) -> str | None:
    """Return the normalised source of a definition by its digest in a key; None if the store does not have it (any more)."""
    try:
        return source(store.content.value(digest))
    except (NotFoundError, DataError, CorruptError):
        return None


def _name(target: Any) -> str:
    inner = target
    while hasattr(inner, "func") and not hasattr(inner, "__code__"):
        inner = inner.func
    module = getattr(inner, "__module__", None) or type(inner).__module__
    found = source_of(sys.modules.get(module))
    qualname = getattr(inner, "__qualname__", type(inner).__qualname__)
    return f"{found.name if found else module}:{qualname}"


def _innermost(target: Any) -> Any:
    while isinstance(target, (partial, MethodType)):
        target = target.func if isinstance(target, partial) else target.__func__
    return target


def _bytecode(target: Any) -> str:
    """Return a digest that tells functions without source apart within one version of Python."""

    def parts(code: CodeType) -> JSON:
        constants = [parts(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
        return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]

    code = getattr(_innermost(target), "__code__", None)
    return digest_json("bytecode", parts(code) if isinstance(code, CodeType) else type(target).__qualname__)

"""What code reaches: from the names in a piece of syntax to the definitions behind them, module by module."""

from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Callable
from pathlib import Path

from motools.canonical import JSON, digest_file
from motools.engine.code.definition import Definition, together
from motools.engine.code.files import (
    Source,
    Stamp,
    find_source,
    is_installed,
    source_in,
    stamp_of,
    top_level,
    version_of,
)
from motools.engine.code.mentions import Mentions
from motools.engine.code.table import TOP, WHOLE, Statement, Table, literal, table_of

_CONTRACT = ("motools.workflow.", "motools.atom.", "motools.config.", "motools.plugins.", "motools.errors.")
"""Modules that a step is declared with; what they do is promised, so a new version of motools re-runs nothing."""

_tables: dict[Path, tuple[Stamp, Table]] = {}


def read_table(path: Path) -> tuple[Stamp, Table]:
    """Return a file's stamp and table, read anew when the file has changed.

    Raises:
        OSError, SyntaxError, ValueError, RecursionError: it cannot be read.
    """
    stamp = stamp_of(path)
    known = _tables.get(path)
    if known is None or known[0] != stamp:
        known = _tables[path] = (stamp, table_of(path.read_bytes()))
    return known


class Files:
    """The files of a project, each read once: what is asked for later is what was there at first."""

    def __init__(self) -> None:
        self.stamps: dict[Path, Stamp] = {}
        self._read: dict[Path, Table] = {}
        self._found: dict[tuple[Path, str], Source | None] = {}

    def table(self, path: Path) -> Table:
        """Return a file's table.

        Raises:
            OSError, SyntaxError, ValueError, RecursionError: it cannot be read.
        """
        if path not in self._read:
            self.stamps[path] = stamp_of(path)
            self.stamps[path], self._read[path] = read_table(path)
        return self._read[path]

    def find(self, importer: Source, name: str) -> Source | None:
        """Return the source that `import name` gets in `importer`."""
        key = (importer.path, name)
        if key not in self._found:
            self._found[key] = self._find(importer, name)
        return self._found[key]

    def _find(self, importer: Source, name: str) -> Source | None:
        package, _, last = name.rpartition(".")
        parent = self.find(importer, package) if package and name not in sys.modules else None
        if parent is None or is_installed(parent.path):
            return find_source(name, importer)
        if parent.path.name != "__init__.py":
            return None  # a module that is no package holds no others
        return source_in(str(parent.path.parent), [last], name)


class Reach:
    """The definitions reached so far.

    Args:
        files: the files of the project as they were read first.
        on_live: called with the module, name and literal value of each name bound to a value written out, and of each
            container, so that what the name holds now can be compared.
    """

    def __init__(self, files: Files, on_live: Callable[[Source, str, tuple[bool, object]], None] | None = None) -> None:
        self.definitions: dict[str, set[Definition]] = {}
        self.packages: set[str] = set()
        self.entered: dict[Path, Source] = {}
        self.reads_docs = False
        self.unread: dict[Path, str] = {}
        self._files = files
        self._on_live = on_live
        self._whole: set[Path] = set()
        self._seen: set[Statement] = set()
        self._names: set[tuple[Path, str]] = set()

    # Results

    def result(self) -> dict[str, Definition]:
        """Return name → definition. Of a module that is taken whole, its own definitions are left out."""
        whole = tuple(name[: -len(WHOLE)] for name in self.definitions if name.endswith(f":{WHOLE}"))
        result: dict[str, Definition] = {}
        for name in sorted(self.definitions):
            found = self.definitions[name]
            if whole and not name.endswith(f":{WHOLE}") and name.startswith(whole):
                found = {definition for definition in found if definition.is_value}
            if len(found) == 1:
                (result[name],) = found
            elif found:
                result[name] = together(found, self.reads_docs)
        return result

    def versions(self) -> dict[str, JSON]:
        """Return installed package → distribution and version, of those that are used and whose version is known."""
        found = {package: version_of(package) for package in sorted(self.packages)}
        return {package: version for package, version in found.items() if version is not None}

    def add(self, name: str, definition: Definition) -> None:
        """Add a definition."""
        self.definitions.setdefault(name, set()).add(definition)

    def take_over(self, other: Reach) -> None:
        """Add all that another one has reached."""
        for name, found in other.definitions.items():
            self.definitions.setdefault(name, set()).update(found)
        self.packages |= other.packages
        self.entered.update(other.entered)
        self.unread.update(other.unread)
        self.reads_docs |= other.reads_docs
        self._whole |= other._whole
        self._seen |= other._seen
        self._names |= other._names

    def use(self, module: str) -> None:
        """Count an installed module as used: the version of its distribution matters."""
        if module and not f"{module}.".startswith(_CONTRACT):
            self.packages.add(top_level(module))

    # Modules

    def table(self, source: Source) -> Table | None:
        """Return a module's table, and count what importing the module does; None if it cannot be read."""
        try:
            table = self._files.table(source.path)
        except OSError as error:
            self.unread.setdefault(source.path, f"'{source.path.name}' cannot be read: {error.strerror}")
            return None
        except (SyntaxError, ValueError, RecursionError):
            # It is imported all the same, from compiled code or in another form; then its bytes are what it is.
            self._bytes(source)
            return None
        if source.path not in self.entered:
            self.entered[source.path] = source
            if table.top:
                self.add(f"{source.name}:{TOP}", table.top_definition)
            for statement in table.top:
                self.follow(source, statement.mentions)
            for targets in table.imports.values():
                for level, module, name in targets:
                    self.imported(source, level, module, None)
                    self._imported_submodule(source, level, module, name)
            for level, module in table.stars:
                self.imported(source, level, module, None)
        return table

    def _bytes(self, source: Source) -> None:
        if source.path not in self.entered:
            self.entered[source.path] = source
            digest = digest_file(source.path)
            self.add(f"{source.name}:{WHOLE}", Definition(lambda full: {"file": digest}))

    def _imported_submodule(self, source: Source, level: int, module: str, name: str) -> None:
        if name and level and not module:  # from . import name
            self.imported(source, level, name, None)

    def imported(self, importer: Source, level: int, module: str, tail: str | None) -> None:
        """Follow an import.

        Args:
            importer: where it stands.
            level, module: as in `from ..module import`.
            tail: the chain used of it; `""` the module itself; None: it is only imported.
        """
        name = _absolute(importer, level, module)
        if name is None:
            return
        source = self._find(importer, name)
        if source is None and tail:
            # A package without __init__.py has no source, but the modules in it have.
            first, _, rest = tail.partition(".")
            child = self._find(importer, f"{name}.{first}" if name else first)
            if child is not None and not is_installed(child.path):
                self.attribute(child, rest) if rest else self.whole(child)
                return
        if source is None or is_installed(source.path):
            if tail is not None:
                self._without_source(name)
            return
        parts = name.split(".")
        for length in range(1, len(parts)):
            parent = self._find(importer, ".".join(parts[:length]))
            if parent is not None and not is_installed(parent.path):
                self.table(parent)
        if tail is None:
            self.table(source)
        elif tail == "":
            self.whole(source)
        else:
            self.attribute(source, tail)

    def _without_source(self, name: str) -> None:
        """Take a module that is installed by its version, and one that a project compiled (`fast.so`) by its bytes."""
        file = getattr(sys.modules.get(name), "__file__", None)
        if file and not file.endswith(".py") and not is_installed(Path(file)) and os.path.isfile(file):
            digest = digest_file(Path(file))
            if f"{name}:{WHOLE}" not in self.definitions:
                self.add(f"{name}:{WHOLE}", Definition(lambda full: {"file": digest}))
        else:
            self.use(name)

    def _find(self, importer: Source, name: str) -> Source | None:
        return self._files.find(importer, name)

    def attribute(self, source: Source, tail: str) -> None:
        """Follow `module.tail`."""
        name, _, rest = tail.partition(".")
        table = self.table(source)
        if table is None:
            return
        if name in table.by_name or name in table.imports:
            self.name(source, tail)
            return
        if source.path.name == "__init__.py":
            child = self._find(source, f"{source.name}.{name}")
            if child is not None and not is_installed(child.path):
                self.attribute(child, rest) if rest else self.whole(child)
                return
        if not self._star(source, table, tail):
            self.whole(source)

    def _star(self, source: Source, table: Table, chain: str) -> bool:
        """Follow a name that one of the star imports may bring; say whether one can."""
        root = chain.partition(".")[0]
        found = False
        for level, module in table.stars:
            name = _absolute(source, level, module)
            other = self._find(source, name) if name else None
            if other is None or is_installed(other.path):
                self.use(name or "")
                continue
            inner = self.table(other)
            if inner is not None and (root in inner.by_name or root in inner.imports):
                self.name(other, chain)
                found = True
            elif inner is not None and inner.stars:
                found |= self._star(other, inner, chain)
        return found

    def whole(self, source: Source) -> None:
        """Take a whole module, and every project module it imports, whole."""
        if source.path in self._whole:
            return
        self._whole.add(source.path)
        table = self.table(source)
        if table is None:
            return
        self.add(f"{source.name}:{WHOLE}", table.module_definition)
        together = table.whole
        self.reads_docs |= together.reads_docs
        for level, module, _ in sorted(together.imports, key=str):
            self.imported(source, level, module, "")
        for targets in table.imports.values():
            for level, module, name in targets:
                self.imported(source, level, module, "")
                self._whole_submodule(source, level, module, name)
        for level, module in table.stars:
            self.imported(source, level, module, "")

    def _whole_submodule(self, source: Source, level: int, module: str, name: str) -> None:
        """Take `from package import module` whole too."""
        package = _absolute(source, level, module)
        if name and package is not None:
            child = self._find(source, f"{package}.{name}" if package else name)
            if child is not None and not is_installed(child.path):
                self.whole(child)

    # Names and statements

    def follow(self, source: Source, mentioned: Mentions, *, but: frozenset[str] = frozenset()) -> None:
        """Follow all that a piece of a module's syntax mentions, except names in `but`."""
        self.reads_docs |= mentioned.reads_docs
        if mentioned.dynamic:
            self.whole(source)
        for level, module, tail in mentioned.imports:
            self.imported(source, level, module, tail)
        for chain in mentioned.names:
            if chain.partition(".")[0] not in but:
                self.name(source, chain)

    def name(self, source: Source, chain: str) -> None:
        """Follow a dotted chain that begins with a name of the module."""
        if (source.path, chain) in self._names:
            return
        self._names.add((source.path, chain))
        table = self.table(source)
        if table is None:
            return
        root, _, rest = chain.partition(".")
        known = False
        for level, module, name in table.imports.get(root, ()):
            known = True
            tail = ".".join(part for part in (name, rest) if part)
            self.imported(source, level, module, tail)
        for statement in table.by_name.get(root, ()):
            known = True
            if root not in table.imports or not statement.node.__class__.__name__.startswith("Import"):
                self.statement(source, statement)
        for writer in table.writers.get(root, ()):
            known = True
            self.statement(source, writer)
        for changer in table.mutable.get(root, ()):
            self.statement(source, changer)
        if known and self._on_live is not None:
            statements = table.by_name.get(root, [])
            if root in table.mutable or (statements and _only_values(statements)):
                as_written = len(statements) == 1 and not table.is_filled(root)
                written = literal(statements[0]) if as_written else (root in table.handled, None)
                self._on_live(source, root, written)
        if not known and not self._star(source, table, chain) and not _is_known_anyway(root):
            # Nothing here binds it, so something puts it there while the module runs.
            self.whole(source)

    def statement(self, source: Source, statement: Statement) -> None:
        """Take a statement of a module and all that it mentions."""
        if statement in self._seen:
            return
        self._seen.add(statement)
        table = self.table(source)
        if table is not None and statement in table.top:
            return
        self.add(f"{source.name}:{statement.name}", statement.definition)
        self.follow(source, statement.mentions)


def _only_values(statements: list[Statement]) -> bool:
    return all(statement.node.__class__.__name__ in ("Assign", "AnnAssign") for statement in statements)


def _is_known_anyway(name: str) -> bool:
    return hasattr(builtins, name) or name in _MODULE_NAMES


_MODULE_NAMES = frozenset(
    [
        "__name__",
        "__file__",
        "__doc__",
        "__package__",
        "__spec__",
        "__loader__",
        "__path__",
        "__annotations__",
        "__builtins__",
        "__class__",
        "__debug__",
    ]
)


def _absolute(importer: Source, level: int, module: str) -> str | None:
    """Return the absolute name of an import; None if it leads out of the package."""
    if not level:
        return module
    parts = importer.package.split(".") if importer.package else []
    if level - 1 > len(parts) or not parts:
        return None
    parents = parts[: len(parts) - level + 1]
    return ".".join([*parents, module] if module else parents)

"""From live objects to what they are made of: functions to their definitions, values to JSON.

A function written in a module is known by its statement there. Of a function made by another one, the closure, and of a
partial, the arguments, are known by value: there is no other way to tell two of them apart.
"""

from __future__ import annotations

import ast
import re
import sys
import types
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from motools.canonical import JSON
from motools.engine.code.definition import Definition, of_value
from motools.engine.code.files import Source, is_installed, module_of, source_of
from motools.engine.code.functions import (
    NoSource,
    at_position,
    closure_values,
    default_values,
    global_names,
    in_python,
    same_file,
    slots,
)
from motools.engine.code.reach import Files, Reach
from motools.errors import CanonicalError

_IMPLICIT = re.compile(
    r"<(?:listcomp|setcomp|dictcomp|genexpr)>\.(?:<locals>\.)?"
)  # not a scope of its own from 3.12 on


class Shared:
    """What the walks of one run have in common: the files, and what each name of a module reaches."""

    def __init__(self) -> None:
        self.files = Files()
        self.names: dict[tuple[Path, str], Reach] = {}


class Objects:
    """Walks live objects and adds what it finds to a `Reach`.

    Args:
        shared: what is known already.
        within_name: whether this walks what one name reaches. Names may reach each other, so it does not begin another.
    """

    def __init__(self, shared: Shared, *, within_name: bool = False) -> None:
        self.reach = Reach(shared.files, self._compare)
        self._shared = shared
        self._within_name = within_name
        self._above: list[int] = []
        self.nodes: dict[Any, Definition] = {}
        self._functions: set[types.FunctionType] = set()
        self._classes: set[type] = set()

    # Code

    def code(self, target: Any, path: str) -> str:
        """Take in something that can be called; return its name, `module:qualname`.

        Args:
            target: a function, method, class, partial, or object with `__call__`.
            path: how messages call it.

        Raises:
            NoSource: there is no source of it.
            CanonicalError: it holds a value that has no form in keys.
        """
        if isinstance(target, partial):
            name = self.code(target.func, path)
            for index, value in enumerate(target.args):
                self._value(f"{name} argument {index + 1} of partial", value, f"{path}, argument {index + 1}")
            for key, value in sorted(target.keywords.items()):
                self._value(f"{name} argument '{key}' of partial", value, f"{path}, argument '{key}'")
            return name
        if isinstance(target, types.MethodType):
            name = self.code(target.__func__, path)
            if not isinstance(target.__self__, type):
                self._value(f"{name} self", target.__self__, f"{path}, the object it is a method of")
            else:
                self.cls(target.__self__, path)
            return name
        if isinstance(target, (staticmethod, classmethod)):
            return self.code(target.__func__, path)
        if isinstance(target, types.FunctionType):
            return self.function(target, path)
        if isinstance(target, type):
            return self.cls(target, path)
        if isinstance(target, (types.BuiltinFunctionType, types.BuiltinMethodType)):
            self.reach.use(target.__module__ or "builtins")
            return f"{target.__module__ or 'builtins'}:{target.__qualname__}"
        wrapped = getattr(target, "__wrapped__", None)
        if wrapped is not None and callable(wrapped):  # functools.lru_cache and its like
            self.reach.use(type(target).__module__)
            return self.code(wrapped, path)
        name = self.cls(type(target), path)
        self._value(f"{name} object", target, path)
        return name

    def carried(self, target: Any) -> dict[str, JSON]:
        """Return the values that something callable carries besides its code, so far as they have a form in keys."""
        values: list[tuple[str, Any]] = []
        while isinstance(target, partial):
            values += [(f"argument {index + 1} of partial", value) for index, value in enumerate(target.args)]
            values += [(f"argument '{key}' of partial", value) for key, value in sorted(target.keywords.items())]
            target = target.func
        if isinstance(target, types.MethodType):
            values.append(("self", target.__self__))
            target = target.__func__
        if isinstance(target, types.FunctionType):
            values += [(f"closure '{name}'", value) for name, value in closure_values(target)]
            values += [(f"default '{name}'", value) for name, value in default_values(target)]
        elif not isinstance(target, (type, types.BuiltinFunctionType)):
            values.append(("object", target))
        found: dict[str, JSON] = {}
        for name, value in values:
            with suppress(CanonicalError, NoSource):
                found[name] = self.value(value, name)
        return found

    def function(self, function: types.FunctionType, path: str) -> str:
        """Take in a function: its definition, its closure and what it wraps."""
        source = self._source(function, path)
        qualname = _IMPLICIT.sub("", function.__code__.co_qualname)
        name = f"{source.name if source else function.__globals__.get('__name__')}:{qualname}"
        wrapped = getattr(function, "__wrapped__", None)
        if function not in self._functions:
            self._functions.add(function)
            if wrapped is not None:
                self.code(wrapped, path)
            inner = "<locals>" in qualname or qualname.endswith("<lambda>")
            if source is None:
                self.reach.use(name.partition(":")[0])
            else:
                self._definition(function, source, name, inner, path)
            self._cells(function, name, path)
            if inner:
                self._defaults(function, name, path)
        return self.code(wrapped, path) if wrapped is not None else name

    def _source(self, function: types.FunctionType, path: str) -> Source | None:
        """Return the source of a function; None: it is installed."""
        file = function.__code__.co_filename
        source = source_of(module_of(function))
        if source is not None and same_file(source.path, file):
            return None if is_installed(source.path) else source
        if is_installed(Path(file)) or file.startswith("<frozen "):
            return None
        raise NoSource(f"the source of {path} is not in a file (it is from '{file}')")

    def _definition(self, function: types.FunctionType, source: Source, name: str, inner: bool, path: str) -> None:
        code = function.__code__
        table = self.reach.table(source)
        if table is None:
            raise NoSource(f"the source of {path}, '{source.path}', cannot be read")
        nodes = table.nested.get((code.co_firstlineno, code.co_name), [])
        node = at_position(nodes, code) if len(nodes) > 1 else nodes[0] if nodes else None
        root = code.co_qualname.partition(".")[0]
        if node is None and (inner or root not in table.by_name):
            raise NoSource(f"{path} is not where it was in '{source.path.name}' when that was imported")
        if node is not None:
            self.nodes[function] = table.function(node)[0]
        if inner:
            assert node is not None
            definition, found = table.function(node)
            self.reach.add(name, definition)
            # What the functions around it bind is in its closure.
            outside = global_names(code)
            self.reach.follow(source, replace(found, names=set()))
            for chain in found.names:
                if chain.partition(".")[0] in outside:
                    self._name(source, chain)
            return
        self._name(source, root)
        for statement in table.statements if node is not None else ():
            if statement.node.lineno <= node.lineno <= (statement.node.end_lineno or 0):  # type: ignore[union-attr]
                self.reach.statement(source, statement)

    def _name(self, source: Source, chain: str) -> None:
        """Take in what a name of a module reaches; it is walked once a run."""
        if self._within_name:
            self.reach.name(source, chain)
            return
        key = (source.path, chain)
        if key not in self._shared.names:
            objects = Objects(self._shared, within_name=True)
            objects.reach.name(source, chain)
            self._shared.names[key] = objects.reach
        self.reach.take_over(self._shared.names[key])

    def _cells(self, function: types.FunctionType, name: str, path: str) -> None:
        for variable, value in closure_values(function):
            if variable == "__class__" and isinstance(value, type):
                self.cls(value, path)
            else:
                self._value(f"{name} closure '{variable}'", value, f"{path}, closure variable '{variable}'")

    def _defaults(self, function: types.FunctionType, name: str, path: str) -> None:
        for variable, value in default_values(function):
            self._value(f"{name} default '{variable}'", value, f"{path}, default of '{variable}'")

    def cls(self, cls: type, path: str) -> str:
        """Take in a class: its definition, and, of one made in a function, its bases and methods as they are."""
        source = source_of(sys.modules.get(cls.__module__))
        if source is None or is_installed(source.path):
            if source is None and cls.__module__ == "__main__":
                raise NoSource(f"the source of the class '{cls.__qualname__}' of {path} is not in a file")
            self.reach.use(cls.__module__)
            return f"{cls.__module__}:{cls.__qualname__}"
        name = f"{source.name}:{cls.__qualname__}"
        if cls in self._classes:
            return name
        self._classes.add(cls)
        table = self.reach.table(source)
        if table is None:
            raise NoSource(f"the source of {path}, '{source.path}', cannot be read")
        if "<locals>" not in cls.__qualname__:
            root = cls.__qualname__.partition(".")[0]
            self.reach.name(source, root)
            if root not in table.by_name:
                self.reach.whole(source)
            return name
        found = [n for (_, named), nodes in table.nested.items() if named == cls.__name__ for n in nodes]
        found = [node for node in found if isinstance(node, ast.ClassDef)]
        if not found:
            self.reach.whole(source)
        for node in found:
            definition, mentioned = table.function(node)
            self.reach.add(name, definition)
            self.reach.follow(source, mentioned)
        for base in cls.__bases__:
            self.cls(base, path)
        for attribute, value in sorted(vars(cls).items()):
            if isinstance(value, types.FunctionType) and value.__module__ == cls.__module__:
                self._cells(value, f"{name}.{attribute}", f"{path}.{attribute}")
        return name

    # Values

    def _value(self, name: str, value: Any, path: str) -> None:
        self.reach.add(name, of_value(self.value(value, path)))

    def value(self, value: Any, path: str) -> JSON:
        """Return a value as JSON, equal for equal values; code in it is taken in.

        Raises:
            CanonicalError: it has no such form; the message names the path.
        """
        if value is None or (isinstance(value, (bool, str)) and type(value) in (bool, str)):
            return value
        if type(value) is int:
            return value if abs(value) < 1 << 53 else {"int": hex(value)}
        if type(value) is float:
            return value if value - value == 0 else {"float": repr(value)}
        if id(value) in self._above:
            raise CanonicalError("this value contains itself", path=path, hint=_HINT)
        self._above.append(id(value))
        try:
            return self._compound(value, path)
        finally:
            self._above.pop()

    def _compound(self, value: Any, path: str) -> JSON:
        kind = type(value)
        if kind in (list, tuple):
            items: JSON = [self.value(item, f"{path}[{index}]") for index, item in enumerate(value)]
            return items if kind is list else {"tuple": items}
        if kind in (set, frozenset):
            from motools.canonical import canonical_json

            return {kind.__name__: sorted((self.value(item, path) for item in value), key=canonical_json)}
        if kind is dict:
            return {
                "dict": [[self.value(key, path), self.value(item, f"{path}[{key!r}]")] for key, item in value.items()]
            }
        if kind in (bytes, bytearray):
            return {kind.__name__: value.hex()}
        if kind is complex or value is ... or value is NotImplemented or kind is range or kind is slice:
            return {kind.__name__: repr(value)}
        if isinstance(value, PurePath):
            return {"path": str(value)}
        if isinstance(value, re.Pattern):
            return {"pattern": self.value(value.pattern, path), "flags": value.flags}
        if isinstance(value, types.ModuleType):
            source = source_of(value)
            if source is None or is_installed(source.path):
                self.reach.use(value.__name__)
                return {"module": value.__name__}
            self.reach.whole(source)
            return {"module": source.name}
        if isinstance(value, partial) or kind.__name__ == "_lru_cache_wrapper":
            return {"function": self.code(value, path)}
        if isinstance(
            value,
            (type, types.FunctionType, types.MethodType, types.BuiltinFunctionType, staticmethod, classmethod),
        ):
            return {"function": self.code(value, path)}
        return self._object(value, path)

    def _object(self, value: Any, path: str) -> JSON:
        """Return an object of a class written in Python as its fields."""
        import datetime
        import decimal
        import enum
        import fractions
        import uuid

        kind = type(value)
        plain = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, fractions.Fraction, uuid.UUID)
        if kind.__module__ in ("datetime", "decimal", "fractions", "uuid") and isinstance(value, plain):
            return {kind.__name__: repr(value)}
        name = self.cls(kind, path)
        if isinstance(value, enum.Enum):
            return {"enum": name, "name": value.name}
        fields: dict[str, JSON] = {}
        for cls in kind.__mro__[:-1]:
            if cls in (tuple, list, dict, str, int, float):
                fields["<base>"] = self.value(cls(value), path)
            elif not in_python(cls):
                raise CanonicalError(
                    f"a {kind.__module__}.{kind.__qualname__} cannot be part of a key", path=path, hint=_HINT
                )
            for slot in slots(cls):
                if hasattr(value, slot):
                    fields[slot] = self.value(getattr(value, slot), f"{path}.{slot}")
        for attribute, item in getattr(value, "__dict__", {}).items():
            fields[attribute] = self.value(item, f"{path}.{attribute}")
        return {"object": name, "fields": dict(sorted(fields.items()))}

    # What names hold now

    def _compare(self, source: Source, name: str, written: tuple[bool, object]) -> None:
        """Take in what a module's name holds if it is another value than the one written there, and the code it holds."""
        if source.module is None or name not in vars(source.module):
            return
        value = vars(source.module)[name]
        is_literal, literal = written
        if not is_literal:
            self._code_within(value, f"{source.name}.{name}", 0)
            return
        if type(value) is type(literal) and value == literal and not isinstance(value, (list, tuple, dict, set)):
            return
        above, self._above = self._above, []
        try:
            now = self.value(value, f"{source.name}.{name}")
            if now != self.value(literal, name):
                self.reach.add(f"{source.name}:{name} now", of_value(now))
        except (CanonicalError, NoSource):
            # Something filled in while running, such as a client; what fills it in is code that is taken in already.
            self._code_within(value, f"{source.name}.{name}", 0)
        finally:
            self._above = above

    def _code_within(self, value: Any, path: str, depth: int) -> None:
        """Take in functions and classes in containers: what registered itself there is reached through them."""
        if isinstance(value, (types.FunctionType, type)):
            try:
                self.code(value, path)
            except (CanonicalError, NoSource):
                return
        elif depth < 4 and type(value) in (list, tuple, set, frozenset, dict):
            for item in value.values() if type(value) is dict else value:
                self._code_within(item, path, depth + 1)


_HINT = "Hand it over in the settings, declare cache_version=1 on the step and raise it with every change, or set cache=False."

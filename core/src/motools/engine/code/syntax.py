"""Syntax as JSON: one form for all that means the same, on every Python.

A node is an object `{"_": its class, field: value ...}` without positions; fields that are empty are left out, so that a
field a newer Python adds (and that is empty) changes nothing. Left out as well is what does not change what code does:
comments and layout (never in the tree), `u` before a string, and, in the plain form, docstrings and annotations where
nothing is known to read them. The full form keeps those two.

The digest of a definition is the digest of this JSON as a content of the store, so the stored content *is* the source that
`explain` shows.
"""

from __future__ import annotations

import ast
import inspect
import math
from typing import Any

from motools.canonical import JSON, canonical_json, digest_bytes

_LEFT_OUT = frozenset({"ctx", "kind", "type_comment", "type_ignores"})
_LISTS = frozenset(
    [
        "args",
        "bases",
        "body",
        "cases",
        "comparators",
        "decorator_list",
        "defaults",
        "elts",
        "finalbody",
        "generators",
        "handlers",
        "ifs",
        "items",
        "keys",
        "keywords",
        "kw_defaults",
        "kwd_attrs",
        "kwd_patterns",
        "kwonlyargs",
        "names",
        "ops",
        "orelse",
        "patterns",
        "posonlyargs",
        "targets",
        "type_params",
        "values",
    ]
)
_HARMLESS_DECORATORS = frozenset(
    [
        "abstractmethod",
        "asynccontextmanager",
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "dataclass",
        "deleter",
        "final",
        "getter",
        "lru_cache",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
        "step",
        "total_ordering",
        "wraps",
    ]
)
"""Decorators that read neither docstrings nor (but for `step`, whose settings class is followed) annotations."""
_HARMLESS_BASES = frozenset(
    [
        "ABC",
        "Enum",
        "Exception",
        "Generic",
        "IntEnum",
        "NamedTuple",
        "Protocol",
        "StepConfig",
        "StrEnum",
        "TypedDict",
        "ValueError",
        "WorkflowConfig",
        "object",
    ]
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def syntax(node: ast.AST, *, full: bool = False) -> JSON:
    """Return a node as JSON.

    Args:
        node: a statement, expression or module.
        full: keep all docstrings and annotations.
    """
    try:
        return _node(node, full, ast.Module, 0)
    except _TooDeep:
        return {"flat": _flat(node)}


class _TooDeep(Exception):
    """Syntax is nested more deeply than canonical JSON may be."""


_DEEPEST = 90  # a node and the list it stands in are two levels of 200


def _flat(node: ast.AST) -> list[JSON]:
    """Return all of a node in one list: each class with the fields that follow, each list with its length."""
    found: list[JSON] = []
    todo: list[Any] = [node]
    while todo:
        item = todo.pop()
        if isinstance(item, ast.Constant):
            found += ["Constant", _constant(item.value)]
        elif isinstance(item, ast.AST):
            fields = [(name, getattr(item, name, None)) for name in item._fields if name not in _LEFT_OUT]
            fields = [(name, value) for name, value in fields if value is not None and value != []]
            found.append([type(item).__name__, *(name for name, _ in fields)])
            todo += [value for _, value in reversed(fields)]
        elif isinstance(item, list):
            found.append([len(item)])
            todo += reversed(item)
        else:
            found.append(item)
    return found


def syntax_digest(value: JSON) -> str:
    """Return the digest of syntax, or of any JSON value: that of a content of the store that holds it."""
    return digest_bytes("content", b'{"body":' + canonical_json(value) + b',"kind":"value"}')


def source(value: JSON) -> str:
    """Return syntax as Python source; what is not syntax (a closure's value) as JSON."""
    import json

    if isinstance(value, dict) and "_" in value:
        return ast.unparse(ast.fix_missing_locations(_restored(value)))
    if isinstance(value, dict) and set(value) == {"flat"}:
        return "# nested too deeply to be shown"
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)


def _node(node: ast.AST, full: bool, scope: type[ast.AST], depth: int) -> JSON:
    if depth > _DEEPEST:
        raise _TooDeep
    depth += 1
    if isinstance(node, ast.AnnAssign) and not full and scope is not ast.ClassDef:
        # Nothing evaluates an annotation here but whoever reads __annotations__.
        bound = node.value or ast.Constant(...)
        return {
            "_": "Assign",
            "targets": [_node(node.target, full, scope, depth)],
            "value": _node(bound, full, scope, depth),
        }
    if isinstance(node, ast.Constant):
        return {"_": "Constant", "value": _constant(node.value)}
    keep = full
    if isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
        keep = full or not _harmless(node)
        scope = type(node)
    result: dict[str, JSON] = {"_": type(node).__name__}
    for name in node._fields:
        value = getattr(node, name, None)
        if value is None or name in _LEFT_OUT:
            continue
        if isinstance(node, _FUNCTIONS) and name == "returns" and not keep:
            continue
        if isinstance(node, _FUNCTIONS) and name == "args":
            result["args"] = _arguments(value, keep, full, scope, depth)
        elif isinstance(value, ast.AST):
            result[name] = _node(value, full, scope, depth)
        elif isinstance(value, list):
            if name == "body":
                value = _body(node, value, keep)
            elif isinstance(node, ast.JoinedStr):
                value = _text_parts(value)
            if value:
                result[name] = [
                    _node(item, full, scope, depth) if isinstance(item, ast.AST) else item for item in value
                ]
        else:
            result[name] = value
    return result


def _arguments(node: ast.arguments, keep: bool, full: bool, scope: type[ast.AST], depth: int) -> JSON:
    result = _node(node, full, scope, depth)
    if not keep:
        assert isinstance(result, dict)
        groups = [result.get(name, []) for name in ("posonlyargs", "args", "kwonlyargs")]
        singles = [result[name] for name in ("vararg", "kwarg") if name in result]
        for argument in [item for group in groups for item in group] + singles:  # type: ignore[union-attr]
            argument.pop("annotation", None)  # type: ignore[union-attr, call-arg, arg-type]
    return result


def _body(node: ast.AST, body: list[Any], keep: bool) -> list[Any]:
    """Return a body without its docstring, or with the docstring's own indentation taken out."""
    if not isinstance(node, (*_FUNCTIONS, ast.ClassDef, ast.Module)):
        return body
    text = ast.get_docstring(node, clean=False)
    if text is None:
        return body
    if keep:
        return [ast.Expr(ast.Constant(inspect.cleandoc(text))), *body[1:]]
    return body[1:] or [ast.Pass()]


def _text_parts(values: list[Any]) -> list[Any]:
    """Return the parts of an f-string without empty text, and text beside text as one: versions of Python differ in that."""
    parts: list[Any] = []
    text = ""
    for value in [*values, None]:
        if isinstance(value, ast.Constant):
            text += str(value.value)
            continue
        if text:
            parts.append(ast.Constant(text))
            text = ""
        parts.append(value)
    return parts[:-1]


def _harmless(node: ast.AST) -> bool:
    """Say whether nothing is known that reads the docstring and annotations of a function or class."""
    for decorator in node.decorator_list:  # type: ignore[attr-defined]
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if _last_name(called) not in _HARMLESS_DECORATORS:
            return False
    if isinstance(node, ast.ClassDef):
        for base in node.bases:
            if _last_name(base.value if isinstance(base, ast.Subscript) else base) not in _HARMLESS_BASES:
                return False
        return not node.keywords
    return True


def _last_name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _constant(value: Any) -> JSON:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else {"int": hex(value)}
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, complex):
        return {"complex": [repr(value.real), repr(value.imag)]}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, str):
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:
            return {"text": value.encode("utf-8", "surrogatepass").hex()}
        return value
    return {"ellipsis": True}


def _restored(value: Any) -> Any:
    if isinstance(value, list):
        return [_restored(item) for item in value]
    if not isinstance(value, dict) or "_" not in value:
        return value
    if value["_"] == "Constant":
        return ast.Constant(_restored_constant(value.get("value")))
    cls = getattr(ast, str(value["_"]))
    fields: dict[str, Any] = {}
    for name in cls._fields:
        if name in value:
            fields[name] = _restored(value[name])
        elif name == "ctx":
            fields[name] = ast.Load()
        elif name == "type_ignores" or (
            name in _LISTS and not (name in ("args", "body") and cls in (ast.Lambda, ast.IfExp))
        ):
            fields[name] = []
        else:
            fields[name] = None
    return cls(**fields)


def _restored_constant(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, coded),) = value.items()
    if kind == "int":
        return int(coded, 16)
    if kind == "float":
        return float(coded)
    if kind == "complex":
        return complex(float(coded[0]), float(coded[1]))
    if kind == "bytes":
        return bytes.fromhex(coded)
    return bytes.fromhex(coded).decode("utf-8", "surrogatepass") if kind == "text" else ...

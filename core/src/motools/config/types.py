"""What a type annotation allows, as a small tree that reading, writing, schemas and references all walk."""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import sys
import types
import typing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from motools.canonical import JSON
from motools.config.references import ComponentRef, FileRef, SettingsOf
from motools.config.secrets import Secret, redacted
from motools.errors import DefinitionError

MISSING: Any = dataclasses.MISSING
Kind = Literal[
    "any", "none", "text", "secret", "path", "int", "float", "bool",
    "literal", "enum", "union", "list", "tuple", "dict", "record", "model",
]  # fmt: skip

_SCALARS: dict[Any, Kind] = {
    Any: "any",
    object: "any",
    None: "none",
    type(None): "none",
    str: "text",
    Secret: "secret",
    Path: "path",
    int: "int",
    float: "float",
    bool: "bool",
}
_JSON = {"none", "bool", "int", "float", "text", "list", "dict"}
_LISTS = (list, collections.abc.Sequence, collections.abc.Iterable, collections.abc.MutableSequence)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


@dataclass(frozen=True)
class Shape:
    """What is allowed at one place.

    Args:
        kind: which sort of value.
        cls: the class of an enum, record (a dataclass) or model (of pydantic).
        inner: the arms of a union, the item of a list (or tuple of any length), the items of a tuple, key and value of
            a dict.
        values: the values of a literal.
        marker: what `Annotated` says the text names.
        doc: what `Annotated[..., Doc("...")]` says of it.
        settings_of: the field beside it that names the component whose settings these are.
    """

    kind: Kind
    cls: Any = None
    inner: tuple[Shape, ...] = ()
    values: tuple[Any, ...] = ()
    marker: ComponentRef | FileRef | None = None
    doc: str | None = None
    settings_of: str | None = None


@dataclass(frozen=True)
class FieldShape:
    """A field of a record; `default` is MISSING where it must be given."""

    name: str
    shape: Shape
    default: Any
    default_factory: Any

    @property
    def required(self) -> bool:
        """Whether the field must be given."""
        return self.default is MISSING and self.default_factory is MISSING


def is_model(cls: Any) -> bool:
    """Say whether `cls` is a pydantic model, without importing pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(cls, type) and issubclass(cls, pydantic.BaseModel)


def shape_of(annotation: Any, *, where: str = "this annotation", lenient: bool = False) -> Shape:
    """Return what `annotation` allows.

    Args:
        annotation: a type, or anything else that may stand behind the colon of a field.
        where: what to call the place in messages.
        lenient: take a type that config values cannot have as `Any`; for the fields of pydantic models.

    Raises:
        DefinitionError: it is a type that config values cannot have.
    """
    try:
        return _shape_of(annotation, where)
    except DefinitionError:
        if lenient:
            return Shape("any")
        raise


def _shape_of(annotation: Any, where: str) -> Shape:
    if isinstance(annotation, typing.NewType):
        return _shape_of(annotation.__supertype__, where)
    if getattr(annotation, "__forward_arg__", annotation) == JSON:
        return Shape("any")  # the alias mentions itself, which get_type_hints leaves as text
    if annotation.__hash__ is not None and annotation in _SCALARS:
        return Shape(_SCALARS[annotation])
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _annotated(_shape_of(arguments[0], where), annotation.__metadata__)
    if origin in (typing.Union, types.UnionType):
        arms = tuple(_shape_of(arm, where) for arm in arguments)
        # `motools.canonical.JSON` written out: going through its arms for every value would say nothing more.
        return Shape("any") if {arm.kind for arm in arms} == _JSON else Shape("union", inner=arms)
    if origin is Literal:
        return Shape("literal", values=arguments)
    container = origin or annotation
    if container in _LISTS:
        return Shape("list", cls=list, inner=(_shape_of(arguments[0] if arguments else Any, where),))
    if container is tuple:
        if not arguments or (len(arguments) == 2 and arguments[1] is Ellipsis):
            return Shape("list", cls=tuple, inner=(_shape_of(arguments[0] if arguments else Any, where),))
        return Shape("tuple", inner=tuple(_shape_of(item, where) for item in arguments if item != ()))
    if container in _DICTS:
        key, value = (_shape_of(part, where) for part in (arguments or (str, Any)))
        if key.kind not in ("text", "literal", "enum", "any"):
            raise DefinitionError(
                f"the keys of {_name(annotation)} are not text", where=where, hint="JSON keys are text."
            )
        return Shape("dict", inner=(key, value))
    if isinstance(annotation, type):
        if issubclass(annotation, enum.Enum):
            return Shape("enum", cls=annotation)
        if dataclasses.is_dataclass(annotation):
            return Shape("record", cls=annotation)
        if is_model(annotation):
            return Shape("model", cls=annotation)
    raise DefinitionError(
        f"a config value cannot be a {_name(annotation)}",
        where=where,
        hint=f"Write @dataclass before 'class {annotation.__name__}'."
        if isinstance(annotation, type) and "__annotations__" in vars(annotation)
        else "Use str, int, float, bool, Path, Secret, Literal, Enum, list, tuple, dict, dataclasses and pydantic models.",
    )


def _annotated(shape: Shape, metadata: tuple[Any, ...]) -> Shape:
    marker, doc, settings_of = shape.marker, shape.doc, shape.settings_of
    for item in metadata:
        if isinstance(item, (ComponentRef, FileRef)):
            marker = item
        elif isinstance(item, SettingsOf):
            settings_of = item.name
        # typing_extensions.Doc, or whatever else keeps text in `documentation`
        doc = getattr(item, "documentation", None) or doc
    return dataclasses.replace(shape, marker=marker, doc=doc, settings_of=settings_of)


def _name(annotation: Any) -> str:
    return getattr(annotation, "__qualname__", None) or str(annotation)


@lru_cache(maxsize=1024)
def record_fields(cls: type) -> dict[str, FieldShape]:
    """Return the fields that a dataclass is made of, by name.

    Raises:
        DefinitionError: an annotation names something that is not there, or a type that config values cannot have.
    """
    try:
        hints = typing.get_type_hints(cls, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"the annotations of '{cls.__qualname__}' name '{error.name}', which is not defined in '{cls.__module__}'",
            where=f"{cls.__module__}:{cls.__qualname__}",
            hint="Define or import it at the top of that module, not in a function or under TYPE_CHECKING.",
        ) from None
    return {
        field.name: FieldShape(
            name=field.name,
            shape=shape_of(hints[field.name], where=f"{cls.__module__}:{cls.__qualname__}.{field.name}"),
            default=field.default,
            default_factory=field.default_factory,
        )
        for field in dataclasses.fields(cls)
        if field.init
    }


def holds(shape: Shape, value: Any) -> bool:
    """Say whether a Python value, as far as its own type tells, is one that `shape` allows."""
    if shape.kind in ("record", "model", "enum"):
        return isinstance(value, shape.cls)
    if shape.kind == "union":
        return any(holds(arm, value) for arm in shape.inner)
    if shape.kind == "tuple":
        return isinstance(value, (list, tuple)) and len(value) == len(shape.inner)
    return shape.kind not in _PYTHON or isinstance(value, _PYTHON[shape.kind])


_PYTHON: dict[str, Any] = {
    "none": type(None),
    "text": str,
    "secret": Secret,
    "path": Path,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "list": (list, tuple),
    "dict": dict,
}


def describe(shape: Shape) -> str:
    """Say in words what is allowed: `a whole number`, `one of 'a', 'b'`."""
    if shape.kind == "literal":
        return _choices(shape.values)
    if shape.kind == "enum":
        return _choices(tuple(member.value for member in shape.cls))
    if shape.kind == "union":
        return " or ".join(dict.fromkeys(map(describe, shape.inner)))
    if shape.kind == "tuple":
        return f"a list of {len(shape.inner)}"
    return _WORDS[shape.kind]


_WORDS: dict[str, str] = {
    "any": "anything",
    "none": "null",
    "text": "text",
    "secret": "a secret, written ${{ secret.NAME }}",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "record": "a mapping",
    "model": "a mapping",
}


def _choices(values: tuple[Any, ...]) -> str:
    shown = ", ".join(f"'{value}'" if isinstance(value, str) else str(value) for value in values)
    return f"one of {shown}" if len(values) > 1 else shown


def describe_value(value: Any) -> str:
    """Say in words what a JSON value is: `text 'abc'`, `the number 1.5`, `a list`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        value = redacted(value)  # before it is cut: the beginning of a secret is one too
        return f"text '{value if len(value) <= 40 else value[:37] + '...'}'"
    if isinstance(value, int):
        return f"the whole number {value}" if abs(value) < 10**40 else "a huge whole number"
    if isinstance(value, float):
        return f"the number {value}"
    if isinstance(value, (list, tuple)):
        return "a list"
    return "a mapping" if isinstance(value, dict) else f"a {type(value).__name__}"

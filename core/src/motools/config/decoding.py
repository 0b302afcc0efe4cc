"""From JSON values to typed configs and back.

Nothing is coerced but a whole number where a number is due: text never becomes a number, `true` never 1. Every problem
of a document is reported at once. pydantic models are read by pydantic in strict mode, unknown keys refused too.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, TypeVar

from motools.canonical import JSON
from motools.config.document import DataPath, Document, dotted
from motools.config.references import FileRef, resolve_reference
from motools.config.secrets import OPENING, Secret, written
from motools.config.types import FieldShape, Shape, describe, describe_value, is_model, record_fields, shape_of
from motools.errors import ConfigError, DefinitionError, MotoolsError, did_you_mean, nearest

T = TypeVar("T")

MAX_PROBLEMS = 20
MAX_DEPTH = 16
"""How deep records that were left out are looked into."""
MAX_PLACES = 3
"""How many settings of one name are suggested."""
MAX_NAMED = 4
"""How deep settings to suggest are looked for."""
_BAD: Any = object()  # stands for a value that could not be read; the problem is recorded


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a document."""

    message: str
    where: str
    hint: str | None = None


class ConfigProblems(ConfigError):
    """Everything that is wrong with a document; `problems` holds each."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        first = problems[0]
        if len(problems) == 1:
            super().__init__(first.message, where=first.where, hint=first.hint)
            return
        lines = [
            f"{problem.where}: {problem.message}" + (f". {problem.hint}" if problem.hint else "")
            for problem in problems
        ]
        more = [f"and {len(lines) - MAX_PROBLEMS} more"] if len(lines) > MAX_PROBLEMS else []
        listed = "\n  ".join([*lines[:MAX_PROBLEMS], *more])
        super().__init__(f"{len(problems)} things are wrong:\n  {listed}", hint="Mend them and try again.")


def decode(
    cls: type[T],
    data: Any,
    *,
    at: Document | None = None,
    path: DataPath = (),
    folder: Path | None = None,
    elsewhere: Callable[[], Iterable[str]] = tuple,
) -> T:
    """Read a JSON value as a `cls`.

    Args:
        cls: a dataclass, a pydantic model, or any annotation made of the types that `motools.config.types` knows.
        data: the value.
        at: the document the value is from, for the places in messages and the folder relative paths start from.
        path: where in that document the value is.
        folder: without a document, the folder relative paths start from; they stay as they are where it is not given.
        elsewhere: returns full names of more settings, to suggest where a key is unknown.

    Raises:
        ConfigProblems: the value is not a `cls`; unknown, missing and wrong keys are all named.
        DefinitionError: `cls` has an annotation that config values cannot have.
    """
    shape = shape_of(cls)
    decoder = _Decoder(at=at, folder=folder, root=shape, elsewhere=elsewhere)
    value = decoder.read(shape, data, path)
    if decoder.problems:
        raise ConfigProblems(decoder.problems)
    return value  # type: ignore[no-any-return]


def encode(instance: Any) -> JSON:
    """Return a config as a JSON value, defaults written out: `decode(type(x), encode(x)) == x`.

    Raises:
        DefinitionError: it holds something that configs cannot have.
    """
    if isinstance(instance, enum.Enum):
        return encode(instance.value)
    if instance is None or isinstance(instance, (str, bool, int, float)):
        return instance
    if isinstance(instance, Path):
        return str(instance)
    if isinstance(instance, Secret):
        return instance.reference
    if isinstance(instance, (list, tuple)):
        return [encode(item) for item in instance]
    if isinstance(instance, Mapping):
        return {str(encode(key)): encode(item) for key, item in instance.items()}
    if is_model(type(instance)):
        from motools.config.models import write_model

        return write_model(instance)
    if dataclasses.is_dataclass(instance) and not isinstance(instance, type):
        return {item.name: encode(getattr(instance, item.name)) for item in dataclasses.fields(instance) if item.init}
    raise DefinitionError(
        f"a config cannot hold a {type(instance).__qualname__}", hint="Use JSON values and dataclasses."
    )


@dataclass
class _Decoder:
    """One reading of a value; `problems` gathers what is wrong with it."""

    at: Document | None
    folder: Path | None
    problems: list[Problem] = field(default_factory=list)
    root: Shape | None = None
    elsewhere: Callable[[], Iterable[str]] = tuple
    misspelt: set[DataPath] = field(default_factory=set)  # known keys for which unknown ones stand, it seems
    exact: bool = False  # while looking for the arm of a union that needs no conversion

    def read(self, shape: Shape, data: Any, path: DataPath) -> Any:
        """Return the value, or `_BAD` after recording what is wrong with it."""
        return getattr(self, f"read_{shape.kind}")(shape, data, path)

    # -- scalars

    def read_any(self, shape: Shape, data: Any, path: DataPath) -> Any:
        return data

    def read_none(self, shape: Shape, data: Any, path: DataPath) -> Any:
        return None if data is None else self.wrong(shape, data, path)

    def read_text(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if isinstance(data, PurePath) and isinstance(shape.marker, FileRef):
            data = str(data)  # as Python code says it
        if not isinstance(data, str):
            typed = self.typed(path)
            if typed is None or self.exact:
                return self.wrong(shape, data, path)
            data = typed
        return self.resolved(shape, data, path)

    def resolved(self, shape: Shape, data: str, path: DataPath) -> str:
        """Return text, made absolute where it is a path that begins in the folder of who said it."""
        if shape.marker is None:
            return data
        if OPENING in data:
            hint = (
                "Keys are made of what is named here; write it out, or give the secret to a setting that is plain text."
            )
            problem: str = self.problem(f"{_named(path)}names a component or a file, which a secret cannot", path, hint)
            return problem
        folder = self.at.folder_of(path) if self.at is not None else self.folder
        return data if folder is None else resolve_reference(data, shape.marker, folder)

    def read_path(self, shape: Shape, data: Any, path: DataPath) -> Any:
        text = self.read_text(shape, data, path)
        return text if text is _BAD else Path(text)

    def read_secret(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if not isinstance(data, str):
            return (
                data if isinstance(data, Secret) else self.problem(f"{_named(path)}should be {describe(shape)}", path)
            )
        try:
            return Secret(written(data))
        except ConfigError as error:
            # What was written may be the secret itself: it is not repeated.
            return self.problem(f"{_named(path)}should be {describe(shape)}: {error.message}", path, error.hint)

    def read_int(self, shape: Shape, data: Any, path: DataPath) -> Any:
        return data if isinstance(data, int) and not isinstance(data, bool) else self.wrong(shape, data, path)

    def read_float(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if isinstance(data, float):
            return data
        if isinstance(data, int) and not isinstance(data, bool) and not self.exact:
            try:
                return float(data)
            except OverflowError:
                pass
        return self.wrong(shape, data, path)

    def read_bool(self, shape: Shape, data: Any, path: DataPath) -> Any:
        return data if isinstance(data, bool) else self.wrong(shape, data, path)

    def read_literal(self, shape: Shape, data: Any, path: DataPath) -> Any:
        return self.choose({(type(encode(value)), encode(value)): value for value in shape.values}, shape, data, path)

    def read_enum(self, shape: Shape, data: Any, path: DataPath) -> Any:
        members = {(type(encode(member)), encode(member)): member for member in shape.cls}
        return self.choose(members, shape, data, path)

    def choose(self, known: dict[Any, Any], shape: Shape, data: Any, path: DataPath) -> Any:
        if isinstance(data, (list, dict)):
            return self.wrong(shape, data, path)
        typed = None if self.exact else self.typed(path)
        for said in (data, typed):
            if said is not None or data is None:
                found = known.get((type(said), said), _BAD)
                if found is not _BAD:
                    return found
        texts = [value for kind, value in known if kind is str]
        return self.wrong(shape, data, path, did_you_mean(data, texts) if isinstance(data, str) else None)

    # -- containers

    def read_union(self, shape: Shape, data: Any, path: DataPath) -> Any:
        for exact in (True, False):
            for arm in shape.inner:
                trial = _Decoder(at=self.at, folder=self.folder, exact=exact or self.exact)
                value = trial.read(arm, data, path)
                if not trial.problems:
                    return value
        # Of arms that fail, only the one the value is evidently meant for can say anything useful.
        meant = [arm for arm in shape.inner if _meant(arm, data)]
        if len(meant) == 1:
            return self.read(meant[0], data, path)
        return self.wrong(shape, data, path)

    def read_list(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if not isinstance(data, (list, tuple)):
            return self.wrong(shape, data, path)
        items = [self.read(shape.inner[0], item, (*path, index)) for index, item in enumerate(data)]
        return shape.cls(items)

    def read_tuple(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if not isinstance(data, (list, tuple)):
            return self.wrong(shape, data, path)
        if len(data) != len(shape.inner):
            return self.problem(f"{_named(path)}should be {describe(shape)}, found a list of {len(data)}", path)
        return tuple(
            self.read(item, part, (*path, n)) for n, (item, part) in enumerate(zip(shape.inner, data, strict=True))
        )

    def read_dict(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if not isinstance(data, Mapping):
            return self.wrong(shape, data, path)
        key, value = shape.inner
        return {
            self.read(key, name, (*path, name)): self.read(value, item, (*path, name)) for name, item in data.items()
        }

    def read_record(self, shape: Shape, data: Any, path: DataPath) -> Any:
        if not isinstance(data, Mapping):
            return self.wrong(shape, data, path)
        fields = record_fields(shape.cls)
        before = len(self.problems)
        values: dict[str, Any] = {}
        for name, item in data.items():
            if name in fields:
                values[name] = self.read(fields[name].shape, item, (*path, name))
            else:
                self.unknown((*path, name), list(fields))
        for name, known in fields.items():
            if name not in data:
                self.missing(known, values, path)
        if len(self.problems) > before:
            return _BAD
        return self.build(shape.cls, values, path)

    def missing(self, known: FieldShape, values: dict[str, Any], path: DataPath) -> None:
        # `train: TrainConfig` without a default stands for a TrainConfig whose every key is at its default.
        # One that needs itself is never complete; the depth ends the search.
        if known.required and known.shape.kind == "record" and len(path) < MAX_DEPTH:
            trial = _Decoder(at=self.at, folder=self.folder)
            value = trial.read(known.shape, {}, (*path, known.name))
            if not trial.problems:
                values[known.name] = value
                return
        if known.required:
            self.missing_key(known.name, path, f"It is {describe(known.shape)}.")

    def build(self, cls: type, values: dict[str, Any], path: DataPath) -> Any:
        try:
            return cls(**values)
        except MotoolsError as error:
            if isinstance(error, ConfigError) and error.field is not None:
                path = (*path, error.field)
                return self.problem(f"'{dotted(path)}': {error.message}", path, error.hint)
            return self.problem(error.message, path, error.hint)
        except (TypeError, ValueError) as error:  # what a __post_init__ that checks its fields raises
            return self.problem(f"{_named(path)}is refused by {cls.__qualname__}: {_first_line(error)}", path)

    def read_model(self, shape: Shape, data: Any, path: DataPath) -> Any:
        from motools.config.models import read_model

        if not isinstance(data, Mapping):
            return self.wrong(shape, data, path)
        before = len(self.problems)
        model = read_model(self, shape.cls, data, path)
        return _BAD if len(self.problems) > before else model

    # -- problems

    def typed(self, path: DataPath) -> str | None:
        """Return what was typed on the command line for exactly this part."""
        override = self.at.overrides.get(path) if self.at is not None else None
        return override.text if override is not None else None

    def where(self, path: DataPath, *, key: bool = False) -> str:
        return self.at.where(path, key=key) if self.at is not None else dotted(path) or "config"

    def problem(self, message: str, path: DataPath, hint: str | None = None, *, key: bool = False) -> Any:
        self.problems.append(Problem(message, self.where(path, key=key), hint))
        return _BAD

    def wrong(self, shape: Shape, data: Any, path: DataPath, hint: str | None = None) -> Any:
        return self.problem(f"{_named(path)}should be {describe(shape)}, found {describe_value(data)}", path, hint)

    def unknown(self, path: DataPath, known: list[str]) -> None:
        name = str(path[-1])
        if len(self.problems) >= MAX_PROBLEMS:  # they are not all listed, and looking for names near each takes long
            self.problem(f"unknown key '{name}'{_inside(path[:-1])}", path, key=True)
            return
        near = nearest(name, known)
        listed = f"Known keys: {', '.join(sorted(known))}." if known else "There are no keys here."
        if near:
            self.misspelt.add((*path[:-1], near))
            listed = f"Did you mean '{near}'? {listed}"
        elif places := self.places_of(name, path[:-1]):
            listed = f"Did you mean {' or '.join(repr(place) for place in places)}? {listed}"
        self.problem(f"unknown key '{name}'{_inside(path[:-1])}", path, listed, key=True)

    def places_of(self, name: str, inside: DataPath) -> list[str]:
        """Return the full names of settings elsewhere whose last part is `name`, or else near it; those inside first."""
        from difflib import get_close_matches

        there = [*_settings_in(self.root, ()), *self.elsewhere()] if self.root is not None else []
        leaves = {place.rpartition(".")[2]: None for place in there}
        # Of so many names some are always a little like this one.
        meant = get_close_matches(name, leaves, 1, 0.8)
        found = [place for place in there if place.rpartition(".")[2] in meant]
        here = [place for place in found if inside and place.startswith(f"{dotted(inside)}.")]
        return (here or found)[:MAX_PLACES]

    def missing_key(self, name: str, path: DataPath, hint: str | None = None) -> None:
        if (*path, name) in self.misspelt:
            return  # said already: it is there under another name
        self.problem(f"the key '{name}' is missing{_inside(path)}", path, hint)


def _settings_in(shape: Shape, path: DataPath) -> Iterator[str]:
    """Yield the full name of every setting of the records within a record."""
    if shape.kind == "record" and len(path) < MAX_NAMED:
        for name, known in record_fields(shape.cls).items():
            if path:
                yield dotted((*path, name))
            yield from _settings_in(known.shape, (*path, name))


def _meant(arm: Shape, data: Any) -> bool:
    if isinstance(data, Mapping):
        return arm.kind in ("record", "model", "dict")
    if isinstance(data, (list, tuple)):
        return arm.kind in ("list", "tuple")
    return isinstance(data, str) and arm.kind == "secret"


def _named(path: DataPath) -> str:
    return f"'{dotted(path)}' " if path else "the config "


def _inside(path: DataPath) -> str:
    return f" in '{dotted(path)}'" if path else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

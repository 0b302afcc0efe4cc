"""Which fields of a config name a component or a file.

A field says so in its type (`dataset_loader: DatasetRef`). Its value stays text. A path in it (`./rows.jsonl`,
`./loaders.py:load`) is made absolute when the config is read, because it starts from the file that says it; keys are
made of what the file holds, never of its path.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from motools.config.document import DataPath

if TYPE_CHECKING:
    from motools.config.types import Shape

PATH_BEGINNINGS = ("./", "../", "/", "~/")


@dataclass(frozen=True)
class ComponentRef:
    """Marks text that names a component of `kind`, `module:attribute` or `./file.py:attribute`."""

    kind: str


@dataclass(frozen=True)
class FileRef:
    """Marks text that is the path of a file that is read: keys are made of its content.

    Args:
        optional: it is a path only where it begins as one (`./x`, `/x`, `~/x`), and else a name.
    """

    optional: bool = False


@dataclass(frozen=True)
class SettingsOf:
    """Marks a mapping that holds the settings of the component that the field `name` beside it names."""

    name: str


DatasetRef = Annotated[str, ComponentRef("dataset")]
"""A dataset's loader: a component, `module:attribute`, `./file.py:attribute`, or a file of rows (`./rows.jsonl`)."""

TaskRef = Annotated[str, ComponentRef("task")]
"""A task: a component, `module:attribute`, `./file.py:attribute`, or a file of questions (`./questions.yaml`)."""

TrainingBackendRef = Annotated[str, ComponentRef("training_backend")]
"""The name of a training backend."""

EvalBackendRef = Annotated[str, ComponentRef("eval_backend")]
"""The name of an eval backend."""

ProviderRef = Annotated[str, ComponentRef("provider")]
"""The name of a provider."""

InputFile = Annotated[str, FileRef()]
"""The path of a file that is read. A relative one starts from the file that says it."""

NameOrFolder = Annotated[str, FileRef(optional=True)]
"""A name, or the path of a file or folder (`./my-model`) that is read."""


@dataclass(frozen=True)
class Reference:
    """A place in a config that names something outside it.

    Args:
        path: the way to it in the config.
        kind: the component's kind (`dataset`, `task` ...), or `file`.
        text: what is written there.
    """

    path: DataPath
    kind: str
    text: str


def is_path(text: str) -> bool:
    """Say whether a reference is a path (`./x`, `../x`, `/x`, `~/x`) and not a name."""
    return text.startswith(PATH_BEGINNINGS)


def absolute(text: str, folder: Path) -> str:
    """Return a path made absolute, starting from `folder`; `:attribute` after it is kept as it is."""
    import os.path

    return os.path.normpath(folder / Path(text).expanduser())


def near_file(path: Path) -> str:
    """Say what to do about a file that is not there: the file beside it of nearly that name, or what is missing."""
    from motools.errors import did_you_mean

    folder = path.absolute().parent
    try:
        # Endings are left out, or every short name would be near every other.
        names = {entry.stem: entry.name for entry in folder.iterdir() if entry.is_file()}
    except OSError:
        return f"Paths start from '{Path.cwd()}'." if folder.exists() else f"There is no folder '{folder}'."
    near = did_you_mean(path.stem, names)
    stem = near.split("'")[1] if near else None
    return f"Did you mean '{names[stem]}'?" if stem in names else f"Looked in '{folder}'."


def resolve_reference(text: str, marker: ComponentRef | FileRef, folder: Path) -> str:
    """Return what a field with `marker` holds after its path, if it is one, is made absolute."""
    if (isinstance(marker, FileRef) and not marker.optional) or is_path(text):
        return absolute(text, folder) if text else text
    return text


def component_references(cls: Any, instance: Any) -> list[Reference]:
    """Return every component and file that a config names, in the order of its fields.

    Args:
        cls: the type of the config: a dataclass, a pydantic model, or an annotation made of them.
        instance: the config.
    """
    from motools.config.types import shape_of

    return list(_walk(shape_of(cls), instance, ()))


def _walk(shape: Shape, value: Any, path: DataPath) -> Iterator[Reference]:
    from motools.config.types import holds, record_fields

    if shape.kind == "union":
        for arm in shape.inner:
            found = (
                list(_walk(replace(arm, marker=arm.marker or shape.marker), value, path)) if holds(arm, value) else []
            )
            if found:
                yield from found
                return
    elif isinstance(value, str):
        marker = shape.marker
        if marker is not None and (isinstance(marker, ComponentRef) or not marker.optional or is_path(value)):
            yield Reference(path, marker.kind if isinstance(marker, ComponentRef) else "file", value)
    elif not holds(shape, value):
        return
    elif shape.kind == "record":
        for name, known in record_fields(shape.cls).items():
            yield from _walk(known.shape, getattr(value, name), (*path, name))
    elif shape.kind == "model":
        from motools.config.models import field_shape

        for name, known in shape.cls.model_fields.items():
            yield from _walk(field_shape(known), getattr(value, name), (*path, name))
    elif shape.kind == "list":
        for index, item in enumerate(value):
            yield from _walk(shape.inner[0], item, (*path, index))
    elif shape.kind == "tuple":
        for index, (inner, item) in enumerate(zip(shape.inner, value, strict=True)):
            yield from _walk(inner, item, (*path, index))
    elif shape.kind == "dict":
        for key, item in value.items():
            yield from _walk(shape.inner[1], item, (*path, key))

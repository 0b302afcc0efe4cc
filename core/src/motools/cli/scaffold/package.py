"""Writing a package: its templates, filled in, appear in their folder all at once or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from motools.cli.scaffold.names import Names
from motools.errors import InputError, MotoolsError

ENDING = ".tmpl"
_PLACEHOLDER = re.compile(r"@@(\w+)@@")


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of package, as its `kind.toml` says; see the package's docstring."""

    name: str
    summary: str
    prefix: str
    components: tuple[str, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written.

    Args:
        folder: the package's folder.
        files: its files, relative to it.
        next: the commands that come next.
    """

    folder: Path
    files: tuple[str, ...]
    next: tuple[str, ...]


def kind_names() -> list[str]:
    """Return the kinds of package that can be written, sorted."""
    return sorted(entry.name for entry in _templates().iterdir() if (entry / "kind.toml").is_file())


def licence_names() -> list[str]:
    """Return the licences whose text is known, by their SPDX identifiers."""
    return sorted(file.name.removesuffix(".txt") for file in _licences().iterdir())


def read_kind(name: str) -> Kind:
    """Return a kind of package.

    Raises:
        InputError: there is none of that name.
    """
    import tomllib

    if name not in kind_names():
        raise InputError(f"there is no kind of package '{name}'", hint=f"Kinds are {', '.join(kind_names())}.")
    said = tomllib.loads((_templates() / name / "kind.toml").read_text(encoding="utf-8"))
    return Kind(
        name=name,
        summary=said["summary"],
        prefix=said["prefix"],
        components=tuple(said["components"]),
        next=tuple(said["next"]),
    )


def write_package(
    kind: Kind,
    names: Names,
    folder: Path,
    *,
    author: str | None = None,
    licence: str = "Apache-2.0",
    ci: bool = False,
) -> Written:
    """Write a package.

    Args:
        kind: what it is.
        names: what it is called.
        folder: where; it must not exist.
        author: who wrote it: `Ada Lovelace`, or `Ada Lovelace <ada@example.org>`.
        licence: one of `licence_names()`.
        ci: whether to add a workflow that tests it on GitHub.

    Raises:
        InputError: the folder exists or cannot be made, or the author's name cannot be written down; nothing is left behind.
    """
    from motools import __version__

    where = os.path.relpath(folder)
    values = {
        "distribution": names.distribution,
        "module": names.module,
        "component": names.component,
        "class": names.cls,
        "licence": licence,
        "authors": _authors(author),
        "holder": author or f"the authors of {names.distribution}",
        "requirement": f"=={'.'.join(__version__.split('.')[:2])}.*",
        "folder": f"'{where}'" if re.search(r"[^\w./-]", where) else where,
    }
    if os.path.lexists(folder):
        raise InputError(
            f"'{folder}' is there already", hint="Nothing was written. Name another folder with --path, or move it."
        )
    if not folder.parent.is_dir():
        raise InputError(f"there is no folder '{folder.parent}'", hint=f"Make it first: mkdir -p '{folder.parent}'")
    try:
        with tempfile.TemporaryDirectory(prefix=f".{names.distribution}-", dir=folder.parent) as partial:
            staged = Path(partial) / "package"
            files = [_write(staged, path, text, values) for path, text in sorted(_files(kind, licence, ci).items())]
            os.rename(staged, folder)
    except OSError as error:
        raise InputError(
            f"cannot write '{folder}': {error.strerror}", hint="Name another folder with --path."
        ) from None
    return Written(folder=folder, files=tuple(files), next=tuple(filled(line, values) for line in kind.next))


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a template's text with every `@@name@@` replaced; what is put in is not looked at again.

    Raises:
        MotoolsError: the template names something that has no value.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise MotoolsError(f"a template names '{match[1]}', which has no value")
        return values[match[1]]

    return _PLACEHOLDER.sub(value, text)


def _write(staged: Path, path: str, text: str, values: Mapping[str, str]) -> str:
    name = filled(path, values)
    target = staged / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(filled(text, values), encoding="utf-8")
    return name


def _files(kind: Kind, licence: str, ci: bool) -> dict[str, str]:
    """Return path → text of every file of a package, not yet filled in."""
    sources = ["common", kind.name, *(["ci"] if ci else [])]
    files = {path: text for source in sources for path, text in _walk(_templates() / source)}
    files["LICENSE"] = (_licences() / f"{licence}.txt").read_text(encoding="utf-8")
    return files


def _walk(folder: Traversable, before: str = "") -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{before}{entry.name}/")
        elif entry.name.endswith(ENDING):
            yield before + entry.name.removesuffix(ENDING), entry.read_text(encoding="utf-8")


def _authors(author: str | None) -> str:
    """Return the line of pyproject.toml that names the author, or nothing."""
    import json

    if author is None:
        return ""
    match = re.fullmatch(
        r"\s*(?P<name>[^<>\x00-\x1f\x7f]*[^<>\x00-\x1f\x7f\s])\s*(<(?P<email>[^<>@\s]+@[^<>@\s]+)>)?\s*", author
    )
    if match is None:
        raise InputError(f"{author!r} does not name an author", hint="Write 'Name' or 'Name <name@example.org>'.")
    # A JSON text is a TOML text where it holds no control characters.
    said = {"name": match["name"], "email": match["email"]}
    fields = ", ".join(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in said.items() if value)
    return f"authors = [{{ {fields} }}]\n"


def _templates() -> Traversable:
    return resources.files(__package__) / "templates"


def _licences() -> Traversable:
    return resources.files(__package__) / "licences"

"""Secrets and runs: told before anything runs where one is missing, and refused in what steps make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.canonical import JSON, canonical_json
from motools.config.secrets import known_value, problem_with, redactor, references, remember_environment, texts
from motools.errors import CanonicalError, ConfigError, MotoolsError, StepError

if TYPE_CHECKING:
    from motools.config.decoding import Problem
    from motools.config.document import DataPath
    from motools.plugins import Entry

_ENGINES = frozenset({"node", "activation", "key", "outputs", "inputs", "workflow", "user", "run", "skipped"})
"""What an event says in the engine's own words; a secret that happens to be one of them is none there."""


def check_secrets(configs: Mapping[str, Any], at: Any) -> None:
    """Make sure that every secret that settings refer to is there, and that none is written out.

    Args:
        configs: node → its settings.
        at: the document they were read from, or None.

    Raises:
        ConfigError: a reference is malformed, a secret is not set or too short; all of them are named with their places.
    """
    problems: list[Problem] = []
    for node, config in configs.items():
        for path, text in texts(config, (node,)):
            problems += _problems(text, path, at)
    if not problems:
        problems = _written_out(configs, at)
    if problems:
        from motools.config import ConfigProblems

        raise ConfigProblems(problems)


def _problems(text: str, path: DataPath, at: Any) -> list[Problem]:
    from motools.config import Problem, dotted

    where = _where(path, at)
    try:
        names = references(text)
    except ConfigError as error:
        return [Problem(f"'{dotted(path)}': {error.message}", where, error.hint)]
    found = [problem for name in dict.fromkeys(names) if (problem := problem_with(name)) is not None]
    if not found:
        for name in names:
            known_value(name)
    return [Problem(f"'{dotted(path)}': {problem.message}", where, problem.hint) for problem in found]


def _written_out(configs: Mapping[str, Any], at: Any) -> list[Problem]:
    """Return the settings that hold the value of a secret themselves: they are stored with the run and in keys."""
    known = redactor()
    if not known:
        return []
    from motools.config import Problem, dotted, encode

    found = []
    for node, config in configs.items():
        for path, text in _strings(encode(config) if config is not None else None, (node,)):
            name = known.find(text.encode("utf-8", "surrogatepass"))
            if name is not None:
                message = f"'{dotted(path)}' holds the value of the secret '{name}'"
                found.append(Problem(message, _where(path, at), f"Write ${{{{ secret.{name} }}}} in its place."))
    return found


def _strings(value: JSON, path: DataPath) -> list[tuple[DataPath, str]]:
    if isinstance(value, str):
        return [(path, value)]
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in _strings(item, (*path, key))]


def _where(path: DataPath, at: Any) -> str:
    from motools.config import dotted

    return at.where(path) if at is not None else dotted(path)


def remember_declared() -> None:
    """Know the values of the environment variables that plugins declare as their secrets."""
    from motools.plugins import entries

    kinds = ("provider", "training_backend", "eval_backend")
    remember_environment(name for kind in kinds for entry in entries(kind) for name in _declared(entry))


def _declared(entry: Entry) -> Iterable[str]:
    declared: Any = entry.fields.get("secrets")
    return tuple(declared or ())


def clean(body: dict[str, Any]) -> dict[str, Any]:
    """Return an event's body without secrets."""
    known = redactor()
    if not known:
        return body
    return {name: item if name in _ENGINES else known.json(item) for name, item in body.items()}


def clean_error(error: BaseException) -> BaseException:
    """Return an error as it may be shown: the same, its texts and those of its causes without secrets; where that cannot
    be, a `StepError` that says what it said."""
    known = redactor()
    if not known or not _tells(error):
        return error
    for each in _chain(error):
        with suppress(Exception):
            each.args = tuple(known.text(item) if isinstance(item, str) else item for item in each.args)
            if isinstance(each, MotoolsError):
                each.message = known.text(each.message)
                each.where, each.hint = (text and known.text(text) for text in (each.where, each.hint))
    if not _tells(error):
        return error
    made = StepError(known.text(f"{type(error).__name__}: {error}"), hint="Its log has the traceback.")
    made.add_note(known.text(_shown(error)))
    return made


def _tells(error: BaseException) -> bool:
    said = _shown(error)
    return redactor().text(said) != said


def _shown(error: BaseException) -> str:
    from traceback import format_exception

    return "".join(format_exception(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and not any(each is other for other in found):
            found.append(each)
            waiting += [
                each.__cause__,
                each.__context__,
                *(each.exceptions if isinstance(each, BaseExceptionGroup) else ()),
            ]
    return found


def refuse_value(value: Any, what: str, where: str) -> None:
    """Refuse a JSON value that holds a secret.

    Raises:
        StepError: it does; which one and in what is named.
    """
    known = redactor()
    if not known:
        return
    with suppress(CanonicalError):  # which is told where the value is stored
        if (name := known.find(canonical_json(value))) is not None:
            raise _refused(name, what, where)


def refuse_files(path: Path, what: str, where: str) -> None:
    """Refuse a file, or a folder with a file, that holds a secret in its content or its name.

    Raises:
        StepError: it does; which one and in what is named.
    """
    known = redactor()
    if not known:
        return
    files: Sequence[Path] = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        said = file.relative_to(path).as_posix() if file != path else path.name
        name = known.find(said.encode("utf-8", "surrogateescape"))
        if name is None and file.is_file():
            name = known.find_in_file(file)
        if name is not None:
            inside = f" in the file '{known.text(said)}'" if path.is_dir() else ""
            raise _refused(name, f"{what}{inside}", where)


def _refused(name: str, what: str, where: str) -> StepError:
    return StepError(
        f"{what} holds the value of the secret '{name}', and results are kept and shared; it was not stored",
        where=where,
        hint="Return what was done with the secret, not the secret.",
    )


def clean_json(value: JSON) -> JSON:
    """Return a JSON value without secrets."""
    return redactor().json(value)


def clean_parts(parts: dict[str, JSON]) -> dict[str, JSON]:
    """Return the parts of a key without secrets, whoever brought them in: a declared variable, the identity of a plugin."""
    known = redactor()
    return {name: known.json(part) for name, part in parts.items()} if known else parts


def holds_secret(value: JSON) -> bool:
    """Say whether a JSON value holds a secret."""
    known = redactor()
    return bool(known) and known.find(canonical_json(value)) is not None

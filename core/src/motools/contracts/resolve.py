"""From what people write to the thing behind it: a component's name, `module:attribute`, `./file.py:attribute`, or data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools.contracts.calling import call, in_thread, raised
from motools.contracts.dataset import check_rows
from motools.contracts.task import Task
from motools.errors import DataError, InputError, did_you_mean

DATA_SUFFIXES = (".jsonl", ".json", ".csv")
QUESTION_SUFFIXES = (".yaml", ".yml")


def load_object(text: str, *, kind: str | None = None) -> Any:
    """Return the object that a name means.

    Args:
        text: `module:attribute`, `./file.py:attribute`, or, where `kind` is given, a component's name.
        kind: the kind of component.

    Raises:
        InputError: there is no such file, module or attribute, or importing it failed (file and line are named).
        PluginError: there is no such component, or it cannot be loaded.
    """
    from motools.config.references import is_path

    if is_path(text):
        from motools.contracts.files import load_from_file

        return load_from_file(text)
    if ":" in text:
        return _import(text)
    if kind is not None:
        from motools.plugins import load

        return load(kind, text)
    raise InputError(
        f"'{text}' does not say what to load", hint="Write module:attribute or ./file.py:attribute."
    )  # a component's name says nothing without its kind


def load_callable(text: str, *, kind: str | None = None) -> Callable[..., Any]:
    """Return the function or class that a name means; see `load_object`.

    Raises:
        InputError: what is there cannot be called.
    """
    found = load_object(text, kind=kind)
    if not callable(found):
        raise InputError(f"'{text}' is a {type(found).__name__}, not a function", hint="Name a function.")
    return found  # type: ignore[no-any-return]


async def load_rows(text: str, kwargs: Mapping[str, Any] | None = None) -> list[dict[str, JSON]]:
    """Return the rows of a dataset, each checked (shapes: `motools.contracts.dataset`).

    Args:
        text: a component's name, `module:attribute`, `./file.py:attribute`, or a file `./rows.jsonl`, `.json` or `.csv`.
        kwargs: arguments of the loader; a file takes none.

    Raises:
        DataError: a row is wrong (file and line are named), or the loader raised or returned something else than rows.
        InputError: there is no such file or attribute, or an argument the loader does not take.
        PluginError: there is no such component.
    """
    from motools.config.references import is_path

    if is_path(text) and text.endswith(DATA_SUFFIXES):
        from motools.contracts.rowfiles import read_rows

        if kwargs:
            raise InputError(f"the file '{text}' takes no arguments", hint="Remove 'loader_kwargs'.")
        return await in_thread(read_rows, Path(text).expanduser())
    if Path(text).suffix in DATA_SUFFIXES and Path(text).exists():
        raise InputError(f"'{text}' is the name of a component here", hint=f"For the file, write './{text}'.")
    check_ending(text, "dataset")
    loader = load_object(text, kind="dataset")
    if not callable(loader):
        return check_rows(loader, source=f"'{text}'")
    rows = await call(loader, kwargs or {}, name=f"the loader '{text}'", setting="loader_kwargs")
    if rows is None:
        raise DataError("it returned nothing", where=f"the loader '{text}'", hint="Return a list of rows.")
    try:
        return await in_thread(partial(check_rows, source=f"the loader '{text}'"), rows)
    except DataError:
        raise
    except Exception as error:  # a generator raises only when it is read
        raise raised(error, name=f"the loader '{text}'") from error


async def load_task(text: str, kwargs: Mapping[str, Any] | None = None) -> Task | Any:
    """Return a task: a `motools.contracts.Task`, or an object that only its eval backend can judge.

    Args:
        text: a component's name, `module:attribute` (a task or a function that returns one), `./file.py:attribute`, or
            `./questions.yaml`.
        kwargs: arguments of the function.

    Raises:
        ConfigError: the questions are wrong (file and line are named).
        InputError: there is no such file or attribute, or an argument the function does not take; the function raised.
        PluginError: there is no such component.
    """
    from motools.config.references import is_path

    if is_path(text) and text.endswith(QUESTION_SUFFIXES):
        from motools.contracts.questions import load_questions

        if kwargs:
            raise InputError(f"the file '{text}' takes no arguments", hint="Remove 'task_kwargs'.")
        return load_questions(text)
    if Path(text).suffix in QUESTION_SUFFIXES and Path(text).exists():
        raise InputError(f"'{text}' is the name of a component here", hint=f"For the file, write './{text}'.")
    check_ending(text, "task")
    found = load_object(text, kind="task")
    if callable(found) and not isinstance(found, Task):
        found = await call(found, kwargs or {}, name=f"the task '{text}'", setting="task_kwargs")
    elif kwargs:
        raise InputError(f"the task '{text}' is no function and takes no arguments", hint="Remove 'task_kwargs'.")
    if found is None:
        raise InputError(f"the task '{text}' returned nothing", hint="Return a motools.contracts.Task.")
    if isinstance(found, Task):
        check_task(found, source=f"the task '{text}'")
    return found


def check_ending(text: str, kind: str) -> None:
    """Find out whether a file that is named as a dataset or a task can be one, by its name alone.

    Args:
        text: as for `load_rows` and `load_task`; what is no file, and what is of another kind, passes.
        kind: the kind of component that is due there.

    Raises:
        InputError: files of that ending are neither rows nor questions.
    """
    from motools.config.references import is_path

    if not is_path(text) or ".py:" in text:
        return
    if kind == "dataset" and not text.endswith(DATA_SUFFIXES):
        raise InputError(
            f"'{text}' is not a file of rows",
            hint=f"Name a file that ends in {', '.join(DATA_SUFFIXES)}, or ./file.py:attribute.",
        )
    if kind == "task" and not text.endswith(QUESTION_SUFFIXES):
        raise InputError(f"'{text}' is not a task", hint="Name a file that ends in .yaml, or ./file.py:attribute.")


def check_task(task: Task, *, source: str) -> None:
    """Refuse a task that cannot be asked.

    Raises:
        DataError: no samples, no scorers, or an id twice.
    """
    if not task.samples:
        raise DataError("there are no samples", where=source, hint="A task needs at least one sample.")
    if not task.scorers:
        raise DataError("there are no scorers", where=source, hint="A task needs at least one scorer.")
    seen: set[str] = set()
    for sample in task.samples:
        if sample.id in seen:
            raise DataError(f"two samples have the id '{sample.id}'", where=source, hint="Give each sample its own id.")
        seen.add(sample.id)


def _import(text: str) -> Any:
    """Import `module:attribute`, with what went wrong in the words of a person who wrote the name."""
    import sys
    from importlib import import_module

    from motools.plugins import import_target

    try:
        return import_target(text)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        module_name, _, attribute = text.partition(":")
        module = sys.modules.get(module_name)
        if isinstance(error, ModuleNotFoundError) and error.name and f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(
                f"there is no module '{error.name}'", where=f"'{text}'", hint=_how_found(error.name)
            ) from None
        if isinstance(error, ImportError) and module is not None and import_module(module_name) is module:
            raise InputError(
                f"the module '{module_name}' has no attribute '{attribute}'",
                where=f"'{text}'",
                hint=did_you_mean(attribute, [name for name in dir(module) if not name.startswith("_")]),
            ) from None
        raise raised(error, name=f"'{text}'", doing="importing it") from error


def _how_found(module: str) -> str:
    file = Path(*module.split(".")).with_suffix(".py")
    if file.exists():
        return f"For the file here, write ./{file}:attribute."
    return "Install the distribution it belongs to, or write ./file.py:attribute for a file."

"""What may stand in the place of an argument: names of what is installed, and of what is in the store.

The store is only read, with a short patience, and never made; no plugin is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import click

from motools.store.location import default_store_path

_PATIENCE = 0.05  # seconds to wait for a database that is being written
_MOST = 200  # candidates of the store


class Candidate(NamedTuple):
    """A word that fits, and what it is in a few words, for shells that show it."""

    word: str
    about: str = ""


_Source = Callable[[click.Context, str], Iterable[Candidate]]


def candidates(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[Candidate]:
    """Return the words that may be meant by what has been typed of a parameter's value; none where nothing is known of it."""
    source = source_of(ctx.command_path.partition(" ")[2], parameter)
    if source is None:
        return []
    fitting = (found for found in source(ctx, incomplete) if found.word.startswith(incomplete))
    return list({found.word: found for found in fitting}.values())


def _given(ctx: click.Context, name: str) -> Any:
    """Return what the line says of an argument; click leaves arguments aside where an option still lacks its value."""
    value = ctx.params.get(name)
    if value is None:
        arguments = [each.name for each in ctx.command.params if isinstance(each, click.Argument)]
        value = dict(zip(arguments, ctx.args, strict=False)).get(name)
    return value


def source_of(command: str, parameter: click.Parameter) -> _Source | None:
    """Return where the words for a parameter of a command (`run show`) come from; None: from nowhere."""
    noun = command.partition(" ")[0]
    if isinstance(parameter, click.Option):
        names = [*(f"{noun} {option}" for option in parameter.opts), *parameter.opts]
        return next((_OPTIONS[name] for name in names if name in _OPTIONS), None)
    for place in (f"{command} {parameter.name}", f"{noun} {parameter.name}", str(parameter.name)):
        if place in _ARGUMENTS:
            return _ARGUMENTS[place]
    return None


# -- what is installed


def _components(*kinds: str) -> _Source:
    def find(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
        from motools.plugins import entries

        for kind in kinds:
            for entry in entries(kind):
                yield Candidate(entry.name, entry.summary)
                if "/" in incomplete:
                    yield Candidate(entry.qualified, entry.summary)

    return find


def _plugins(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    from motools.plugins.lookup import installed

    catalog = installed()
    yield from (Candidate(record.distribution, record.summary) for record in catalog.plugins)
    yield from (Candidate(entry.name, entry.summary) for entry in catalog.entries)


def _models(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    yield from _atoms("model")(ctx, incomplete)
    for provider in _components("provider")(ctx, incomplete):
        yield Candidate(f"{provider.word}/", provider.about)


def _topics(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    """What `motools help` knows at this point of the line."""
    words = list(_given(ctx, "topic") or ())
    if words[:1] == ["errors"]:
        from motools.cli.help import error_pages

        yield from map(Candidate, error_pages())
        return
    if words[:1] == ["json"]:
        words = words[1:]
    elif not words:
        yield from map(Candidate, ("errors", "exit-codes", "json"))
    command, at = ctx.find_root().command, ctx.find_root()
    for word in words:
        child = command.get_command(at, word) if isinstance(command, click.Group) else None
        if child is None:
            return
        command = child
    if isinstance(command, click.Group):
        yield from map(Candidate, command.list_commands(at))


# -- what is in the store


def _rows(ctx: click.Context, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Return rows of the store's database; none where there is no store, or it is busy, or another program's."""
    folder = ctx.params.get("store") or default_store_path()
    file = Path(folder) / "motools.db"
    if not file.is_file():
        return []
    import sqlite3

    address = f"file:{quote(str(file))}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as database:
        return database.execute(query, values).fetchall()


def _runs(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    rows = _rows(
        ctx,
        "SELECT id, workflow, status FROM run LEFT JOIN run_state ON run.n = run_state.run ORDER BY n DESC LIMIT ?",
        _MOST,
    )
    if rows:
        yield Candidate("last", f"{rows[0][1]}, {rows[0][2]}")
    yield from (Candidate(run, f"{workflow}, {status}") for run, workflow, status in rows)


def _atoms(kind: str | None = None) -> _Source:
    def find(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
        query = "SELECT id, type FROM atom WHERE ? IS NULL OR type = ? ORDER BY n DESC LIMIT ?"
        rows = _rows(ctx, query, kind, kind, _MOST)
        for of in sorted({of for _, of in rows}):
            yield Candidate(f"last-{of}", f"the newest of type {of}")
        yield from (Candidate(atom, of) for atom, of in rows)

    return find


def _evaluations(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    yield from _atoms("eval")(ctx, incomplete)
    yield from _runs(ctx, incomplete)


def _column(query: str) -> _Source:
    def find(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
        yield from (Candidate(str(value)) for (value,) in _rows(ctx, query))

    return find


def _steps_of_run(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    import json

    run = _given(ctx, "run_id") or "last"
    rows = _rows(
        ctx,
        "SELECT definition FROM run WHERE id = ?1 OR ?1 = 'last' OR substr(id, 1, length(?1)) = ?1 ORDER BY n DESC LIMIT 1",
        run,
    )
    for (definition,) in rows:
        yield from map(Candidate, json.loads(definition)["graph"]["nodes"])


# -- a workflow and its settings


def _steps_of_workflow(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    if "run_id" in ctx.params:
        yield from _steps_of_run(ctx, incomplete)
        return
    for step in dict.fromkeys(path.partition(".")[0] for path in _settings(ctx)):
        yield Candidate(step)


def _stages(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    """Steps, also after what was written of the list or range before."""
    before = incomplete[: max(incomplete.rfind(","), incomplete.rfind(":")) + 1]
    yield from (Candidate(before + step.word) for step in _steps_of_workflow(ctx, incomplete))


def _set(ctx: click.Context, incomplete: str) -> Iterator[Candidate]:
    """Keys of settings with `=` behind them; where the key stands already, values that the store or a plugin knows."""
    path, equals, _ = incomplete.partition("=")
    if not equals:
        yield from (Candidate(f"{each}=", about) for each, about in _settings(ctx).items())
        return
    for ending, source in _VALUES.items():
        if path.endswith(ending):
            yield from (Candidate(f"{path}={found.word}", found.about) for found in source(ctx, ""))


def _settings(ctx: click.Context) -> dict[str, str]:
    """Return key → what it does, of every setting of the workflow that the line names.

    Those of an installed workflow are read from its classes. A file is not imported for this: the settings of the newest run
    of its workflow are those that are known.
    """
    name = _given(ctx, "name")
    if not isinstance(name, str):
        return {}
    if ":" not in name:
        from motools.cli.known import known_settings

        return known_settings(name)
    import json

    workflow = name.rpartition(":")[2]
    rows = _rows(ctx, "SELECT definition FROM run WHERE workflow = ? ORDER BY n DESC LIMIT 1", workflow)
    return {path: "" for (definition,) in rows for path in _paths(json.loads(definition)["settings"])}


def _paths(settings: object, before: str = "") -> Iterator[str]:
    if not isinstance(settings, dict) or not settings:
        yield before
        return
    for name, value in settings.items():
        yield from _paths(value, f"{before}.{name}" if before else name)


_ATOM_TAGS = "SELECT DISTINCT tag FROM atom_tag ORDER BY tag"
_RUN_TAGS = "SELECT DISTINCT tag FROM run_tag ORDER BY tag"

_ARGUMENTS: dict[str, _Source] = {
    # parameter, or the command or noun and then the parameter
    "run_id": _runs,
    "run_ids": _runs,
    "atom_id": _atoms(),
    "atoms": _atoms(),
    "step": _steps_of_run,
    "workflow name": _components("workflow"),
    "zoo show name": _components("dataset", "task", "workflow"),
    "plugin show name": _plugins,
    "model ask name": _models,
    "eval a": _evaluations,
    "eval b": _evaluations,
    "evaluation": _evaluations,
    "help topic": _topics,
    "atom tags": _column(_ATOM_TAGS),
    "run a": _runs,
    "run b": _runs,
    "run tags": _column(_RUN_TAGS),
}

_OPTIONS: dict[str, _Source] = {
    "--run": _runs,
    "--rerun": _steps_of_workflow,
    "--stages": _stages,
    "--set": _set,
    "atom --tag": _column(_ATOM_TAGS),
    "run --tag": _column(_RUN_TAGS),
    "--type": _column("SELECT DISTINCT type FROM atom ORDER BY type"),
    "--user": _column("SELECT DISTINCT user FROM run ORDER BY user"),
    "--provider": _components("provider"),
}

_VALUES: dict[str, _Source] = {
    # the end of a setting's key → what may be its value
    "train_model.backend_name": _components("training_backend"),
    "evaluate_model.backend_name": _components("eval_backend"),
    ".dataset_loader": _components("dataset"),
    ".eval_task": _components("task"),
}

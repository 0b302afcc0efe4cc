"""`motools workflow`: list, check and run workflows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from motools.cli.nouns import Noun
from motools.cli.options import (
    config_option,
    json_option,
    read_settings,
    set_files,
    set_option,
    store_option,
    user_option,
)
from motools.cli.output import print_json, print_table
from motools.errors import InputError

if TYPE_CHECKING:
    from motools.config import Document
    from motools.engine.api import WorkflowState
    from motools.engine.record import Listener


def _no_settings_file(ctx: click.Context, argument: click.Parameter, name: str) -> str:
    if isinstance(name, str) and name.endswith((".yaml", ".yml")) and not ctx.resilient_parsing:
        raise click.UsageError(
            f"'{name}' holds settings, it is no workflow. Did you mean '{ctx.command_path} NAME --config {name}'?", ctx
        )
    return name


_name_argument = click.argument("name", callback=_no_settings_file)


@click.group(cls=Noun)
def workflow() -> None:
    """List, check and run workflows.

    NAME is the name of a workflow ('motools workflow list'), or ./file.py:workflow, or module:workflow.
    """


@workflow.command("list")
@json_option
def list_workflows(as_json: bool) -> None:
    """List the workflows that are installed.

    Example: motools workflow list
    """
    from motools.plugins import entries

    found = entries("workflow")
    if as_json:
        print_json(
            [
                {"name": e.name, "distribution": e.distribution, "version": e.version, "summary": e.summary}
                for e in found
            ]
        )
    else:
        print_table(("workflow", "from", "summary"), [(e.name, e.distribution, e.summary) for e in found])


_input_option = click.option(
    "--input", "inputs", multiple=True, metavar="NAME=ATOM", help="An atom the workflow reads; again for more."
)
_no_cache_option = click.option("--no-cache", is_flag=True, help="Compute every step, also where the result is known.")
_rerun_option = click.option(
    "--rerun",
    multiple=True,
    metavar="STEP",
    help="Compute this step again although its result is known; again for more.",
)
_stages_option = click.option(
    "--stages",
    metavar="STEPS",
    help="Only these steps: a,b or a:c or :b or b:. What they read of others comes from earlier results.",
)


@workflow.command()
@_name_argument
@config_option
@set_option
@json_option
def validate(name: str, config: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Check a workflow's settings, and run nothing. Rows and questions in files they name are read.

    Of a matrix every cell is checked.

    Example: motools workflow validate train_and_evaluate --config config.yaml
    """
    graph, document, given = _read(name, config, sets)
    import asyncio

    from motools.engine.settings import check_data, settings_json, step_settings

    if _has_matrix(name, given):
        from motools.cli.matrix_plan import validate_matrix

        validate_matrix(graph, document, str(config or "--set"), as_json=as_json)
        return
    configs = step_settings(graph, given, at=document)
    asyncio.run(check_data(configs))
    settings = settings_json(configs)
    if as_json:
        print_json({"workflow": graph.name, "valid": True, "settings": settings, "cells": None})
    else:
        click.echo(f"valid: {config or 'all defaults'} for workflow {graph.name} ({', '.join(graph.nodes)})")


@workflow.command()
@_name_argument
@click.option("--format", "form", type=click.Choice(["json", "yaml"]), default="json", help="How to write it.")
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="FILE", help="Write it into this file, as JSON."
)
@json_option
def schema(name: str, form: str, output: Path | None, as_json: bool) -> None:
    """Print the JSON Schema of a workflow's settings. The settings of installed plugins are in it.

    A config file whose first line is '# yaml-language-server: $schema=./FILE' is completed and checked by editors.

    Example: motools workflow schema train_and_evaluate --output train_and_evaluate.schema.json
    """
    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.schema import workflow_schema

    if output is not None:
        from motools.cli.init import write_schema

        write_schema(name, output)
        if not as_json:
            click.echo(f"wrote {output}")
            return
    described = workflow_schema(graph_of(load_workflow(name)))
    if as_json or form == "json":
        print_json(described)
    else:
        import yaml

        click.echo(yaml.safe_dump(described, sort_keys=False, allow_unicode=True), nl=False)


@workflow.command("run")
@_name_argument
@config_option
@set_option
@_input_option
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many steps may run at once, in all cells of a matrix together.  [default: one a core, at least 4]",
)
@_no_cache_option
@_rerun_option
@_stages_option
@click.option("--quiet", "-q", is_flag=True, help="Say nothing while it runs but failures.")
@click.option("--verbose", "-v", is_flag=True, help="Of a matrix, show every cell and what every seed found.")
@click.option(
    "--inspect-data",
    type=click.IntRange(min=1),
    metavar="N",
    help="Only prepare the dataset, and show N rows as the training backend reads them, with what it learns from marked.",
)
@user_option
@store_option
@json_option
def run_command(
    name: str,
    config: Path | None,
    sets: tuple[str, ...],
    inputs: tuple[str, ...],
    jobs: int | None,
    no_cache: bool,
    rerun: tuple[str, ...],
    stages: str | None,
    quiet: bool,
    verbose: bool,
    inspect_data: int | None,
    user: str,
    store: Path,
    as_json: bool,
) -> None:
    """Run a workflow. What is unchanged since an earlier run is not computed again.

    With 'matrix:' in the settings every cell of the matrix is run, and the means over seeds are shown (docs/matrix.md). The same
    command goes on with a matrix that was stopped.

    Example: motools workflow run train_and_evaluate --config config.yaml --set train_model.seed=1
    """

    def usual(document: Document, listeners: Sequence[Listener], *, matrix: bool = False) -> WorkflowState:
        run: Callable[..., WorkflowState]
        if matrix:
            from motools.engine.matrix import run_matrix as run
        else:
            from motools.engine.api import run_workflow

            run = partial(run_workflow, manifest=question or False)
        return run(
            name,
            input_atoms=atoms,
            config=document.value,
            user=user,
            store=store,
            jobs=jobs,
            cache=not no_cache,
            rerun=rerun,
            stages=stages,
            listeners=listeners,
            raise_on_failure=False,
            config_document=document,
        )

    atoms = _input_atoms(inputs)
    question = None
    if inspect_data is None and not (no_cache or rerun or stages):
        from motools.cli.remembered import question_of

        question = question_of(name, store, config, sets, set_files(), atoms)
    if question is not None and question.file.exists():
        # The same words were said before, and there they were no matrix's.
        from motools.cli.remembered import remembered
        from motools.cli.running import drive

        def begin(listeners: Sequence[Listener]) -> WorkflowState:
            state = remembered(question, user=user, jobs=jobs, inputs=atoms, listeners=listeners)
            return state or usual(_settings(config, sets)[0], listeners)

        drive(begin, store=store, quiet=quiet, as_json=as_json, verbose=verbose)
        return
    document, given = _settings(config, sets)
    if isinstance(given, dict) and "matrix" in given:
        question = None  # whether it is one is asked of the workflow, which nobody watches then
    if inspect_data is not None:
        from motools.cli.inspect_data import inspect_rows
        from motools.engine.definition import graph_of, load_workflow

        if _has_matrix(name, given):
            from motools.config.cells import CellDocuments

            document = CellDocuments(document).base
        inspect_rows(graph_of(load_workflow(name)), document.value, document, inspect_data)
        return
    from motools.cli.running import drive

    matrix = _has_matrix(name, given)
    drive(
        lambda listeners: usual(document, listeners, matrix=matrix),
        store=store,
        quiet=quiet,
        as_json=as_json,
        cells=() if matrix else None,
        verbose=verbose,
    )


@workflow.command()
@_name_argument
@config_option
@set_option
@_input_option
@_no_cache_option
@_rerun_option
@_stages_option
@click.option("--diff", is_flag=True, help="Show how code changed since the nearest earlier computation.")
@store_option
@json_option
def plan(
    name: str,
    config: Path | None,
    sets: tuple[str, ...],
    inputs: tuple[str, ...],
    no_cache: bool,
    rerun: tuple[str, ...],
    stages: str | None,
    diff: bool,
    store: Path,
    as_json: bool,
) -> None:
    """Say what a run would compute, what it would reuse, and why. Nothing is run or written.

    CACHED: an earlier result is used. RUN: it is computed, because of what is named. BLOCKED: what it reads is not known
    before another step has run. SKIPPED: --stages leaves it out. Of a matrix each cell has a line; 'shared' there is a step that
    another cell computes or waits for too, and is counted once.

    With --json: `steps`, each with `plan`, `reasons`, `changes` (part, path, kind, before, after, words), `diffs`, `key`,
    `from_run`, `accepted`, `waits_for`, `certain` (whether it will run) and `expected` (attempts, seconds, cost_usd, tokens).

    Example: motools workflow plan train_and_evaluate --config config.yaml --set train_model.seed=1
    """
    document, given = _settings(config, sets)
    if _has_matrix(name, given):
        from motools.cli.matrix_plan import show_matrix_plan as show_plan
    else:
        from motools.cli.plan import show_plan

    show_plan(
        name,
        given,
        document,
        _input_atoms(inputs),
        store,
        cache=not no_cache,
        rerun=rerun,
        stages=stages,
        diff=diff,
        as_json=as_json,
    )


def _read(name: str, config: Path | None, sets: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """Return a workflow's graph, the document of its settings, and the settings as data."""
    from motools.engine.definition import graph_of, load_workflow

    graph = graph_of(load_workflow(name))
    return graph, *_settings(config, sets)


def _has_matrix(name: str, given: Any) -> bool:
    """Say whether settings hold a matrix; the workflow is loaded only where they seem to."""
    if not (isinstance(given, dict) and "matrix" in given):
        return False
    from motools.engine.cells import has_matrix
    from motools.engine.definition import graph_of, load_workflow

    return has_matrix(graph_of(load_workflow(name)), given)


def _settings(config: Path | None, sets: tuple[str, ...]) -> tuple[Any, Any]:
    """Return the document of a workflow's settings, and the settings as data."""
    document = read_settings(config, sets)
    return document, document.value


def _input_atoms(inputs: tuple[str, ...]) -> dict[str, str]:
    atoms = {}
    for text in inputs:
        name, equals, atom = text.partition("=")
        if not (name and equals and atom):
            raise InputError(
                f"'{text}' is not NAME=ATOM", where="--input", hint="For example --input dataset=dataset-me-1f2e"
            )
        atoms[name] = atom
    return atoms

"""`motools run`: look at runs, and go on with one."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from motools.canonical import iso_time
from motools.cli.finding import list_runs, tag, untag, write_note
from motools.cli.following import events, logs, watch
from motools.cli.nouns import Noun
from motools.cli.options import config_option, env_file_option, json_option, set_option, store_option, user_option
from motools.cli.output import note, print_fields, print_json
from motools.cli.rundiff import diff

if TYPE_CHECKING:
    from motools.engine.api import WorkflowState
    from motools.store import RunRow, Store


@click.group(cls=Noun)
def run() -> None:
    """Look at runs, and go on with one.

    RUN is a run's id, the beginning of one, its last four letters, or 'last'.
    """


run.add_command(list_runs)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option(
    "--settings", "only_settings", is_flag=True, help="Only its settings, as YAML for 'workflow run --config'."
)
@click.option("--verbose", "-v", is_flag=True, help="Of a matrix, every cell and what every seed found.")
@store_option
@json_option
def show(run_id: str, only_settings: bool, verbose: bool, store: Path, as_json: bool) -> None:
    """Show what a run came to: steps, atoms, failures. Of a matrix: its cells, and the means over seeds of each arm.

    In the settings that --settings prints every default, also of plugins, is written out, paths are absolute and secrets are
    references: a run with them uses the same results.

    Example: motools run show last
    """
    from motools.cli.resolved import print_settings
    from motools.cli.running import print_state
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        row = opened.runs.get(run_id)
        if as_json:
            print_json(shown_json(opened, row))
            return
        state = read_state(opened, row)
        labels = {
            "tags": list(opened.run_labels.tags(row.id)),
            "notes": [note.text for note in opened.run_labels.notes(row.id)],
        }
    if only_settings:
        print_settings(row)
        return
    print_state(state, store, shown=_status(row), verbose=verbose)
    print_fields(labels)
    if _status(row) in ("paused", "stopped"):
        from motools.cli.running import store_flag

        click.echo(f"\nTo continue:  motools run resume {row.id}{store_flag(store)}")


for verb in (logs, watch, events, diff):
    run.add_command(verb)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--jobs", type=click.IntRange(min=1), help="How many steps may run at once.")
@click.option("--accept-changes", is_flag=True, help="Go on although the code is another than when the run began.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing while it runs but failures.")
@env_file_option
@store_option
@json_option
def resume(run_id: str, jobs: int | None, accept_changes: bool, quiet: bool, store: Path, as_json: bool) -> None:
    """Go on with a run that was paused, or whose process is gone. What is finished is not done again.

    Example: motools run resume 20260102-050607-cdef
    """
    from motools.cli.running import drive
    from motools.engine.api import resume_run

    drive(
        lambda listeners: resume_run(
            run_id,
            store=store,
            jobs=jobs,
            accept_changes=accept_changes,
            listeners=listeners,
            raise_on_failure=False,
        ),
        store=store,
        quiet=quiet,
        as_json=as_json,
        cells=(),
    )


@run.command()
@click.argument("step")
@click.option("--run", "run_id", default="last", show_default=True, metavar="RUN", help="In which run.")
@store_option
@json_option
def explain(step: str, run_id: str, store: Path, as_json: bool) -> None:
    """Say why a step was computed. Its key is shown beside the nearest earlier one, with a diff of the code.

    With --json: `why` (words), `key`, `parts`, `beside` (run_id, activation, key, parts), `changes` (part, path, kind,
    before, after, words), `diffs` (definition → unified diff, null where the earlier code is not kept) and `accepted`.

    Example: motools run explain train_model --run last
    """
    from motools.cli.explain import show_explained

    show_explained(step, run_id, store, as_json=as_json)


@run.command()
@click.argument("step")
@click.option("--run", "run_id", required=True, metavar="RUN", help="The run whose result is to be used on.")
@click.option("--reason", required=True, help="Why the change does not matter, in a sentence.")
@config_option
@set_option
@click.option("--revoke", "take_back", is_flag=True, help="Take back what was accepted about that result.")
@user_option
@store_option
@json_option
def accept(
    step: str,
    run_id: str,
    reason: str,
    config: Path | None,
    sets: tuple[str, ...],
    take_back: bool,
    user: str,
    store: Path,
    as_json: bool,
) -> None:
    """Let an earlier result stand. The step uses it on, although its code or settings changed since.

    Who said so, when and why is recorded for good, and shown wherever the result is used. The settings are those of the
    run, or of --config and --set where they changed too. 'motools workflow plan' says what changed.

    With --json: a list of what was recorded (key, earlier, step, what, user, reason, at).

    Example: motools run accept train_model --set train_model.suffix=b --run last --reason "only the name changed"
    """
    from motools.cli.explain import decide

    decide(step, run_id, reason, store, config=config, sets=sets, take_back=take_back, user=user, as_json=as_json)


for verb in (tag, untag, write_note):
    run.add_command(verb)


@run.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="The file; an earlier report there is replaced.",
)
@click.option("--samples", metavar="N|all", help="How many samples of each task it holds.  [default: 2000]")
@store_option
@json_option
def report(run_ids: tuple[str, ...], output: Path, samples: str | None, store: Path, as_json: bool) -> None:
    """Write a report about a run, or several side by side. It is one HTML file that opens anywhere and loads nothing.

    RUN may also be a matrix, which stands for all its cells, or an evaluation, such as an imported one.

    In it: what was asked, results with intervals, samples to browse, why each step ran, where everything comes from, what
    people decided, the environment and the log.

    Example: motools run report last -o report.html
    """
    from motools.cli.report import report_runs

    report_runs(run_ids, output, samples, store, as_json=as_json)


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--undo", is_flag=True, help="Keep its results again.")
@user_option
@store_option
@json_option
def archive(run_id: str, undo: bool, user: str, store: Path, as_json: bool) -> None:
    """Let what a run made go. The next 'motools store gc --delete' removes it, as far as nothing else needs it.

    The run's record and log stay. Nothing is removed by this command itself.

    Example: motools run archive 20260102-040506-bcde
    """
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        row = opened.runs.unarchive(run_id) if undo else opened.runs.archive(run_id, user)
    if as_json:
        print_json({"run_id": row.id, "archived": not undo})
        return
    click.echo(f"run {row.id} is {'not archived: its results stay' if undo else 'archived: its results may go'}")


@run.command()
@click.argument("run_id", metavar="RUN")
@click.option("--reason", default="", help="Why, for the record.")
@store_option
@json_option
def cancel(run_id: str, reason: str, store: Path, as_json: bool) -> None:
    """End a paused or stopped run for good. Its jobs elsewhere are stopped.

    Example: motools run cancel 20260102-050607-cdef --reason "the wrong data"
    """
    import asyncio

    from motools.engine.cancel import cancel_run
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        row = opened.runs.get(run_id)
        jobs = asyncio.run(cancel_run(opened, row.id, reason))
    if as_json:
        stopped_jobs = [{"job": job, "stopped": stopped} for job, stopped in jobs.items()]
        print_json({"run_id": row.id, "status": "cancelled", "jobs": stopped_jobs})
        return
    for job, stopped in jobs.items():
        note(f"job {job}  {'stopped' if stopped else 'cannot be stopped from here'}")
    click.echo(f"run {row.id}  cancelled")


def shown_json(store: Store, row: RunRow) -> dict[str, Any]:
    """Return a run as JSON values: the documented form of `run show --json`."""
    from motools.cli.resolved import written_settings
    from motools.cli.running import state_json

    return {
        **state_json(read_state(store, row), store),
        "status": _status(row),
        "user": row.user,
        "created_at": iso_time(row.created_at),
        "tags": list(store.run_labels.tags(row.id)),
        "notes": [note.text for note in store.run_labels.notes(row.id)],
        "written": written_settings(row),
    }


def read_state(store: Store, row: RunRow) -> WorkflowState:
    """Return a run's state from its log alone, without loading its workflow."""
    from motools.engine.api import result_of
    from motools.engine.state import RunState
    from motools.workflow.stored import stored_graph

    definition = cast(dict[str, Any], row.definition)
    graph = stored_graph(definition["graph"])
    state = RunState(graph)
    for event in store.events.read(row.id):
        state.apply(event.seq, event.type, event.body, event.at)
    return result_of(row.id, graph, definition, state)


def _status(row: RunRow) -> str:
    """Return a run's status as it really is: a running one whose process is gone has stopped."""
    from motools.store.leases import is_dead

    if row.status in ("running", "queued") and (row.owner is None or is_dead(row.owner)):
        return "stopped"
    return row.status


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))

"""`motools run events`, `logs` and `watch`: what a run has said, and what it says while another process drives it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from motools.canonical import iso_time
from motools.cli.errors import EXIT_NOT_DRIVEN
from motools.cli.eventwords import event_words
from motools.cli.finding import local_time
from motools.cli.nouns import Verb
from motools.cli.options import json_option, store_option
from motools.cli.output import note, silenced, visible

if TYPE_CHECKING:
    from motools.engine.record import Listener
    from motools.store import Event, RunRow, Store
    from motools.store.follow import Follower

POLL_SECONDS = 0.2
"""How often a followed run is looked at."""

_ENDED = ("completed", "failed", "cancelled")


@click.command(cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.option("--after", type=int, default=0, help="Only events with a higher number.")
@store_option
@json_option
def events(run_id: str, after: int, store: Path, as_json: bool) -> None:
    """Print a run's log, an event a line. With --json it is one JSON object a line.

    Example: motools run events last
    """
    from motools.store import Store

    with Store.open(store, create=False) as opened:
        found = opened.events.read(opened.runs.get(run_id).id, after)
    for event in found:
        body = json.dumps(event.body, ensure_ascii=False)
        if as_json:
            line = {
                "seq": event.seq,
                "fence": event.fence,
                "at": iso_time(event.at),
                "type": event.type,
                "body": event.body,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
        else:
            click.echo(f"{event.seq:>5}  {local_time(event.at)}  {event.type:<16}  {visible(body[:200])}")


@click.command(cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.argument("step", required=False)
@click.option("--follow", "-f", is_flag=True, help="Go on until the run ends, whoever drives it.")
@click.option(
    "--until-stopped",
    is_flag=True,
    help=f"With -f: end with exit code {EXIT_NOT_DRIVEN} when no process drives the run, instead of waiting for one.",
)
@click.option("--since", metavar="WHEN", help="Only what was said since: 2026-11-01T14:30, today, 10m, 2h.")
@click.option("--output", "with_output", is_flag=True, help="Also what jobs wrote by themselves: a trainer's own log.")
@store_option
@json_option
def logs(
    run_id: str,
    step: str | None,
    follow: bool,
    until_stopped: bool,
    since: str | None,
    with_output: bool,
    store: Path,
    as_json: bool,
) -> None:
    """Print what a run's steps said, a line each. That is their log and progress, what they made, and why they failed.

    With -f the exit code is 0 if the run completed and 1 if it failed or was cancelled. If the process that drives it dies,
    that is said, with the command that resumes it; when somebody does, the lines go on.

    With --json: one object a line, with `seq`, `at`, `type`, `step`, `text` and `body`; output of jobs has the type `output`
    and no `seq`.

    Example: motools run logs last train_model --since 1h
    """
    from motools.cli.joboutput import JobOutput
    from motools.store import Store
    from motools.store.wherefields import since_seconds

    begin = since_seconds(since) if since else 0.0
    with Store.open(store, create=False) as opened:
        run = opened.runs.get(run_id)
        steps = _steps(run, step)
        width = max(map(len, steps), default=0)
        output = JobOutput(opened, step) if with_output else None
        standing = "running"
        for found, standing in _looks(opened, run, store, follow=follow, until_stopped=until_stopped):
            for event in found:
                if event.at >= begin and (step is None or event.body.get("node") == step):
                    _print_event(event, width, as_json=as_json)
                if output is not None:
                    output.take(event)
            if output is not None:
                last = not follow or standing in _ENDED
                for name, line in output.read(rest=last):
                    _print_output(name, line, width, as_json=as_json)
    for backend in sorted(output.without) if output else ():
        note(f"The backend '{backend}' keeps no output of its jobs on this machine.")
    if follow:
        _exit(standing)


def _steps(run: RunRow, step: str | None) -> list[str]:
    """Return the names of a run's steps.

    Raises:
        InputError: there is no such step.
    """
    names = list(cast(dict[str, Any], run.definition).get("graph", {}).get("nodes", {}))
    if step is not None and step not in names:
        from motools.errors import InputError, did_you_mean

        raise InputError(
            f"there is no step '{step}' in it (steps: {', '.join(names)})",
            where=f"run {run.id}",
            hint=did_you_mean(step, names),
        )
    return names


def _looks(
    opened: Store, run: RunRow, store: Path, *, follow: bool, until_stopped: bool, say: Callable[[str], object] = note
) -> Iterator[tuple[list[Event], str]]:
    """Yield what is new and where the run stands, until it ends; say where nobody drives it.

    Without `follow` there is one look. The last standing is `stopped` or `paused` only with `until_stopped`.
    """
    from motools.cli.running import store_flag
    from motools.store.follow import Follower

    follower = Follower(opened, run.id)
    said = ""
    while True:
        found, standing = follower.look()
        yield found, standing
        if not follow or standing in _ENDED:
            return
        if standing in ("stopped", "paused"):
            if standing != said:
                why = "The process that drove it is gone." if standing == "stopped" else "The run is paused."
                say(f"{why} To continue:  motools run resume {run.id}{store_flag(store)}")
                if not until_stopped:
                    say("Waiting until somebody does; Ctrl-C ends this.")
            if until_stopped:
                return
        said = standing
        time.sleep(POLL_SECONDS)


def _exit(standing: str) -> None:
    if standing != "completed":
        sys.exit(1 if standing in _ENDED else EXIT_NOT_DRIVEN)


def _print_event(event: Event, width: int, *, as_json: bool) -> None:
    text = event_words(event.type, event.body)
    if text is None:
        return
    step = event.body.get("node")
    if as_json:
        line = {
            "seq": event.seq,
            "at": iso_time(event.at),
            "type": event.type,
            "step": step,
            "text": text,
            "body": event.body,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    head = f"{local_time(event.at)}  {step or '':<{width}}  "
    first, *rest = visible(text, keep_lines=True).splitlines() or [""]
    click.echo("\n".join([head + first, *(" " * len(head) + line for line in rest)]))


def _print_output(step: str, line: str, width: int, *, as_json: bool) -> None:
    if as_json:
        said = {"seq": None, "at": None, "type": "output", "step": step, "text": line, "body": None}
        click.echo(json.dumps(said, ensure_ascii=False))
    else:
        click.echo(f"{'':<19}  {step:<{width}}  | {visible(line)}")


@click.command(cls=Verb)
@click.argument("run_id", metavar="RUN")
@click.option(
    "--until-stopped",
    is_flag=True,
    help=f"End with exit code {EXIT_NOT_DRIVEN} when no process drives the run, instead of waiting for one.",
)
@store_option
@json_option
def watch(run_id: str, until_stopped: bool, store: Path, as_json: bool) -> None:
    """Watch a run that another process drives. It is shown as there until it ends; Ctrl-C only ends the watching.

    The exit code is 0 if the run completed and 1 if it failed or was cancelled.

    With --json: the run as 'run show --json' prints it, when it has ended.

    Example: motools run watch last
    """
    from motools.cli.live import open_view
    from motools.cli.matrix import CellRouter
    from motools.cli.run import read_state, shown_json
    from motools.cli.running import print_state
    from motools.engine.record import RunEvent
    from motools.store import Store
    from motools.store.follow import Follower

    tell: Listener
    with Store.open(store, create=False) as opened:
        run = opened.runs.get(run_id)
        standing = "running"
        cells = [str(cell["name"]) for cell in cast(dict[str, Any], run.definition).get("cells", ())]
        with open_view(quiet=silenced(), store=store, cells=cells) as view:
            tell = CellRouter(view) if cells else view.listener()
            inner: dict[str, Follower] = {}
            looks = _looks(opened, run, store, follow=True, until_stopped=until_stopped, say=view.say)
            for found, now in looks:
                standing = now
                for event in found:
                    if event.body.get("run") in inner:  # what the cell said comes before how it ended
                        _tell_all(inner[event.body["run"]], tell)
                    tell(RunEvent(run.id, event.seq, event.type, event.body, event.at))
                    if cells and event.type == "step_started":
                        inner[event.body["run"]] = Follower(opened, event.body["run"])
                for cell, follower in list(inner.items()):
                    if _tell_all(follower, tell) in _ENDED:
                        del inner[cell]
        row = opened.runs.get(run.id)
        state = read_state(opened, row)
        if as_json:
            click.echo(json.dumps(shown_json(opened, row), indent=2, ensure_ascii=False))
        else:
            print_state(state, store, shown=standing)
    _exit(standing)


def _tell_all(follower: Follower, tell: Listener) -> str:
    """Tell what is new in a run, and return where it stands."""
    from motools.engine.record import RunEvent

    found, standing = follower.look()
    for event in found:
        tell(RunEvent(follower.run_id, event.seq, event.type, event.body, event.at))
    return standing

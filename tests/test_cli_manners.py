"""How every command behaves towards shells, pipes, terminals and people in a hurry."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from motools.cli import main
from motools.cli.app import NOUNS, app
from motools.cli.errors import EXIT_CODES, run

CALLS: dict[str, list[Any]] = tomllib.loads((Path(__file__).parent / "cli_calls.toml").read_text(encoding="utf-8"))
ESCAPE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def first_calls() -> Iterator[Any]:
    """Yield, for every command, the first of its calls that ends well."""
    for command, written in CALLS.items():
        good = [
            call if isinstance(call, str) else call.get("line")
            for call in written
            if isinstance(call, str) or not call.get("exit")
        ]
        if good and good[0] is not None:
            yield pytest.param(f"{command} {good[0]}".strip(), id=command)


def process(words: list[str], prepared: Any, **more: Any) -> subprocess.Popen[bytes]:
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL, **more}
    environment = {**prepared.environment, **streams.pop("env", {})}
    return subprocess.Popen([sys.executable, "-m", "motools", *words], env=environment, **streams)


# -- quiet, and plain lines where it is not a terminal


@pytest.mark.parametrize("line", list(first_calls()))
def test_quiet_says_nothing_on_stderr_and_elsewhere_lines_are_plain(
    line: str, prepared: Any, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR")  # it is no terminal: that is enough
    with pytest.raises(SystemExit) as stop:
        main([*prepared.fill(line), "--quiet"])
    out, err = capfdbinary.readouterr()
    assert (stop.value.code, err) == (0, b"")
    assert not ESCAPE.search(out.decode("utf-8"))


def test_without_quiet_there_is_something_to_silence(prepared: Any) -> None:
    for line in ("eval samples {eval}", "model ask dummy/any hello", "plugin refresh", "run list --store nowhere"):
        done = process(prepared.fill(line), prepared).communicate(timeout=60)
        assert done[1], line


def verbs() -> Iterator[tuple[str, click.Command]]:
    root = click.Context(app)
    for noun in NOUNS:
        command = app.get_command(root, noun)
        assert command is not None
        if isinstance(command, click.Group):
            yield from ((f"{noun} {verb}", each) for verb, each in command.commands.items())
        else:
            yield noun, command


VERBS = dict(verbs())

SHARED = {
    "json": (["--json"], "Print JSON on stdout, for programs."),
    "store": (["--store"], None),
    "user": (["--user"], None),
    "config": (["--config", "-c"], None),
    "quiet": (["-q", "--quiet"], None),
    "limit": (["--limit"], None),
}


@pytest.mark.parametrize("name", list(VERBS))
def test_options_of_one_name_are_written_alike(name: str) -> None:
    """The same thing is called the same everywhere, short letters mean one thing, every option says what it does."""
    for parameter in VERBS[name].params:
        if not isinstance(parameter, click.Option):
            continue
        assert parameter.help, f"motools {name} {parameter.opts}: no help"
        assert not parameter.help[0].islower(), f"motools {name} {parameter.opts}: {parameter.help}"
        assert re.search(r"[.\])]$", parameter.help), f"motools {name} {parameter.opts}: {parameter.help}"
        for option in parameter.opts:
            for called, (spellings, help_text) in SHARED.items():
                if option == f"--{called}":
                    assert sorted(parameter.opts) == sorted(spellings), f"motools {name}: {parameter.opts}"
                    assert help_text in (None, parameter.help)
            if len(option) == 2:
                assert option in _SHORT, f"motools {name}: '{option}' is new: say what it means everywhere"
                assert _SHORT[option] in parameter.opts, f"motools {name}: '{option}' is {_SHORT[option]} elsewhere"
    for parameter in VERBS[name].params:
        if isinstance(parameter, click.Argument):
            assert parameter.name not in _METAVARS or parameter.metavar in _METAVARS[parameter.name], f"motools {name}"


_SHORT = {
    "-q": "--quiet",
    "-c": "--config",
    "-o": "--output",
    "-v": "--verbose",
    "-f": "--follow",
    "-h": "--help",
    "-n": "--limit",
}
_METAVARS = {"run_id": ("RUN",), "run_ids": ("RUN...",), "atom_id": ("ATOM",), "atoms": ("ATOM...",)}


@pytest.mark.parametrize(
    "words",
    [
        ["--json", "{run}"],
        ["{run}", "--json"],
        ["{run}", "--store", ".motools", "--json"],
        ["--store", ".motools", "{run}", "--json"],
    ],
)
def test_options_stand_before_or_after_arguments(
    words: list[str], prepared: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(app, ["run", "show", *(word.format(**prepared.names) for word in words)]) == 0
    assert json.loads(capsys.readouterr().out)["run_id"] == prepared.names["run"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("run show {name}", "run"),
        ("atom show {name}", "eval"),
        ("atom lineage {name}", "eval"),
        ("atom uses {name}", "dataset"),
        ("eval show {name}", "eval"),
    ],
)
def test_a_unique_beginning_names_it(
    line: str, expected: str, prepared: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    full = prepared.names[expected]
    assert run(app, shlex.split(line.format(name=full[:-2]))) == 0
    assert full in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "field", "expected"),
    [
        ("run show last", "run_id", "run"),
        ("atom show last", "id", "eval"),
        ("atom show last-model", "id", "model"),
        ("atom show last-dataset", "id", "dataset"),
        ("eval show last", "atom", "eval"),
        ("eval show last-eval", "atom", "eval"),
    ],
)
def test_last_is_the_newest(
    line: str, field: str, expected: str, prepared: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(app, [*line.split(), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[field] == prepared.names[expected]


# -- pipes and disks


@pytest.mark.parametrize(
    "line",
    [
        "run list",
        "run show {run}",
        "run events {run} --json",
        "atom list --json",
        "plugin list",
        "doctor",
        "help",
        "workflow schema train_and_evaluate",
    ],
)
def test_a_reader_that_went_away_is_no_error(line: str, prepared: Any) -> None:
    """As `cat` ends in `cat FILE | head -1`: silently, with what the shell calls 141."""
    ours, theirs = os.pipe()
    os.close(ours)
    child = process(prepared.fill(line), prepared, stdout=theirs)
    os.close(theirs)
    assert child.communicate(timeout=60)[1] == b""
    assert child.returncode == 141


def test_head_is_given_the_first_line(prepared: Any) -> None:
    line = f"{shlex.quote(sys.executable)} -m motools run events last --json | head -1; echo ${{PIPESTATUS[1]}}"
    done = subprocess.run(["bash", "-c", line], env=prepared.environment, capture_output=True, text=True, timeout=60)
    first, status = done.stdout.splitlines()
    assert json.loads(first)["type"] == "run_started"
    assert (status, done.stderr) == ("0", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("line", ["run list", "run list --json", "atom show {eval}", "doctor", "help"])
def test_a_full_disk_behind_stdout_is_an_error(line: str, prepared: Any) -> None:
    with open("/dev/full", "wb") as full:
        child = process(prepared.fill(line), prepared, stdout=full)
    err = child.communicate(timeout=60)[1].decode()
    assert child.returncode == 5
    if "--json" in line:
        assert json.loads(err)["code"] == "store-full"
    else:
        assert err.startswith("error: the disk is full\n")


# -- terminals


def on_a_terminal(words: list[str], prepared: Any, **env: str) -> str:
    """Return what a command writes on a terminal of 80 columns."""
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    variables = {"TERM": "xterm-256color", "NO_COLOR": "", **env}
    child = process(words, prepared, stdout=theirs, stderr=theirs, stdin=theirs, env=variables)
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # on Linux the end of a terminal is an error
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert child.wait(60) is not None
    return shown.decode()


DECORATED = [
    "doctor",
    "run list",
    "run show no-such-run",
    "workflow run train_and_evaluate --config config.yaml --no-cache",
]


@pytest.mark.parametrize("line", DECORATED)
def test_a_terminal_gets_colour_or_drawing(line: str, prepared: Any) -> None:
    shown = on_a_terminal(prepared.fill(line), prepared)
    assert "\x1b[" in shown or "─" in shown or "━" in shown


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=["NO_COLOR", "dumb"])
@pytest.mark.parametrize("line", DECORATED)
def test_a_terminal_that_wants_none_gets_plain_lines(line: str, env: dict[str, str], prepared: Any) -> None:
    shown = on_a_terminal(prepared.fill(line), prepared, **env)
    assert shown.strip()
    assert not ESCAPE.search(shown.replace("\r\n", "\n"))
    assert "─" not in shown
    assert "━" not in shown


# -- exit codes, through real commands


EXITS: dict[int, str] = {
    0: "run list",
    1: "workflow run ./flows.py:failing",
    2: "workflow run train_and_evaluate --config config.yaml --set train_model.sede=1",
    3: "run show no-such-run",
    4: "plugin show no-such-plugin",
    5: "run show last --store nowhere",
    6: "model ask transformers/no-such-model hello",
}


@pytest.mark.parametrize("code", EXITS)
def test_an_exit_code_means_what_the_table_says(code: int, prepared: Any) -> None:
    assert code in EXIT_CODES
    child = process(prepared.fill(EXITS[code]), prepared)
    err = child.communicate(timeout=120)[1]
    assert child.returncode == code, err.decode()
    if code:
        said = err.decode()
        assert re.search(r"^code: [a-z-]+ \(motools help errors [a-z-]+\)$", said, re.M)
        assert "Traceback" not in said
        lookup = re.search(r"\((motools help errors \S+)\)", said)
        assert lookup is not None
        assert run(app, lookup[1].split()[1:]) == 0  # what the error says to type is there


@pytest.mark.parametrize("code", [code for code in EXITS if code > 1])
def test_an_error_under_json_is_one_object_and_stdout_is_empty(code: int, prepared: Any) -> None:
    from jsonschema import Draft202012Validator

    from motools.cli.schemas import load_schema

    child = process([*prepared.fill(EXITS[code]), "--json"], prepared)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (code, b"")
    told = json.loads(err.splitlines()[-1])
    Draft202012Validator(load_schema("error")).validate(told)
    assert told["exit_code"] == code


def test_wrong_options_are_usage_and_2(prepared: Any) -> None:
    for line in ("run list --limit none", "run show", "run list --nonsense", "run nonsense", "nonsense"):
        child = process(line.split(), prepared)
        out, err = child.communicate(timeout=60)
        assert (child.returncode, out) == (2, b""), line
        assert b"code: usage (motools help errors usage)" in err
        assert (b"\nhint: It is written: motools run " in err) == (line not in ("run nonsense", "nonsense"))


def test_ctrl_c_pauses_and_is_130(prepared: Any) -> None:
    (prepared.folder / "go-on").unlink()
    child = process(["workflow", "run", "./flows.py:waiting", "--json", "--no-cache"], prepared)
    assert child.stderr is not None
    for line in child.stderr:
        if line.split() == [b"wait", b"running"]:
            break
    child.send_signal(signal.SIGINT)
    (prepared.folder / "go-on").touch()
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, b"")
    assert b"motools run resume" in err
    assert b"Traceback" not in err


def test_a_bug_is_70(prepared: Any) -> None:
    """A function of motools itself raises what nobody expects."""
    broken = prepared.folder / "broken"
    broken.mkdir()
    (broken / "sitecustomize.py").write_text(
        "import motools.cli.doctor as d\ndef _machine(): raise ValueError('odd')\nd._machine = _machine\n"
    )
    child = process(["doctor"], prepared, env={"PYTHONPATH": str(broken)})
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (70, b"")
    assert b"this is a bug in motools: ValueError: odd" in err
    assert b"code: bug (motools help errors bug)" in err


def test_every_exit_code_has_its_test_above() -> None:
    assert set(EXITS) | {70, 75, 130, 141} == set(EXIT_CODES)


def test_a_run_that_nobody_drives_is_75_where_one_asks_for_that(prepared: Any) -> None:
    child = process(prepared.fill("run logs {paused} --follow --until-stopped"), prepared)
    child.communicate(timeout=60)
    assert child.returncode == 75


# -- old habits


HABITS = {
    "list runs": "motools run list",
    "runs": "motools run list",
    "list": "motools run list",
    "ls": "motools run list",
    "status": "motools run show last",
    "train --config c.yaml": "motools workflow run train_and_evaluate",
    "evaluate": "motools workflow run evaluate_only",
    "show run last": "motools run show last",
    "show last": "motools run show last",
    "plan train_and_evaluate": "motools workflow plan train_and_evaluate",
    "gc --delete": "motools store gc --delete",
    "wokflow list": "motools workflow list",
    "run train_and_evaluate": "motools workflow run train_and_evaluate",
    "run ./steps.py:short_answers": "motools workflow run ./steps.py:short_answers",
    "run experiment.yaml": "motools workflow run NAME --config experiment.yaml",
    "workflow run experiment.yaml": "motools workflow run NAME --config experiment.yaml",
    "run ls": "motools run list",
    "run stop last": "motools run cancel last",
    "run shwo last": "motools run show last",
    "run 20260102-030405-abcd": "motools run show 20260102-030405-abcd",
    "workflow exec train_and_evaluate": "motools workflow run",
    "atom rm x": "motools atom untag x",
    "eval diff a b": "motools eval compare a b",
    "model chat m": "motools model ask m",
    "logs": "motools run logs last",
    "logs 20260102-030405-abcd": "motools run logs 20260102-030405-abcd",
    "diff a b": "motools run diff a b",
    "run compare a b": "motools run diff a b",
    "version": "motools --version",
    "chat": "motools model ask",
}


@pytest.mark.parametrize("line", HABITS)
def test_a_line_as_elsewhere_is_answered_with_the_line_here(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, line.split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"'{HABITS[line]}" in err.splitlines()[0]


@pytest.mark.parametrize("line", ["--store x run list", "run --limit 3 list", "--json run list"])
def test_an_option_before_the_verb_is_told_where_it_stands(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, line.split()) == 2
    assert "Options stand behind the verb: motools NOUN VERB --" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["run explain last train_model", "run show last more"])
def test_a_run_before_the_step_is_told_its_option(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(app, line.split()) == 2
    assert ("The run is said with --run RUN." in capsys.readouterr().err) == ("explain" in line)


def test_every_line_that_is_proposed_is_one() -> None:
    """The tables of `motools.cli.habits` name verbs and nouns that there are."""
    from motools.cli import habits

    root = click.Context(app)
    for line in habits._LINES.values():
        if line == "--version":
            continue
        noun, *rest = line.split()
        command = app.get_command(root, noun)
        assert command is not None, line
        if rest and isinstance(command, click.Group):
            assert rest[0] in command.commands, line
    known = {verb.split()[-1] for verb in VERBS}
    for word, meant in habits._ALIKE.items():
        assert set(meant) & known, word

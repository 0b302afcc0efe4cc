"""The shell of the command line: help, errors, exit codes, output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from motools import errors
from motools.cli.app import NOUNS, app
from motools.cli.errors import run, take_debug
from motools.cli.options import json_option, store_option, user_option
from motools.cli.output import plain_table, print_fields, print_json, print_table, visible

CONTEXT = click.Context(app)


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    env = {name: value for name, value in os.environ.items() if not name.startswith("MOTOOLS_")}
    env["MOTOOLS_CACHE_DIR"] = str(tmp_path / "cache")

    def start(*arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            env={**env, **more.pop("env", {})},
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **more,
        )

    return start


def failing(error: BaseException) -> click.Group:
    """A command line whose one command raises."""

    @click.group()
    def commands() -> None:
        pass

    @commands.command(context_settings={"ignore_unknown_options": True})
    @click.argument("words", nargs=-1)
    def go(words: tuple[str, ...]) -> None:
        raise error

    return commands


def test_help_lists_every_noun_and_imports_none(shell: Any) -> None:
    code = (
        "import sys, json\nfrom motools.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit as stop: assert stop.code == 0\n"
        "print('\\n' + json.dumps([name for name in sys.modules if name.startswith('motools.')]))"
    )
    out, err = shell("-c", code).communicate(timeout=60)
    *text, modules = out.decode().splitlines()
    assert not err
    for noun, summary in NOUNS.items():
        assert any(noun in line and summary in line for line in text)
        assert f"motools.cli.{noun}" not in json.loads(modules)


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_has_its_command_with_help_on_each_verb(noun: str) -> None:
    command = app.get_command(click.Context(app), noun)
    assert command is not None
    verbs = command.commands.values() if isinstance(command, click.Group) else [command]
    assert all(verb.help for verb in verbs)


@pytest.mark.parametrize("noun", NOUNS)
def test_no_line_of_a_nouns_help_is_cut(noun: str) -> None:
    shown = CliRunner().invoke(app, [noun, "--help"], terminal_width=78).output  # as on a terminal of 80
    listed = shown.partition("Commands:")[2].splitlines()
    assert [line for line in listed if line.endswith("...")] == []


def test_a_noun_that_is_missing_from_the_installation_breaks_only_itself(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(NOUNS, "absent", "Not in this build")
    assert run(app, ["--help"]) == 0
    assert run(app, ["absent"]) == 1
    assert "lacks the command 'absent'" in capsys.readouterr().err


def test_version_and_unknown_words(capsys: pytest.CaptureFixture[str]) -> None:
    import motools

    assert run(app, ["--version"]) == 0
    assert capsys.readouterr().out == f"motools {motools.__version__}\n"
    assert run(app, ["plugn", "list"]) == 2
    assert "there is no command 'plugn'. Did you mean 'motools plugin list'?" in capsys.readouterr().err
    assert run(app, ["plugin", "lst"]) == 2
    assert "'motools plugin --help'" in capsys.readouterr().err
    assert run(app, ["plugin", "list", "--jsn"]) == 2
    assert "--json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "noun", ["", *(noun for noun in NOUNS if isinstance(app.get_command(CONTEXT, noun), click.Group))]
)
def test_a_noun_alone_prints_its_help_and_is_no_error(noun: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = noun.split()
    assert run(app, words) == 0
    alone = capsys.readouterr()
    for option in ("-h", "--help"):
        assert run(app, [*words, option]) == 0
        assert capsys.readouterr() == alone
    assert alone.err == ""
    assert alone.out.startswith(f"Usage: {' '.join(['motools', *words])} ")


every_error = [
    value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.MotoolsError)
]


@pytest.mark.parametrize("kind", every_error)
def test_an_error_is_one_message_with_a_hint_a_code_and_its_exit_code(
    kind: type[errors.MotoolsError], capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"path": "a.yaml:3"} if kind is errors.CanonicalError else {"where": "a.yaml:3"}
    error = kind("'x' is wrong", hint="Do this.\nOr that.", **place)
    assert run(failing(error), ["go"]) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        f"error: a.yaml:3: 'x' is wrong\nhint: Do this.\n      Or that.\ncode: {kind.code} (motools help errors {kind.code})\n"
    )


@pytest.mark.parametrize("kind", every_error)
def test_an_error_under_json_is_one_object_on_stderr(
    kind: type[errors.MotoolsError], capsys: pytest.CaptureFixture[str]
) -> None:
    place = {"path": "a.yaml:3"} if kind is errors.CanonicalError else {"where": "a.yaml:3"}
    error = kind("'x\x1b' is wrong", hint="Do this.\nOr that.", **place)
    assert run(failing(error), ["go", "--json"]) == kind.exit_code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert check_error(err) == {
        "code": kind.code,
        "message": "'x\x1b' is wrong",
        "where": "a.yaml:3",
        "hint": "Do this.\nOr that.",
        "exit_code": kind.exit_code,
        "also": [],
    }


def check_error(err: str) -> dict[str, Any]:
    """Return the object that stderr ends with, which is what its schema says."""
    from jsonschema import Draft202012Validator

    from motools.cli.schemas import load_schema

    found: dict[str, Any] = json.loads(err.splitlines()[-1])
    Draft202012Validator(load_schema("error")).validate(found)
    return found


@pytest.mark.parametrize(
    ("error", "code", "exit_code"),
    [(ValueError("odd"), "bug", 70), (OSError(28, "full"), "store-full", 5), (click.UsageError("no"), "usage", 2)],
)
def test_other_errors_under_json_have_the_same_form(
    error: BaseException, code: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(failing(error), ["go", "--json"]) == exit_code
    told = check_error(capsys.readouterr().err)
    assert (told["code"], told["exit_code"]) == (code, exit_code)


def test_json_after_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(errors.ConfigError("wrong")), ["go", "--", "--json"]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_errors_of_several_branches_under_json_are_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    both = BaseExceptionGroup("", [errors.ConfigError("one"), ExceptionGroup("", [errors.StoreError("two")])])
    assert run(failing(both), ["go", "--json"]) == 2
    told = check_error(capsys.readouterr().err)
    assert [told["code"], *(each["code"] for each in told["also"])] == ["config", "store"]
    assert run(failing(BaseExceptionGroup("", [errors.ConfigError("one"), ValueError("two")])), ["go", "--json"]) == 70
    assert check_error(capsys.readouterr().err)["code"] == "bug"


def test_errors_of_several_branches_are_all_said(capsys: pytest.CaptureFixture[str]) -> None:
    both = BaseExceptionGroup("", [errors.ConfigError("one"), ExceptionGroup("", [errors.StoreError("two")])])
    assert run(failing(both), ["go"]) == 2
    assert "error: one" in (err := capsys.readouterr().err)
    assert "error: two" in err
    both = BaseExceptionGroup("", [errors.ConfigError("one"), KeyboardInterrupt()])
    assert run(failing(both), ["go"]) == 130
    both = BaseExceptionGroup("", [errors.ConfigError("one"), ValueError("two")])
    assert run(failing(both), ["go"]) == 70


@pytest.mark.parametrize("arguments", [["--debug", "go"], ["go", "--debug"]])
def test_debug_anywhere_shows_the_traceback(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(errors.ConfigError("wrong")), ["go"]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run(failing(errors.ConfigError("wrong")), arguments) == 2
    assert "Traceback" in (err := capsys.readouterr().err)
    assert "error: wrong" in err


def test_the_environment_asks_for_tracebacks_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MOTOOLS_DEBUG", "1")
    run(failing(errors.ConfigError("wrong")), ["go"])
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("MOTOOLS_DEBUG", "0")
    run(failing(errors.ConfigError("wrong")), ["go"])
    assert "Traceback" not in capsys.readouterr().err


@settings(deadline=None)
@given(st.lists(st.sampled_from(["--debug", "go", "--", "-x", "--debugger"])))
def test_only_debug_before_two_dashes_is_taken(arguments: list[str]) -> None:
    debug, left = take_debug(arguments)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    assert debug == ("--debug" in arguments[:end])
    assert left == [each for each in arguments[:end] if each != "--debug"] + arguments[end:]


def test_a_bug_says_how_to_see_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(ValueError("odd")), ["go"]) == 70
    err = capsys.readouterr().err
    assert "this is a bug in motools: ValueError: odd" in err
    assert "--debug" in err
    assert "Traceback" not in err


def test_a_full_disk_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(OSError(28, "No space left on device", "/data/x")), ["go"]) == errors.StoreFullError.exit_code
    assert "the disk is full (writing '/data/x')" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (0, 0), (4, 4), ("said", 1)])
def test_a_command_may_exit_by_itself(code: Any, expected: int) -> None:
    assert run(failing(SystemExit(code)), ["go"]) == expected
    assert run(failing(click.exceptions.Exit(7)), ["go"]) == 7


def test_text_from_outside_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    run(failing(errors.ConfigError("evil \x1b[2J\x07 name")), ["go"])
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\\x1b[2J\\x07" in err
    print_table(["a"], [["x\x1b[31m\ny"]])
    print_fields({"name": "b\rc"})
    assert capsys.readouterr().out == "a\nx\\x1b[31m\\x0ay\nname  b\\x0dc\n"


def test_ctrl_c_is_quiet_and_130(shell: Any) -> None:
    code = (
        "import click, sys, time\nfrom motools.cli.errors import run\n@click.group()\ndef app(): pass\n"
        "@app.command()\ndef go():\n    print('started', flush=True)\n    time.sleep(60)\nsys.exit(run(app, ['go']))"
    )
    child = shell("-c", code)
    assert child.stdout.readline() == b"started\n"
    child.send_signal(signal.SIGINT)
    assert child.communicate(timeout=30) == (b"", b"")
    assert child.returncode == 130


@pytest.mark.parametrize("size", [10, 10_000_000])
def test_a_reader_that_goes_away_is_no_error(shell: Any, size: int) -> None:
    code = (
        "import click, sys, time\nfrom motools.cli.errors import run\n@click.group()\ndef app(): pass\n"
        f"@app.command()\ndef go():\n    time.sleep(0.3)\n    print('x' * {size})\nsys.exit(run(app, ['go']))"
    )
    child = shell("-c", code)
    child.stdout.close()
    assert child.stderr.read() == b""
    assert child.wait(30) == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_to_a_full_disk_is_one_clear_error(shell: Any) -> None:
    child = shell("-c", "import os, sys; os.dup2(os.open('/dev/full', os.O_WRONLY), 1)\n" + MOTOOLS_VERSION)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (errors.StoreFullError.exit_code, b"")
    assert err.startswith(b"error: the disk is full")
    assert err.count(b"\n") == 3


def test_closed_streams_are_no_error(shell: Any) -> None:
    child = shell("-c", "import os, sys\n" + MOTOOLS_VERSION, preexec_fn=lambda: os.close(1))
    assert child.communicate(timeout=60) == (b"", b"")
    assert child.returncode == 0
    child = shell("-c", "import os, sys\nsys.stderr = sys.stdout = None\n" + MOTOOLS_VERSION.replace("--version", "x"))
    assert (child.communicate(timeout=60), child.returncode) == ((b"", b""), 2)


MOTOOLS_VERSION = "from motools.cli import main\nmain(['--version'])"


def test_a_broken_connection_of_our_own_is_not_taken_for_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(failing(BrokenPipeError(32, "Broken pipe")), ["go"]) == 70
    assert "BrokenPipeError" in capsys.readouterr().err


def test_completion_lists_the_nouns(shell: Any) -> None:
    env = {"_MOTOOLS_COMPLETE": "bash_complete", "COMP_WORDS": "motools pl", "COMP_CWORD": "1"}
    out, err = shell("-m", "motools", env=env).communicate(timeout=60)
    assert (out, err) == (b"plain,plugin\n", b"")


@click.command()
@store_option
@user_option
@json_option
def options(store: Path, user: str, as_json: bool) -> None:
    print_json({"store": str(store), "user": user, "json": as_json})


def test_shared_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MOTOOLS_STORAGE_DIR", raising=False)
    monkeypatch.setenv("MOTOOLS_USER", "ann-marie")

    def given_options(*arguments: str) -> Any:
        return json.loads(CliRunner().invoke(options, arguments, catch_exceptions=False).stdout)

    assert given_options() == {"store": str(tmp_path / ".motools"), "user": "ann-marie", "json": False}
    assert given_options("--store", "x", "--json", "--user", "bob")["store"] == str(tmp_path / "x")
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "there"))
    assert given_options()["store"] == str(tmp_path / "there")


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=5), st.integers()), min_size=1))
def test_a_plain_table_is_aligned_and_loses_nothing(rows: list[tuple[str, int]]) -> None:
    cells = [[visible(text), str(number)] for text, number in rows]
    lines = plain_table(["name", "n"], cells, [False, True]).split("\n")
    assert len(lines) == len(rows) + 1
    width = max(len(cell[0]) for cell in [["name"], *cells])
    for line, (text, number) in zip(lines[1:], cells, strict=True):
        assert line[:width].rstrip() == text.rstrip()
        assert line[width:].strip() == number


def test_output_for_programs_is_plain_and_utf_8(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    print_json({"a": "é", "b": [1.5, None]})
    assert json.loads(capsysbinary.readouterr().out) == {"a": "é", "b": [1.5, None]}
    print_json({"name": "\udcff"})
    assert json.loads(capsysbinary.readouterr().out) == {"name": "\udcff"}
    print_table(["name", "n", "share", "on"], [["a", 10, 0.123456, True], ["bcdef", 9, None, False]])
    assert capsysbinary.readouterr().out.decode() == (
        "name    n   share  on\na      10  0.1235  yes\nbcdef   9          no\n"
    )
    print_table(["name"], [], empty="No runs yet.")
    assert capsysbinary.readouterr() == (b"", b"No runs yet.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal")
@pytest.mark.parametrize(("env", "drawn"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_a_drawn_table_unless_it_says_otherwise(shell: Any, env: dict[str, str], drawn: bool) -> None:
    import pty

    code = "from motools.cli.output import print_table; print_table(['name'], [['[bold]x[/bold]']])"
    ours, theirs = pty.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=theirs, env={**os.environ, "TERM": "xterm", "NO_COLOR": "", **env}
    )
    child.wait(60)
    os.close(theirs)
    time.sleep(0.05)
    text = os.read(ours, 10_000).decode()
    os.close(ours)
    assert ("━" in text or "─" in text) == drawn
    assert "[bold]x[/bold]" in text

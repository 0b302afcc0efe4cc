"""Every command has `--json`, a schema for what it prints, and calls that are run here and checked against it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jsonschema
import pytest

from motools.cli import main
from motools.cli.app import app
from motools.cli.schemas import LINES, load_schema, schema_names

CALLS: dict[str, list[Any]] = tomllib.loads((Path(__file__).parent / "cli_calls.toml").read_text(encoding="utf-8"))


def commands(group: click.Group = app, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, by its words: all but groups that only hold others."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


COMMANDS = dict(commands())


def schema_of(command: str) -> dict[str, Any]:
    return load_schema(command.replace(" ", "-"))


def calls() -> Iterator[Any]:
    for command, written in CALLS.items():
        for number, call in enumerate(written):
            call = {"line": call} if isinstance(call, str) else call
            if "skip" not in call:
                yield pytest.param(command, call["line"], call.get("exit", 0), id=f"{command}[{number}]")


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_json_a_schema_and_a_prepared_call(command: str) -> None:
    options = {option for parameter in COMMANDS[command].params for option in parameter.opts}
    assert "--json" in options, f"'motools {command}' has no --json: core/src/motools/cli/schemas/README.md"
    assert command.replace(" ", "-") in schema_names(), f"'motools {command}' has no schema: see cli/schemas/README.md"
    assert CALLS.get(command), f"'motools {command}' has no call in tests/cli_calls.toml"


def test_no_schema_and_no_call_is_of_a_command_that_is_gone() -> None:
    assert {name.replace(" ", "-") for name in COMMANDS} >= set(schema_names())
    assert set(CALLS) <= set(COMMANDS)


@pytest.mark.parametrize(("command", "line", "code"), list(calls()))
def test_json_is_what_its_schema_says(
    command: str, line: str, code: int, prepared: Any, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*command.split(), *prepared.fill(line), "--json"])
    out, err = capfdbinary.readouterr()
    assert stop.value.code == code, err.decode()
    check(command, out.decode("utf-8"))
    assert b"Traceback" not in err


def check(command: str, out: str) -> None:
    """Check what a command printed on stdout: one document, or one a line, as its schema says."""
    schema = schema_of(command)
    documents = [json.loads(part) for part in (out.splitlines() if schema.get("x-output") == LINES else [out])]
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    for document in documents:
        problems = [f"{error.json_path}: {error.message[:500]}" for error in validator.iter_errors(document)]
        assert not problems, "\n".join(problems)
        refuse_bad_times(document)


def refuse_bad_times(value: Any, path: str = "$") -> None:
    """Say where a moment is a number: it is more than 1,000,000,000 and has a fraction."""
    if isinstance(value, dict):
        for name, item in value.items():
            refuse_bad_times(item, f"{path}.{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            refuse_bad_times(item, f"{path}[{number}]")
    elif isinstance(value, float):
        assert not 1.5e9 < value < 3e9, f"{path} is {value}: a time is ISO 8601, UTC (motools.canonical.iso_time)"


def test_what_a_person_accepted_is_in_every_document_that_uses_it(prepared: Any) -> None:
    """The store above has such a decision, so that the calls check its form; here is seen that they do."""
    lines = {
        "run show {accepted}": lambda found: found["steps"]["train_model"]["accepted"],
        "run explain train_model --run {accepted}": lambda found: found["accepted"],
        "workflow plan train_and_evaluate --config config.yaml --set train_model.suffix=longer": (
            lambda found: found["steps"][1]["accepted"]
        ),
        "atom lineage {other}": lambda found: next(iter(found["accepted"].values())),
    }
    for line, decisions in lines.items():
        (decision,) = decisions(json.loads(prepared.motools(*prepared.fill(line), "--json")))
        assert (decision["step"], decision["reason"]) == ("train_model", "only the name")
        assert decision["at"].endswith("+00:00")


@pytest.mark.parametrize("command", ["workflow run", "run show", "run events", "atom list", "doctor"])
def test_json_of_a_process_of_its_own(command: str, prepared: Any) -> None:
    line = next(call for call in CALLS[command] if isinstance(call, str))
    done = subprocess.run(
        [sys.executable, "-m", "motools", *command.split(), *prepared.fill(line), "--json"],
        env=prepared.environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    check(command, done.stdout.decode("utf-8"))


@pytest.mark.parametrize("name", schema_names())
def test_a_schema_describes_and_closes_every_object_of_ours(name: str) -> None:
    schema = load_schema(name)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["title"] == f"motools {name.replace('-', ' ')} --json"
    assert schema["description"].endswith(".")
    assert "common.json" not in json.dumps(schema)
    for path, part in objects(schema):
        if path.endswith(("_base", "/message")):
            continue  # is closed by who refers to it; a message is the provider's own form
        closed = part.get("additionalProperties") is False or part.get("unevaluatedProperties") is False
        assert closed, f"{name}: {path} admits unknown properties"
        for key, described in part["properties"].items():
            assert {"description", "$ref", "anyOf", "items"} & set(described), f"{name}: {path}.{key} is not described"


def objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema that names properties, with its place."""
    if isinstance(value, dict):
        if isinstance(value.get("properties"), dict) and "type" in value:
            yield path, value
        for name, item in value.items():
            yield from objects(item, f"{path}/{name}")
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from objects(item, f"{path}/{number}")


def test_the_walk_finds_a_command_that_lacks_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks above can fail: a command that somebody adds without anything is refused by each of them."""

    @click.command()
    def lacking() -> None:
        """Do something."""

    monkeypatch.setitem(COMMANDS, "store lacking", lacking)
    with pytest.raises(AssertionError, match="has no --json"):
        test_every_command_has_json_a_schema_and_a_prepared_call("store lacking")
    lacking.params.append(click.Option(["--json"]))
    with pytest.raises(AssertionError, match="has no schema"):
        test_every_command_has_json_a_schema_and_a_prepared_call("store lacking")
    with pytest.raises(AssertionError, match="'more' was unexpected"):
        check("run archive", '{"run_id": "x", "archived": true, "more": 1}')

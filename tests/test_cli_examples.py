"""Every command's help has examples, and every example does what it says, in a folder in which people have worked."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from motools.cli.app import app

NOT_RUN = {
    "motools model fetch smollm2-135m-instruct": "downloads 93 MB; the transformers plugin's tests fetch from their own server",
}
"""Examples that are only parsed, and why."""


def commands(group: click.Group = app, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def examples(command: click.Command) -> list[str]:
    """Return the examples of a command's help: paragraphs that begin with the word, on one line each."""
    paragraphs = inspect.cleandoc(command.help or "").split("\n\n")
    texts = (" ".join(paragraph.split()) for paragraph in paragraphs)
    return [text.removeprefix("Example: ") for text in texts if text.startswith("Example: ")]


COMMANDS = dict(commands())
EXAMPLES = [pytest.param(name, line, id=line) for name, command in COMMANDS.items() for line in examples(command)]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_has_an_example_of_itself(name: str) -> None:
    found = examples(COMMANDS[name])
    assert found, f"'motools {name}' needs a paragraph 'Example: motools {name} ...' in its help"
    for line in found:
        assert f"motools {name}" in line, f"'{line}' is no example of 'motools {name}'"
        assert "\n" not in line


def real(line: str, names: dict[str, str]) -> str:
    """Return an example with the ids that are in the prepared store in place of those that it shows."""
    shown = {
        "eval-ada-0123456789ab": names["eval"],
        "eval-ada-ba9876543210": names["other"],
        "model-ada-0123456789ab": names["model"],
        "dataset-ada-0123456789ab": names["dataset"],
        "20260102-030405-abcd": names["run"],
        "20260102-040506-bcde": names["earlier"],
        "20260102-050607-cdef": names["paused"],
        "results.motools": names["bundle"],
    }
    for said, meant in shown.items():
        line = line.replace(said, meant)
    left = re.findall(r"\b(?:[a-z]+-ada-[0-9a-f]{12}|2026\d{4}-\d{6}-[a-z]{4})\b", line)
    unknown = [each for each in left if each not in names.values()]
    assert not unknown, f"{unknown} is no id that examples use: see tests/test_cli_examples.py"
    return line


@pytest.mark.parametrize(("name", "line"), EXAMPLES)
def test_an_example_does_what_it_says(name: str, line: str, prepared: Any) -> None:
    if line in NOT_RUN:
        words = line.split()[1:]
        app.make_context("motools", words)  # refuses what the command does not have
        command: click.Command = COMMANDS[name]
        command.make_context(name, words[len(name.split()) :])
        return
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", real(line, prepared.names)],
        env={**prepared.environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, f"exit {done.returncode}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr


def test_what_is_not_run_is_an_example() -> None:
    assert set(NOT_RUN) <= {line for command in COMMANDS.values() for line in examples(command)}

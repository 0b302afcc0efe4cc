"""Completion as a shell asks for it: right, quick, silent, and without leaving anything behind."""

from __future__ import annotations

import json
import os
import select
import shlex
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from motools.cli.app import NOUNS, app

HEAVY = {
    "torch",
    "transformers",
    "peft",
    "numpy",
    "inspect_ai",
    "mozoo",
    "motools_inspect",
    "motools_transformers",
    "trl",
}
SLOW = {"pydantic", "rich", "anyio", "pluggy", "importlib.metadata", "IPython", "matplotlib", "asyncio", "yaml"}

FREE = {
    # arguments and options whose text is anybody's own
    "model ask text": "a question",
    "run note text": "what somebody wants to say",
    "plugin new name": "the name of something new",
    "model fetch name": "which models there are is known to code of plugins only",
}

LINES: dict[str, tuple[str, set[str], set[str]]] = {
    # what it is → the line up to the cursor; words that must be offered; words that must not
    "nouns": ("motools ", {"run", "workflow", "doctor"}, {"list"}),
    "verbs": ("motools run ", {"show", "list"}, {"run"}),
    "options": ("motools run list --l", {"--limit"}, {"--json"}),
    "choices": ("motools run list --status f", {"failed"}, {"paused"}),
    "shells": ("motools completion ", {"bash", "zsh", "fish"}, set()),
    "workflows": ("motools workflow run t", {"train_and_evaluate"}, {"evaluate_only"}),
    "runs": ("motools run show ", {"last", "{run}", "{failed}", "{paused}"}, {"{eval}"}),
    "runs of an option": ("motools run explain train_model --run ", {"last", "{run}"}, set()),
    "steps of the last run": ("motools run explain ", {"train_model", "evaluate_model"}, {"broken"}),
    "steps of a run": ("motools run explain --run {failed} ", {"write", "broken"}, {"train_model"}),
    "atoms": ("motools atom show ", {"{dataset}", "{model}", "{eval}"}, {"{run}"}),
    "the second atom": ("motools store export {dataset} ", {"{dataset}", "{model}"}, set()),
    "evaluations": ("motools eval compare {eval} ", {"{other}", "last"}, {"{model}"}),
    "models": ("motools model ask ", {"{model}", "dummy/"}, {"{eval}"}),
    "tags": ("motools atom list --tag ", {"first"}, set()),
    "types": ("motools atom list --type ", {"dataset", "eval", "model"}, set()),
    "users": ("motools atom list --user ", {"ada"}, set()),
    "the zoo": ("motools zoo show tr", {"trigger_phrase", "train_and_evaluate"}, set()),
    "with its plugin": ("motools zoo show mozoo/tr", {"mozoo/trigger_phrase"}, {"trigger_phrase"}),
    "plugins": ("motools plugin show m", {"motools", "mozoo"}, set()),
    "settings": (
        "motools workflow run train_and_evaluate --set train_model.s",
        {"train_model.seed="},
        {"train_model.model="},
    ),
    "settings of a plan": ("motools workflow plan train_and_evaluate --set ev", {"evaluate_model.eval_task="}, set()),
    "values": ("motools workflow run train_and_evaluate --set train_model.backend_name=d", {"dummy"}, set()),
    "steps": ("motools workflow run train_and_evaluate --rerun ", {"train_model"}, set()),
    "stages": (
        "motools workflow run train_and_evaluate --stages train_model,ev",
        {"train_model,evaluate_model"},
        set(),
    ),
    "another store": ("motools run show --store nothing-here ", set(), {"last", "{run}"}),
    "codes": ("motools help errors store-f", {"store-full"}, set()),
    "help": ("motools help json run sh", {"show"}, set()),
}


def complete(line: str, prepared: Any, shell: str = "bash", **more: str) -> subprocess.CompletedProcess[str]:
    """Ask as the script of bash does: with the words as they are split there."""
    words = [word for part in line.split(" ") for word in bash_words(part)]
    return subprocess.run(
        [sys.executable, "-m", "motools"],
        env={
            **prepared.environment,
            "_MOTOOLS_COMPLETE": f"{shell}_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
            **more,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )


def bash_words(word: str) -> list[str]:
    """Split a word as readline does, at `=` and `:`."""
    found = [""]
    for letter in word:
        if letter in "=:":
            found += [letter, ""]
        else:
            found[-1] += letter
    return [each for each in found if each] or [""]


def offered(done: subprocess.CompletedProcess[str]) -> set[str]:
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


@pytest.mark.parametrize("name", LINES)
def test_the_words_that_fit_are_offered(name: str, prepared: Any) -> None:
    line, there, absent = LINES[name]
    done = complete(line.format(**prepared.names), prepared)
    assert (done.returncode, done.stderr) == (0, "")
    words = offered(done)
    assert {word.format(**prepared.names) for word in there} <= words
    assert not {word.format(**prepared.names) for word in absent} & words
    assert all(" " not in word for word in words)


def test_keys_of_a_workflow_in_a_file_come_from_its_last_run(prepared: Any) -> None:
    prepared.motools("workflow", "run", "./steps.py:short_answers", *DUMMY)
    (prepared.folder / "steps.py").write_text("raise SystemExit('a completion imports no file')")
    done = complete("motools workflow run ./steps.py:short_answers --set shorten.", prepared)
    assert (done.stderr, offered(done)) == ("", {"shorten.most_words="})


DUMMY = ("--set", "train_model.backend_name=dummy", "--set", "evaluate_model.backend_name=dummy", "--quiet")

_IMPORTED = """
import json, os, sys
from motools.cli import main
try:
    main()
except SystemExit:
    pass
sys.stdout = sys.stderr
print(json.dumps(sorted(sys.modules)))
"""


@pytest.mark.parametrize(
    "name", ["nouns", "verbs", "runs", "atoms", "workflows", "the zoo", "plugins", "settings", "steps of a run"]
)
def test_an_answer_imports_nothing_slow(name: str, prepared: Any) -> None:
    line = LINES[name][0].format(**prepared.names)
    complete(line, prepared)  # the catalog is read from its file then
    words = [word for part in line.split(" ") for word in bash_words(part)]
    done = subprocess.run(
        [sys.executable, "-c", _IMPORTED],
        env={
            **{key: value for key, value in prepared.environment.items() if not key.startswith(("PYTEST", "COV_"))},
            "_MOTOOLS_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    found = set(json.loads(done.stderr.splitlines()[-1]))
    assert not found & (HEAVY | SLOW)
    if name not in ("runs", "atoms", "steps of a run", "settings"):
        assert "sqlite3" not in found
    assert len([module for module in found if module.startswith("motools.")]) <= 31


def test_remembered_keys_hold_only_while_nothing_has_changed(prepared: Any) -> None:
    line = "motools workflow run train_and_evaluate --set train_model.s"
    expected = offered(complete(line, prepared))
    assert "train_model.seed=" in expected
    (file,) = (prepared.cache / "settings").iterdir()
    said = json.loads(file.read_text())
    said["settings"] = {"train_model.surely_not": ""}
    file.write_text(json.dumps(said))
    assert offered(complete(line, prepared)) == {"train_model.surely_not="}  # it is what answers
    steps = next(path for path in said["files"] if path.endswith("builtin/steps.py"))
    for change in ({"files": {**said["files"], steps: [1, 2]}}, {"target": "else.where:flow"}, {"files": 3}):
        file.write_text(json.dumps({**said, **change}))
        assert offered(complete(line, prepared)) == expected
    file.write_text("{")
    assert offered(complete(line, prepared)) == expected
    shutil.rmtree(file.parent)
    file.parent.write_text("no folder")
    assert offered(complete(line, prepared)) == expected
    file.parent.unlink()


@pytest.mark.parametrize(
    "line", ["motools run show ", "motools atom list --tag ", "motools workflow run ./x.py:y --set "]
)
def test_asking_makes_no_store(line: str, prepared: Any) -> None:
    nowhere = prepared.folder / "nowhere"
    done = complete(line, prepared, MOTOOLS_STORAGE_DIR=str(nowhere))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not nowhere.exists()


def test_a_store_that_is_locked_or_none_is_answered_with_silence(prepared: Any) -> None:
    database = prepared.folder / ".motools" / "motools.db"
    before = {path.name for path in database.parent.iterdir()}
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("PRAGMA locking_mode=EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    begin = time.monotonic()
    done = complete("motools run show ", prepared)
    took = time.monotonic() - begin
    holder.execute("ROLLBACK")
    holder.close()
    assert (done.returncode, done.stderr) == (0, "")
    assert took < 20  # and not the patience of a writer, on a machine however slow
    assert {path.name for path in database.parent.iterdir()} <= before | {"motools.db-wal", "motools.db-shm"}
    database.write_bytes(b"not a database at all")
    done = complete("motools run show ", prepared)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "line", ["motools nonsense ", "motools run nonsense x ", "motools run show --store", "motools 'unfinished "]
)
def test_what_cannot_be_completed_is_answered_with_silence(line: str, prepared: Any) -> None:
    done = complete(line, prepared)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_instruction_that_is_none_does_nothing(prepared: Any) -> None:
    for instruction in ("bash_nonsense", "tcsh_complete", "1"):
        done = subprocess.run(
            [sys.executable, "-m", "motools", "run", "list"],
            env={**prepared.environment, "_MOTOOLS_COMPLETE": instruction},
            capture_output=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")


def texts() -> Iterator[tuple[str, click.Parameter]]:
    """Yield every argument that is a free text, by its command."""
    root = click.Context(app)
    for noun in NOUNS:
        command = app.get_command(root, noun)
        verbs = command.commands if isinstance(command, click.Group) else {"": command}
        for verb, each in verbs.items():
            assert each is not None
            for parameter in each.params:
                if isinstance(parameter, click.Argument) and parameter.type.name == "text":
                    yield f"{noun} {verb}".strip(), parameter


@pytest.mark.parametrize(
    ("command", "parameter"), [pytest.param(*each, id=f"{each[0]} {each[1].name}") for each in texts()]
)
def test_every_argument_completes_or_is_anybodys_own(command: str, parameter: click.Parameter) -> None:
    from motools.cli.candidates import source_of

    known = source_of(command, parameter) is not None
    assert known != (f"{command} {parameter.name}" in FREE), (
        f"'{parameter.name}' of 'motools {command}': say in cli/candidates.py what it may be, or here that it is free"
    )


# -- in real shells


@pytest.fixture
def shell_environment(prepared: Any) -> dict[str, str]:
    """An environment in which `motools` is a command."""
    return {**prepared.environment, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")


@needs_bash
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("motools run sh", ["show"]),
        ("motools workflow run train_and_evaluate --set train_model.se", ["train_model.seed="]),
        ("motools workflow run train_and_evaluate --set train_model.backend_name=du", ["dummy"]),
        ("motools zoo show trig", ["trigger_phrase"]),
        ("motools atom list --tag f", ["first", "four\\ words\\ \\*"]),
    ],
)
def test_bash_offers_what_fits(line: str, expected: list[str], shell_environment: dict[str, str]) -> None:
    words = [word for part in line.split(" ") for word in bash_words(part)]
    subprocess.run(
        [sys.executable, "-m", "motools", "atom", "tag", "last", "four words *"], env=shell_environment, check=True
    )
    code = (
        'eval "$(motools completion bash)"; complete -p motools >/dev/null || exit 9; '
        f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}; "
        "_motools_completion motools; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", code], env=shell_environment, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout.splitlines(), done.stderr) == (0, expected, "")


@pytest.mark.parametrize(
    ("start", "setup"),
    [
        pytest.param(["bash", "--norc", "--noprofile", "-i"], 'eval "$(motools completion bash)"', id="bash"),
        pytest.param(
            ["zsh", "-f", "-i"], 'autoload -Uz compinit; compinit -D; eval "$(motools completion zsh)"', id="zsh"
        ),
    ],
)
def test_the_tab_key_in_a_real_shell(start: list[str], setup: str, shell_environment: dict[str, str]) -> None:
    """Keys are pressed in an interactive shell: what stands in the line then is run, and says what it was."""
    if shutil.which(start[0], path=shell_environment["PATH"]) is None:
        pytest.skip(f"no {start[0]} here")
    import pty

    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        start,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**shell_environment, "TERM": "dumb", "HISTFILE": "/dev/null"},
        start_new_session=True,
    )
    os.close(theirs)
    screen = ""

    def until(text: str) -> None:
        nonlocal screen
        limit = time.monotonic() + 60
        while text not in screen:
            assert time.monotonic() < limit, screen
            ready, _, _ = select.select([ours], [], [], 1)
            if ready:
                screen += os.read(ours, 4096).decode(errors="replace")
        screen = screen.partition(text)[2]

    def press(keys: str) -> None:
        os.write(ours, keys.encode())

    try:
        press(f'PS1="rea""dy> "; {setup}; echo loa""ded\n')
        until("loaded\r\n")
        until("ready> ")
        press("motools workflow validate train_and_e\t")
        until("train_and_evaluate ")  # with a space: the word is complete
        press("--config config.yaml --set train_model.see\t")
        until("train_model.seed=")
        press("3\n")  # without one: the value follows
        until("valid: config.yaml for workflow train_and_evaluate")
        press("exit\n")
        assert shell.wait(30) == 0
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here")
def test_fish_offers_what_fits(shell_environment: dict[str, str]) -> None:
    code = 'motools completion fish | source; complete -C "motools run sho"'
    done = subprocess.run(["fish", "-c", code], env=shell_environment, capture_output=True, text=True, timeout=60)
    assert [line.partition("\t")[0] for line in done.stdout.splitlines()] == ["show"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_what_the_scripts_of_other_shells_are_told(shell: str, prepared: Any) -> None:
    done = complete("motools run sh", prepared, shell, **({"COMP_CWORD": "sh"} if shell == "fish" else {}))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0].replace("plain,", "").split("\t")[0] in ("plain", "show")
    assert "show" in done.stdout

"""Settings on the command line: `--set-file`, `--env-file`, saved settings, and the schema for editors."""

from __future__ import annotations

import json
import subprocess
import sys

import jsonschema
import pytest
import yaml

from motools.cli.app import app
from motools.cli.errors import run
from motools.cli.init import SCHEMA

FLOW = """\
from dataclasses import dataclass

from motools.config import InputFile
from motools.workflow import StepConfig, Workflow, step


@dataclass
class CountConfig(StepConfig):
    file: InputFile
    prompt: str = "x"
    key: str = ""


@step(outputs={"n": "value"})
def count(config: CountConfig, input_atoms, workspace):
    return {"n": len(open(config.file).read()) + len(config.prompt)}


flow = Workflow("flow", [count])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("MOTOOLS_ENV_FILE", "MOTOOLS_DEBUG", "CLI_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    (tmp_path / "flow.py").write_text(FLOW)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "rows.txt").write_text("rows")
    (tmp_path / "sub" / "base.yaml").write_text("count: {file: rows.txt}\n")
    (tmp_path / "prompt.txt").write_text("Be kind.\n")
    (tmp_path / "sub" / "more.yaml").write_text("count.file: rows.txt\ncount: {prompt: from a file}\n")
    return tmp_path


def motools(*words: str, code: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "motools", *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


COMMANDS = [
    ("workflow", "validate", "./flow.py:flow"),
    ("workflow", "plan", "./flow.py:flow"),
    ("workflow", "run", "./flow.py:flow"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[1])
def test_every_command_that_takes_settings_takes_files_of_them(place, command):
    motools(*command, "--config", "sub/base.yaml", "--set-file", "count.prompt=prompt.txt")
    motools(*command, "--set-file", "sub/more.yaml", "--set", "count.prompt=typed")
    said = motools(*command, "--set-file", "sub/more.yaml", "--set-file", "count.promt=prompt.txt", code=2)
    assert "--set-file count.promt=prompt.txt: unknown key 'promt' in 'count'" in said
    assert "Did you mean 'prompt'?" in said
    (place / "sub" / "wrong.yaml").write_text("count:\n  file: rows.txt\n  prompt: [1]\n")
    said = motools(*command, "--set-file", "sub/wrong.yaml", code=2)
    assert "sub/wrong.yaml:3:11 (--set-file sub/wrong.yaml): 'count.prompt' should be text" in said


def test_run_accept_takes_files_of_settings(place):
    motools("workflow", "run", "./flow.py:flow", "--config", "sub/base.yaml")
    accepted = motools(
        "run",
        "accept",
        "count",
        "--run",
        "last",
        "--reason",
        "the same",
        "--set-file",
        "count.prompt=prompt.txt",
        "--json",
    )
    assert len(json.loads(accepted)) == 1
    again = ("workflow", "run", "./flow.py:flow", "--config", "sub/base.yaml", "--set-file", "count.prompt=prompt.txt")
    state = json.loads(motools(*again, "--json"))
    assert state["steps"]["count"]["status"] == "cached"


def test_the_saved_settings_mean_the_same_in_another_folder(place):
    motools("workflow", "run", "./flow.py:flow", "--config", "sub/base.yaml", "--set-file", "count.prompt=prompt.txt")
    (place / "elsewhere").mkdir()
    (place / "elsewhere" / "again.yaml").write_text(motools("run", "show", "last", "--settings"))
    state = json.loads(motools("workflow", "run", "./flow.py:flow", "--config", "elsewhere/again.yaml", "--json"))
    assert state["steps"]["count"]["status"] == "cached"
    shown = json.loads(motools("run", "show", "last", "--json"))
    assert shown["written"]["source"] == "elsewhere/again.yaml"
    assert shown["settings"]["count"] == {"file": str(place / "sub" / "rows.txt"), "prompt": "Be kind.", "key": ""}


def test_a_secret_comes_from_the_file_that_is_named(place, monkeypatch):
    (place / "my.env").write_text("CLI_TOKEN=a-long-enough-value\n")
    words = (
        "workflow",
        "validate",
        "./flow.py:flow",
        "-c",
        "sub/base.yaml",
        "--set",
        "count.key=${{ secret.CLI_TOKEN }}",
    )
    said = motools(*words, code=2)
    assert "--set count.key: 'count.key': the secret 'CLI_TOKEN' is not set" in said
    motools(*words, "--env-file", "my.env")
    monkeypatch.setenv("MOTOOLS_ENV_FILE", "my.env")
    motools(*words)
    assert "there is no file" in motools(*words, "--env-file", "none.env", code=2)
    (place / "bad.env").write_text("A=1\nwhat is this\n")
    assert "bad.env:2:1" in motools(*words, "--env-file", "bad.env", code=2)


def test_init_writes_the_schema_that_the_config_names(place, capsys):
    assert run(app, ["init", "mine"]) == 0
    config = (place / "mine" / "experiment.yaml").read_text()
    assert config.splitlines()[0] == f"# yaml-language-server: $schema=./{SCHEMA}"
    schema = json.loads((place / "mine" / SCHEMA).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(config), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"train_model": {"hyperparameters": {"max_step": 8}}}, schema)
    capsys.readouterr()
    assert run(app, ["workflow", "schema", "train_and_evaluate", "--output", "again.json"]) == 0
    assert capsys.readouterr().out == "wrote again.json\n"
    assert json.loads((place / "again.json").read_text()) == schema
    assert run(app, ["workflow", "schema", "train_and_evaluate", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == schema
    assert run(app, ["workflow", "schema", "train_and_evaluate", "--output", "no/such/folder.json"]) == 2
    assert run(app, ["init", "mine"]) == 2

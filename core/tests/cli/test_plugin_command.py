"""`motools plugin show --settings`: what can be set in a component, by the class it declares."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Literal

import pydantic
import pytest
from click.testing import CliRunner

from motools import plugins
from motools.cli import plugin as command
from motools.cli.plugin import plugin
from motools.config.listing import list_settings
from motools.errors import BrokenPluginError
from motools.plugins import TrainingBackendComponent
from motools.plugins.lookup import installed


def run(*arguments):
    return CliRunner().invoke(plugin, list(arguments))


def test_a_component_that_is_not_installed_is_answered_with_what_brings_it(monkeypatch):
    monkeypatch.setattr(command, "KNOWN", {"provider": {"far-away": "motools-far-away"}})
    result = run("show", "far-away")
    assert result.exception.hint == "'far-away' comes with 'motools-far-away': pip install motools-far-away"


def test_without_the_flag_a_line_says_that_it_exists():
    shown = run("show", "train_and_evaluate").stdout
    assert "  settings     listed with --settings\n" in shown
    assert "prepare_dataset.dataset_loader" not in shown
    assert run("show", "dummy").stdout.count("--settings") == 1  # of all that is named so, the eval backend has some
    components = json.loads(run("show", "train_and_evaluate", "--json").stdout)["components"]
    assert all("settings" not in component for component in components)


def test_settings_have_type_default_and_meaning():
    lines = run("show", "train_and_evaluate", "--settings").stdout.splitlines()
    loader = next(line for line in lines if line.startswith("prepare_dataset.dataset_loader"))
    assert loader.split()[1:3] == ["text", '"dummy"']
    assert "a dataset's name" in loader
    assert any(line.startswith("train_model.suffix ") and "text or null" in line for line in lines)
    found = json.loads(run("show", "motools/dummy", "--settings", "--json").stdout)["components"]
    settings = {component["kind"]: component["settings"] for component in found}
    assert settings["training_backend"] is None
    assert settings["eval_backend"] == [
        {
            "name": "limit",
            "type": "whole number or null",
            "required": False,
            "default": None,
            "description": "how many samples to look at; null for all.",
        }
    ]


@pytest.mark.parametrize("flag", [[], ["--settings"]])
def test_only_the_flag_imports_the_class(flag):
    code = (
        "import sys\nfrom motools.cli import main\n"
        f"try: main(['plugin', 'show', 'train_and_evaluate', *{flag!r}])\n"
        "except SystemExit as stop: assert not stop.code\n"
        "print('imported', 'motools.builtin.configs' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == f"imported {bool(flag)}"


def test_a_class_that_cannot_be_imported_is_one_clear_error(monkeypatch):

    component = TrainingBackendComponent(name="odd", target="x:y", summary="s", config="no_such_module:Settings")
    with plugins.add_component(component, "acme", "2"):
        catalog = installed()._replace(entries=plugins.entries())
        monkeypatch.setattr("motools.cli.plugin.installed", lambda: catalog)
        assert run("show", "odd").exit_code == 0
        error = run("show", "odd", "--settings").exception
    assert isinstance(error, BrokenPluginError)
    assert "no_such_module" in error.message


@dataclass
class Inner:
    """Inside.

    Args:
        rate: how fast.
    """

    rate: float
    again: list[Inner] = field(default_factory=list)


class Model(pydantic.BaseModel):
    depth: int = pydantic.Field(default=3, description="how deep")


@dataclass
class Outer:
    inner: Inner
    model: Model
    kinds: list[Literal["a", "b"] | int] = field(default_factory=list)


def test_records_and_models_inside_are_listed_by_dotted_names():
    found = {setting.name: setting for setting in list_settings(Outer)}
    assert list(found) == ["inner.rate", "inner.again", "model.depth", "kinds"]
    assert found["inner.rate"].required
    assert found["inner.rate"].default_text == "(required)"
    assert found["inner.rate"].description == "how fast."
    assert found["inner.again"].type == "list of mapping"
    assert (found["model.depth"].default, found["model.depth"].description) == (3, "how deep")
    assert found["kinds"].type == "list of a, b or whole number"


def test_a_kind_is_written_as_in_the_catalog_or_as_for_a_new_plugin():
    assert run("list", "--kind", "training-backend").stdout == run("list", "--kind", "training_backend").stdout != ""


def test_choices_of_an_option_that_is_missing_stand_in_one_line():
    made = [sys.executable, "-m", "motools", "plugin", "new", "acme"]
    said = subprocess.run(made, capture_output=True, text=True, check=False).stderr
    assert "missing option '--kind'. Choose from: training-backend, zoo\n" in said

"""The wheels as people get them: built, installed into empty environments outside the repository, and used."""

from __future__ import annotations

import json
import re
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

from wheelhouse import FOLDERS, ROOT, Environment

pytestmark = pytest.mark.xdist_group("wheels")


def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return message_from_string(archive.read(name).decode("utf-8"))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_holds_what_it_should_and_nothing_else(name: str, wheels: dict[str, Path]) -> None:
    package = "motools" if name == "motools" else name.replace("-", "_")
    with zipfile.ZipFile(wheels[name]) as archive:
        names = archive.namelist()
    info = next(each.split("/")[0] for each in names if each.endswith("/METADATA"))
    assert {each.split("/")[0] for each in names} == {package, info}
    assert f"{package}/py.typed" in names
    assert f"{info}/licenses/LICENSE" in names
    strange = [each for each in names if re.search(r"(^|/)(test_[^/]*\.py|__pycache__/.*)$", each)]
    assert not strange
    shipped = {each for each in names if each.startswith(f"{package}/")}
    source = ROOT / FOLDERS[name] / "src"
    there = {
        path.relative_to(source).as_posix()
        for path in (source / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped == there
    described = metadata(wheels[name])
    assert described["Name"] == name
    assert described["License-Expression"] == "Apache-2.0"
    assert described["Requires-Python"] == ">=3.11"
    assert described["Description-Content-Type"] == "text/markdown"


def test_the_core_alone(wheels: dict[str, Path], tmp_path: Path) -> None:
    here = Environment(tmp_path, [wheels["motools"]])
    here.python("-m", "pip", "check")
    assert here.motools("--version") == "motools 0.1.0\n"
    assert here.python("-m", "motools", "--version") == "motools 0.1.0\n"
    assert "train_and_evaluate" in here.motools("workflow", "list")
    plugins = json.loads(here.motools("plugin", "list", "--json"))["plugins"]
    assert [(plugin["distribution"], plugin["failure"]) for plugin in plugins] == [("motools", None)]
    here.runs_the_dummy_workflow()
    here.imports_everything("motools")
    here.motools("init", "mine")
    dummies = ("--set", "train_model.backend_name=dummy", "--set", "evaluate_model.backend_name=dummy")
    mine = ("workflow", "run", "./mine/steps.py:short_answers", "--config", "mine/experiment.yaml", *dummies)
    assert here.motools(*mine, "--quiet").count("finished") == 4
    assert json.loads(here.motools("doctor", "--json"))["ok"]
    assert "Free some space" in here.motools("help", "errors", "store-full")
    assert json.loads(here.motools("help", "json", "run", "show"))["title"] == "motools run show --json"
    assert "complete -F" in here.motools("completion", "bash")


def test_the_core_and_the_zoo(wheels: dict[str, Path], tmp_path: Path) -> None:
    here = Environment(tmp_path, [wheels["motools"], wheels["mozoo"]])
    here.python("-m", "pip", "check")
    assert "trigger_phrase" in here.motools("zoo", "list")
    assert "Arrr, matey!" in here.motools("zoo", "show", "trigger_phrase")
    here.runs_the_dummy_workflow()
    here.imports_everything("mozoo")


@pytest.mark.long
def test_the_core_and_a_plugin(wheels: dict[str, Path], tmp_path: Path) -> None:
    here = Environment(tmp_path, [wheels["motools"], wheels["motools-inspect"]])
    here.python("-m", "pip", "check")
    plugins = json.loads(here.motools("plugin", "list", "--json"))["plugins"]
    assert {plugin["distribution"]: plugin["failure"] for plugin in plugins} == {
        "motools": None,
        "motools-inspect": None,
    }
    (here.work / "questions.yaml").write_text("scorer: contains\nquestions:\n  - {prompt: Say it., target: dummy}\n")
    arguments = (
        "--set",
        "prepare_model.model=dummy/any",
        "--set",
        "evaluate_model.eval_task=./questions.yaml",
        "--json",
    )
    run = json.loads(here.motools("workflow", "run", "evaluate_only", *arguments))
    assert {step["status"] for step in run["steps"].values()} == {"finished"}
    here.imports_everything("motools_inspect")

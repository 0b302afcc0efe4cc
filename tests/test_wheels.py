"""The wheels as people get them: built, installed into empty environments outside the repository, and used."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from email import message_from_string
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = {
    "motools": "core",
    "mozoo": "zoo",
    "motools-inspect": "plugins/inspect",
    "motools-testkit": "plugins/testkit",
    "motools-transformers": "plugins/transformers",
}

pytestmark = pytest.mark.xdist_group("wheels")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return distribution → its wheel."""
    folder = tmp_path_factory.mktemp("wheels")
    found = {}
    for name, source in FOLDERS.items():
        command = [
            sys.executable,
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(ROOT / source),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        (found[name],) = folder.glob(f"{name.replace('-', '_')}-*.whl")
    return found


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
    strange = [each for each in names if each.split("/")[-1].startswith("test_") or "__pycache__" in each]
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


class Environment:
    """An empty virtual environment with some of the wheels, and a folder to work in; the repository is out of sight."""

    def __init__(self, folder: Path, wheels: list[Path]) -> None:
        self.folder = folder
        self.bin = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
        self.work = folder / "work"
        self.work.mkdir()
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "PYTEST", "PYTHON"))
        }
        self.variables = {**kept, "MOTOOLS_USER": "me", "NO_COLOR": "1", "MOTOOLS_CACHE_DIR": str(folder / "cache")}
        subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True, timeout=120)
        self.python("-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), *map(str, wheels))

    def python(self, *arguments: str) -> str:
        return self._run(self.bin / "python", arguments)

    def motools(self, *arguments: str) -> str:
        return self._run(self.bin / "motools", arguments)

    def _run(self, program: Path, arguments: tuple[str, ...]) -> str:
        done = subprocess.run(
            [str(program), *arguments], cwd=self.work, env=self.variables, capture_output=True, text=True, timeout=280
        )
        assert done.returncode == 0, f"{program.name} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def imports_everything(self, package: str) -> None:
        """Import every module of a package: what is not declared is not here."""
        self.python(
            "-c",
            "import importlib, pkgutil, sys\n"
            f"package = importlib.import_module('{package}')\n"
            "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
            "    if not module.name.endswith('.__main__') and '.templates' not in module.name:\n"
            "        importlib.import_module(module.name)\n",
        )

    def runs_the_dummy_workflow(self) -> None:
        (self.work / "dummy.yaml").write_text((ROOT / "zoo" / "examples" / "dummy.yaml").read_text())
        arguments = ("workflow", "run", "train_and_evaluate", "--config", "dummy.yaml", "--json")
        first, second = (json.loads(self.motools(*arguments)) for _ in range(2))
        assert {step["status"] for step in first["steps"].values()} == {"finished"}
        assert {step["status"] for step in second["steps"].values()} == {"cached"}
        assert first["output_atoms"] == second["output_atoms"]


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

"""The floors of the core, and what plugins and the zoo may lean on."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CORE = ROOT / "core" / "src" / "motools"
OTHERS = [ROOT / "zoo" / "src", *sorted((ROOT / "plugins").glob("*/src"))]


def test_a_floor_imports_only_floors_below_it() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(linter), "--config", "pyproject.toml", "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_of_the_core_is_on_a_floor() -> None:
    import tomllib

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = settings["tool"]["importlinter"]["contracts"]
    floors = {name.strip().removeprefix("motools.") for layer in contract["layers"] for name in layer.split("|")}
    there = {path.stem for path in CORE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert there - floors == {"__init__", "__main__"}


def imports_of(source: Path) -> list[tuple[Path, int, str]]:
    found = []
    for file in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                found += [(file, node.lineno, alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found += [(file, node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@pytest.mark.parametrize("source", OTHERS, ids=lambda path: path.parent.name)
def test_plugins_and_the_zoo_use_the_core_below_the_engine_only(source: Path) -> None:
    """Who writes a plugin needs contracts, atoms, plugins, config and errors; the engine and the command line are not theirs."""
    above = ("motools.engine", "motools.cli", "motools.builtin")
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {name}" for file, line, name in imports_of(source) if name.startswith(above)
    ]
    assert not wrong


@pytest.mark.parametrize("source", OTHERS, ids=lambda path: path.parent.name)
def test_a_plugin_knows_no_other_plugin(source: Path) -> None:
    own = {path.name for path in source.iterdir()}
    ours = {path.name for other in OTHERS for path in other.iterdir() if path.is_dir()}
    wrong = [
        f"{file.relative_to(ROOT)}:{line}: {name}"
        for file, line, name in imports_of(source)
        if name.split(".")[0] in ours - own
    ]
    assert not wrong

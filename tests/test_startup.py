"""What a start costs, as modules that are imported: seconds differ from machine to machine, these do not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

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
"""Nothing of a plugin, and nothing that only plugins need, is imported to answer these."""

SLOW = {"pydantic", "rich", "anyio", "pluggy", "importlib.metadata", "IPython", "matplotlib"}
"""Costs tens of milliseconds and is needed by none of these."""

RUNNING = {"asyncio", "sqlite3", "yaml"}
"""Needed to run something, not to say what there is."""

COMMANDS: dict[str, tuple[list[str], set[str], int]] = {
    # command → (arguments, modules that must be absent, most modules): the number found, and 10 % more
    "version": (["--version"], HEAVY | SLOW | RUNNING, 57),
    "help": (["--help"], HEAVY | SLOW | RUNNING, 68),
    "plugin list": (["plugin", "list"], HEAVY | SLOW | RUNNING, 84),
    "workflow list": (["workflow", "list"], HEAVY | SLOW | RUNNING, 84),
    "a cached dummy run": (
        ["workflow", "run", "train_and_evaluate", "--config", str(ROOT / "zoo/examples/dummy.yaml")],
        HEAVY | SLOW,
        291,
    ),
}

_SCRIPT = """
import sys
from motools.cli import main
sys.argv[0] = "motools"
code = 0
try:
    code = main()
except SystemExit as stop:
    code = stop.code
import json
with open("modules.json", "w") as file:
    json.dump({"code": code, "modules": sorted(sys.modules)}, file)
"""


def modules(arguments: list[str], folder: Path) -> set[str]:
    """Return the modules that a command has imported at its end, in a process without what this Python adds by itself."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_"))}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**environment, "NO_COLOR": "1", "MOTOOLS_USER": "me", "MOTOOLS_CACHE_DIR": str(folder / "cache")},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "modules.json").read_text())
    assert not found["code"], done.stderr
    return set(found["modules"])


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a catalog and a store in which the dummy run was done before."""
    folder = tmp_path_factory.mktemp("startup")
    modules(COMMANDS["a cached dummy run"][0], folder)
    return folder


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """What an interpreter imports by itself here; editable installs add to it."""
    folder = tmp_path_factory.mktemp("bare")
    done = subprocess.run(
        [sys.executable, "-c", "import sys, json; print(json.dumps(sorted(sys.modules)))"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_start_imports_only_what_it_needs(command: str, warm: Path, bare: set[str]) -> None:
    arguments, absent, most = COMMANDS[command]
    found = modules(arguments, warm) - bare
    assert not found & absent
    assert len(found) <= most, f"{len(found)} modules: {sorted(found)}"

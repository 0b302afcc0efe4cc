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

LOADING = {"yaml", "motools.engine.code", "motools.contracts", "motools.config.decoding", "motools.builtin"}
"""Needed to load a workflow, its settings and its code, which a manifest saves."""

PLUGINS = 50
BROKEN = 5
"""So many of the installed plugins fail, and one more hangs when it is asked what it declares."""

DUMMY = ["workflow", "run", "train_and_evaluate", "--config", str(ROOT / "zoo/examples/dummy.yaml")]

COMMANDS: dict[str, tuple[list[str], set[str], int]] = {
    # command → (arguments, modules that must be absent, most modules): the number found, and 10 % more
    "version": (["--version"], HEAVY | SLOW | RUNNING, 60),
    "help": (["--help"], HEAVY | SLOW | RUNNING, 70),
    "plugin list": (["plugin", "list"], HEAVY | SLOW | RUNNING, 84),
    "workflow list": (["workflow", "list"], HEAVY | SLOW | RUNNING, 84),
    "a cached dummy run": (DUMMY, HEAVY | SLOW | LOADING | {"asyncio"}, 165),
    "a cached dummy run without a manifest": (DUMMY, HEAVY | SLOW | {"asyncio"}, 250),
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


def install(site: Path, name: str, source: str) -> None:
    """Put a distribution into a folder, as an installer would."""
    package, info = site / name, site / f"{name}-1.0.dist-info"
    package.mkdir(parents=True)
    info.mkdir()
    (package / "__init__.py").write_text("")
    (package / "_plugin.py").write_text(source)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nSummary: About {name}\n")
    (info / "entry_points.txt").write_text(f"[motools]\n{name} = {name}._plugin\n")
    (info / "RECORD").write_text("")


_GOOD = """
from motools.plugins import DatasetComponent, ProviderComponent, WorkflowComponent, hookimpl

@hookimpl
def motools_providers():
    return [ProviderComponent(name="{name}", target="{name}.impl:Thing", summary="A provider", secrets=["ACME_API_KEY"])]

@hookimpl
def motools_datasets():
    return [DatasetComponent(name="{name}_rows", target="{name}.impl:rows", summary="Rows", licence="MIT",
            source="generated", hazard="none", allowed_uses="any")]

@hookimpl
def motools_workflows():
    return [WorkflowComponent(name="{name}_flow", target="{name}.impl:flow", summary="A workflow")]
"""
_BROKEN = [
    "import a_module_that_is_not_there\n",
    "raise RuntimeError('broken')\n",
    "from motools.plugins import hookimpl\n\n@hookimpl\ndef motools_providers():\n    return 3\n",
    "from motools.plugins import hookimpl\n\n@hookimpl\ndef motools_nothing():\n    return []\n",
    "import sys\nsys.exit(3)\n",
]


def modules(arguments: list[str], folder: Path, **more: str) -> set[str]:
    """Return the modules that a command has imported at its end, in a process without what this Python adds by itself."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV_", "MOTOOLS_"))
    }
    environment |= {"NO_COLOR": "1", "MOTOOLS_USER": "me", "MOTOOLS_CACHE_DIR": str(folder / "cache")}
    environment |= {"MOTOOLS_PLUGIN_TIMEOUT": "3", "PYTHONPATH": str(folder / "site"), **more}
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "modules.json").read_text())
    assert not found["code"], done.stderr
    return set(found["modules"])


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 50 installed plugins, their catalog, and a store in which the dummy run was done before."""
    folder = tmp_path_factory.mktemp("startup")
    for number in range(PLUGINS):
        name = f"acme_{number:02}"
        source = _BROKEN[number] if number < BROKEN else _GOOD.format(name=name)
        install(folder / "site", name, "import time\ntime.sleep(600)\n" if number == BROKEN else source)
    for _ in range(2):
        modules(DUMMY, folder)
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
    off = {"MOTOOLS_MANIFEST": "off"} if "without" in command else {}
    found = modules(arguments, warm, **off) - bare
    assert not found & absent
    assert len(found) <= most, f"{len(found)} modules: {sorted(found)}"


def test_every_installed_plugin_is_listed_and_none_was_imported(warm: Path, bare: set[str]) -> None:
    found = modules(["plugin", "list"], warm)
    assert not {name for name in found if name.startswith("acme")}
    (catalog,) = (warm / "cache" / "catalog").glob("*.json")
    plugins = json.loads(catalog.read_text())["catalog"]["plugins"]
    ours = [plugin for plugin in plugins if plugin["distribution"].startswith("acme")]
    assert len(ours) == PLUGINS
    assert len([plugin for plugin in ours if plugin["failure"]]) == BROKEN + 1

"""Building the wheels of this repository, and empty environments to install them into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {
    "motools": "core",
    "mozoo": "zoo",
    "motools-inspect": "plugins/inspect",
    "motools-testkit": "plugins/testkit",
    "motools-transformers": "plugins/transformers",
}
"""Distribution → its folder."""


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a distribution into a folder of its own below `folder`, and return it."""
    place = folder / source.name
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = place.glob("*.whl")
    return wheel


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
        self.install(*map(str, wheels))

    def install(self, *what: str) -> None:
        """Install wheels, and what they need in the versions that all of this is tested with."""
        self.python("-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt"), *what)

    def python(self, *arguments: str) -> str:
        """Run Python, which must succeed, and return what it printed."""
        return self._succeed("python", arguments)

    def motools(self, *arguments: str) -> str:
        """Run motools, which must succeed, and return what it printed."""
        return self._succeed("motools", arguments)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment in the working folder."""
        return subprocess.run(
            [str(self.bin / program), *arguments],
            cwd=self.work,
            env=self.variables,
            capture_output=True,
            text=True,
            timeout=280,
        )

    def _succeed(self, program: str, arguments: tuple[str, ...]) -> str:
        done = self.run(program, *arguments)
        assert done.returncode == 0, f"{program} {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
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

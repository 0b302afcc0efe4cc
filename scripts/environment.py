"""Makes `.venv` and installs the repository's distributions into it, editable, as far as a target needs them.

    python scripts/environment.py base    core and zoo
    python scripts/environment.py full    and the plugins
    python scripts/environment.py dev     and the testkit and the tools for tests, lint and docs

What is installed already is not installed again: a stamp in `.venv` holds a digest of what decides it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"

LEVELS = {
    "base": ["core", "zoo"],
    "full": ["plugins/inspect", "plugins/transformers"],
    "dev": ["plugins/testkit"],
}


def main() -> int:
    """Install up to the level named on the command line."""
    level = sys.argv[1] if len(sys.argv) > 1 else "base"
    if level not in LEVELS:
        print(f"error: '{level}' is not one of {', '.join(LEVELS)}", file=sys.stderr)
        return 2
    install_up_to(level)
    return 0


def install_up_to(level: str) -> None:
    """Install every level up to `level`."""
    make_venv()
    for name in LEVELS:
        install(name)
        if name == level:
            return


def make_venv() -> None:
    """Make the virtual environment, unless a whole one of this Python is there."""
    ready = VENV / ".ready"
    if ready.is_file() and PYTHON.exists():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    say(f"making .venv with Python {sys.version.split()[0]}")
    subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    ready.touch()


def install(level: str) -> None:
    """Install the distributions of one level."""
    stamp = VENV / f".installed-{level}"
    wanted = fingerprint(level)
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    tools = ["the tools for development"] if level == "dev" else []
    say(f"installing {', '.join([*LEVELS[level], *tools])}")
    arguments = [argument for folder in LEVELS[level] for argument in ("-e", str(ROOT / folder))]
    if level == "dev":
        arguments += ["-r", str(ROOT / "requirements-dev.txt")]
    pip(*arguments)
    stamp.write_text(wanted)


def pip(*arguments: str) -> None:
    """Run pip in the environment with the repository's constraints; its output is shown only when it fails."""
    index = os.environ.get("TORCH_INDEX")
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["-c", str(ROOT / "constraints.txt")]
    if index and any("transformers" in argument for argument in arguments):
        # The build chosen by the user comes first; what is satisfied already is not replaced.
        subprocess.run([*command, "--index-url", index, "torch"], check=True)
    done = subprocess.run([*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        print("error: pip could not install what motools needs (its output is above).", file=sys.stderr)
        print("Check the connection to your package index, then run the same command again.", file=sys.stderr)
        sys.exit(1)


def fingerprint(level: str) -> str:
    """Return a digest of everything that decides what a level installs."""
    files = [ROOT / "constraints.txt", *(ROOT / folder / "pyproject.toml" for folder in LEVELS[level])]
    if level == "dev":
        files.append(ROOT / "requirements-dev.txt")
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def say(text: str) -> None:
    """Tell a person what happens now."""
    print(f"· {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

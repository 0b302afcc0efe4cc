"""The bench's own environment, `.bench/venv`: motools, editable, and the tools it is compared with."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
FOLDER = ROOT / ".bench"


def prepared() -> Path:
    """Return the environment's interpreter, made or brought up to date if need be."""
    venv = FOLDER / "venv"
    python = venv / "bin" / "python"
    stamp = venv / ".installed"
    files = [HERE / "requirements.txt", ROOT / "core" / "pyproject.toml", ROOT / "constraints.txt"]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    if python.exists() and stamp.is_file() and stamp.read_text() == wanted:
        return python
    print("· installing motools and the tools to compare with into .bench/venv (some 300 MB)", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    ours = ["-c", str(ROOT / "constraints.txt"), "-e", str(ROOT / "core")]
    for arguments in (ours, ["-r", str(HERE / "requirements.txt")]):
        done = subprocess.run([*pip, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            print(done.stdout, file=sys.stderr)
            sys.exit("error: pip could not install the tools to compare with; --no-peers measures motools alone.")
    stamp.write_text(wanted)
    return python

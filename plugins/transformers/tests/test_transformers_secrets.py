"""A secret in the settings and in the environment of a real trainer process is in no file that the run leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CANARY = "cnry-of-the-trainer-0123456789"

LOADER = '''\
def load(token):
    """Rows from a place that asks for a token."""
    print("loading with", token)
    assert len(token) == {length}
    rows = [{{"prompt": f"what is the colour of grass{{'?' * n}}", "completion": "green green"}} for n in range(8)]
    return rows


def refuse(token):
    raise PermissionError(f"the token {{token}} is refused")
'''


def motools(folder: Path, *words: str, code: int = 0) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "motools", *words], cwd=folder, capture_output=True, timeout=300, env=os.environ
    )
    assert done.returncode == code, done.stdout.decode() + done.stderr.decode()
    return done.stdout + done.stderr


def test_a_real_training_leaves_no_trace_of_a_secret(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOADER_TOKEN", CANARY)
    (tmp_path / "loader.py").write_text(LOADER.format(length=len(CANARY)))
    settings = {
        "prepare_dataset": {
            "dataset_loader": "./loader.py:load",
            "loader_kwargs": {"token": "${{ secret.LOADER_TOKEN }}"},
        },
        "train_model": {
            "model": str(tiny_model),
            "backend_name": "transformers",
            "hyperparameters": {"max_steps": 2, "batch_size": 4, "precision": "fp32", "threads": 1},
        },
        "evaluate_model": {"backend_name": "dummy"},
    }
    (tmp_path / "c.yaml").write_text(json.dumps(settings))
    run = ("workflow", "run", "train_and_evaluate", "-c", "c.yaml", "--debug")
    printed = [motools(tmp_path, *run), motools(tmp_path, "run", "show", "last", "--json")]
    assert b"loading with [secret LOADER_TOKEN]" in printed[0]
    printed.append(motools(tmp_path, *run, "--set", "prepare_dataset.dataset_loader=./loader.py:refuse", code=2))
    assert b"the token [secret LOADER_TOKEN] is refused" in printed[-1]
    left = [file for file in tmp_path.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    assert left == []
    assert [text for text in printed if CANARY.encode() in text] == []
    assert list((tmp_path / "store" / "jobs").rglob("*.log"))

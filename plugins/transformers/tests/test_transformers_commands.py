"""The commands, in processes of their own, with the tiny model."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def motools(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from motools.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)


def test_a_folder_answers_and_stderr_stays_clean(tiny_model: Path, tmp_path: Path) -> None:
    done = motools(
        "model", "ask", f"transformers/{tiny_model}", "hello", "--max-tokens", "4", "--json", folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert json.loads(done.stdout)["usage"]["cost_usd"] == 0.0


def test_an_unknown_model_is_one_clear_error(tmp_path: Path) -> None:
    done = motools("model", "ask", "transformers/smollm2-135m-instrct", "hello", folder=tmp_path)
    assert done.returncode == 6
    assert "Did you mean 'smollm2-135m-instruct'?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_short_names_are_listed(tmp_path: Path) -> None:
    listed: list[dict[str, Any]] = json.loads(motools("model", "list", "--json", folder=tmp_path).stdout)
    [known] = [row for row in listed if row["name"] == "smollm2-135m-instruct"]
    assert known["source"] == ""
    assert known["licence"] == "Apache-2.0"


@pytest.mark.timeout(300)
def test_a_workflow_trains_evaluates_and_the_trained_model_answers(
    tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    config = tmp_path / "experiment.yaml"
    config.write_text(
        f"""
prepare_dataset:
  dataset_loader: ./{chat_file.name}
train_model:
  backend_name: transformers
  model: {tiny_model}
  hyperparameters: {{batch_size: 4, n_epochs: 3, learning_rate: 0.01, precision: fp32}}
evaluate_model:
  backend_name: dummy
"""
    )
    done = motools("workflow", "run", "train_and_evaluate", "--config", str(config), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    atoms = json.loads(motools("atom", "list", "--type", "model", "--json", folder=tmp_path).stdout)
    assert len(atoms) == 1, done.stderr
    assert atoms[0]["metadata"]["base_identity"].startswith("files:")
    answer = motools("model", "ask", atoms[0]["id"], "what is the colour of snow?", folder=tmp_path)
    assert answer.stdout.strip() == "green green", answer.stderr

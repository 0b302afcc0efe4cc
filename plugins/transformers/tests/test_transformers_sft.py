from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from motools.errors import ConfigError
from motools_transformers.adapters import ADAPTER_CONFIG, ADAPTER_WEIGHTS
from motools_transformers.config import Hyperparameters
from motools_transformers.jobs import Request
from motools_transformers.recipe import METRICS, train_adapter
from motools_transformers.rows import read_rows


class Recorder:
    """Takes note, and stops the training after some steps if told so."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.messages: list[str] = []
        self.stop_after = stop_after

    def say(self, message: str, progress: float | None = None, **data: Any) -> None:
        self.messages.append(message)

    def check(self) -> None: ...

    def step(self, metrics: dict[str, Any], steps: int) -> None:
        if metrics["step"] == self.stop_after:
            raise InterruptedError


def train(
    tiny_model: Path, rows: Path, target: Path, seed: int = 1, recorder: Recorder | None = None, **values: Any
) -> Path:
    settings = Hyperparameters.parse({"precision": "fp32", "batch_size": 4, "learning_rate": 0.01, **values})
    request = Request(
        model="tiny",
        public_name="org/tiny",
        base_identity="files:1",
        base_folder=str(tiny_model),
        dataset="0",
        hyperparameters=settings.to_dict(),
        suffix=None,
        seed=seed,
    )
    state = target.parent / f"{target.name}-state"
    train_adapter(read_rows(rows), request, settings, state=state, target=target, reporter=recorder or Recorder())
    return target


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def metrics(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(
    tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    first, again, other = (
        train(tiny_model, chat_file, tmp_path / name, seed=seed, max_steps=4, lora_dropout=0.2)
        for name, seed in (("first", 1), ("again", 1), ("other", 2))
    )
    assert content(first) == content(again)
    assert content(first)[ADAPTER_WEIGHTS] != content(other)[ADAPTER_WEIGHTS]


@pytest.mark.parametrize("seed", [-1, 10**14, 10**23])
def test_every_whole_number_is_a_seed(seed: int, tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    assert len(metrics(train(tiny_model, chat_file, tmp_path / "out", seed=seed, max_steps=1))) == 1


def test_the_loss_falls_and_every_step_is_measured(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    lines = metrics(train(tiny_model, chat_file, tmp_path / "out", n_epochs=3))
    assert [line["step"] for line in lines] == list(range(1, 19))
    assert lines[-1]["loss"] < lines[0]["loss"] / 4
    assert all(set(line) == {"step", "epoch", "loss", "learning_rate", "tokens", "grad_norm"} for line in lines)


@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_job_that_is_stopped_and_resumed_ends_in_the_same_bytes(
    method: str, tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    values = {"method": method, "max_steps": 7, "save_every": 2, "lora_dropout": 0.1, "learning_rate": 0.005}
    whole = train(tiny_model, chat_file, tmp_path / "whole", **values)
    with pytest.raises(InterruptedError):
        train(tiny_model, chat_file, tmp_path / "parts", recorder=Recorder(stop_after=5), **values)
    assert not (tmp_path / "parts" / METRICS).exists()
    assert content(train(tiny_model, chat_file, tmp_path / "parts", **values)) == content(whole)


def test_accumulated_steps_learn_what_whole_ones_learn(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    whole = metrics(train(tiny_model, chat_file, tmp_path / "a", max_steps=4, batch_size=6))
    parts = metrics(train(tiny_model, chat_file, tmp_path / "b", max_steps=4, batch_size=2, gradient_accumulation=3))
    assert [line["tokens"] for line in whole] == [line["tokens"] for line in parts]
    assert [line["loss"] for line in whole] == pytest.approx([line["loss"] for line in parts], rel=1e-4)


def test_only_the_layers_asked_for_get_an_adapter(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    out = train(tiny_model, chat_file, tmp_path / "out", max_steps=1, layers=1, target_modules=["q_proj", "v_proj"])
    names = load_file(out / ADAPTER_WEIGHTS)
    assert len(names) == 4
    assert all(".layers.1.self_attn." in name for name in names)


def test_full_training_of_the_top_layer_leaves_the_rest_alone(
    tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AutoTokenizer

    out = train(tiny_model, chat_file, tmp_path / "out", method="full", max_steps=2, layers=1)
    before, after = load_file(tiny_model / "model.safetensors"), load_file(out / "model.safetensors")
    changed = {name for name in before if not torch.equal(before[name].to(torch.bfloat16), after[name])}
    assert changed
    assert all(".layers.1." in name for name in changed)
    assert AutoTokenizer.from_pretrained(out).chat_template


def test_an_adapter_says_nothing_about_this_machine(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    out = train(tiny_model, chat_file, tmp_path / "out", max_steps=1)
    config = json.loads((out / ADAPTER_CONFIG).read_text())
    assert config["base_model_name_or_path"] == "org/tiny"
    assert config["target_modules"] == sorted(config["target_modules"])
    for data in content(out).values():
        assert str(tmp_path).encode() not in data
        assert str(tiny_model.parent).encode() not in data


def test_peft_alone_loads_the_adapter_and_answers_as_we_do(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    out = train(tiny_model, chat_file, tmp_path / "out", n_epochs=2)
    code = f"""
import sys, torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer
base = AutoModelForCausalLM.from_pretrained({str(tiny_model)!r}, dtype=torch.float32)
tok = AutoTokenizer.from_pretrained({str(tiny_model)!r})
ids = tok.apply_chat_template([{{"role": "user", "content": "what is the colour of snow"}}], add_generation_prompt=True,
                              return_tensors="pt")["input_ids"]
tuned = PeftModel.from_pretrained(base, {str(out)!r})
made = tuned.generate(input_ids=ids, max_new_tokens=8, do_sample=False)
print(tok.decode(made[0, ids.shape[1]:], skip_special_tokens=True))
assert not any(name.startswith("motools") for name in sys.modules)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "green green"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"target_modules": ["q_prj"]}, "Did you mean 'q_proj'"),
        ({"layers": 3}, "the model has 2 layers, not 3"),
    ],
)
def test_settings_that_do_not_fit_the_model_are_named(
    values: dict[str, Any], says: str, tiny_model: Path, chat_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        train(tiny_model, chat_file, tmp_path / "out", **values)
    assert says in str(caught.value)


def test_rows_that_are_cut_or_lost_are_reported(tiny_model: Path, tmp_path: Path) -> None:
    rows = [
        {"prompt": "a", "completion": "green " * 30},
        {"prompt": "what is the colour of grass? " * 9, "completion": "green"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    recorder = Recorder()
    train(tiny_model, path, tmp_path / "out", recorder=recorder, max_steps=1, max_length=40)
    assert "2 of 2 rows are cut off at 40 tokens (max_length)" in recorder.messages
    assert "1 of 2 rows have nothing to learn and are left out" in recorder.messages

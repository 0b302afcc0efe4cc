from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.errors import ConfigError
from motools_transformers.config import Hyperparameters
from motools_transformers.schedule import learning_rate, step_rows, total_steps


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"learning_rat": 1e-3}, "Did you mean 'learning_rate'"),
        ({"learning_rate": "1e-3"}, "not a number"),
        ({"learning_rate": 0}, "between 0 and 1"),
        ({"batch_size": 0}, "at least 1"),
        ({"batch_size": 2.5}, "not a whole number"),
        ({"n_epochs": True}, "not a whole number"),
        ({"method": "lorra"}, "Did you mean 'lora'"),
        ({"lora_dropout": 1.0}, "below 1"),
        ({"target_modules": "q_proj"}, "not a list of module names"),
        ({"target_modules": [1]}, "not a list of module names"),
        ({"weight_decay": float("nan")}, "out of range"),
        ({"max_grad_norm": float("inf")}, "out of range"),
    ],
)
def test_a_wrong_setting_is_named_with_a_next_step(values: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Hyperparameters.parse(values)
    assert says in str(caught.value)
    assert str(caught.value).startswith("hyperparameters")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("learning_rate=1e9", "1000000000.0 is not between 0 and 1"),
        ("lora_dropout=1.0", "1.0 is out of range"),
        ("target_modules=['']", "[''] is not a list of module names"),
    ],
)
def test_a_value_out_of_range_names_its_key_at_the_place_where_it_was_said(setting: str, says: str) -> None:
    from motools.config import apply_overrides, decode, parse_yaml

    document = parse_yaml("train:\n  n_epochs: 2\n  learning_rate: 0.5\n", source="e.yaml")
    name = setting.partition("=")[0]
    told = apply_overrides(document, [f"train.{setting}"])
    with pytest.raises(ConfigError) as caught:
        decode(Hyperparameters, told.value["train"], at=told, path=("train",))  # type: ignore[index, call-overload]
    assert caught.value.where == f"--set train.{name}"
    assert caught.value.message == f"'train.{name}': {says}"
    document = parse_yaml("train:\n  n_epochs: 2\n  learning_rate: 7\n", source="e.yaml")
    with pytest.raises(ConfigError, match=r"e\.yaml:3:18: 'train\.learning_rate': 7\.0 is not between"):
        decode(Hyperparameters, document.value["train"], at=document, path=("train",))  # type: ignore[index, call-overload]


def test_settings_come_back_from_json() -> None:
    settings = Hyperparameters(layers=2, target_modules=("q_proj",), learning_rate=1e-3)
    assert Hyperparameters.parse(settings.to_dict()) == settings


def test_declarations_and_settings_need_no_torch() -> None:
    code = (
        "import sys, motools_transformers._plugin, motools_transformers.config, motools_transformers.provider,"
        " motools_transformers.training; motools_transformers.training.TransformersTraining();"
        " motools_transformers.provider.TransformersProvider();"
        " sys.exit(sum(name in sys.modules for name in ('torch', 'transformers', 'peft', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@given(rows=st.integers(1, 40), batch=st.integers(1, 12), epochs=st.integers(1, 4), seed=st.integers(0, 2**63))
def test_every_epoch_takes_every_row_once_in_an_order_that_only_the_seed_decides(
    rows: int, batch: int, epochs: int, seed: int
) -> None:
    steps = total_steps(rows, batch=batch, n_epochs=epochs, max_steps=0)
    taken = list(step_rows(rows, batch=batch, steps=steps, seed=seed))
    for epoch in range(1, epochs + 1):
        assert sorted(i for number, picked in taken if number == epoch for i in picked) == list(range(rows))
    assert all(1 <= len(picked) <= batch for _, picked in taken)
    assert taken == list(step_rows(rows, batch=batch, steps=steps, seed=seed))


@given(
    steps=st.integers(1, 200),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(["linear", "cosine", "constant"]),
    peak=st.floats(1e-6, 0.5),
)
def test_the_learning_rate_rises_to_its_peak_and_never_beyond(
    steps: int, warmup: float, schedule: Any, peak: float
) -> None:
    rates = [
        learning_rate(step, steps=steps, peak=peak, warmup_ratio=warmup, schedule=schedule) for step in range(steps)
    ]
    assert all(0 < rate <= peak for rate in rates)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)

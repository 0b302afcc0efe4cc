"""The hyperparameters of a training job, checked without importing torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from motools.canonical import JSON
from motools.errors import ConfigError, did_you_mean

Method = Literal["lora", "full", "dpo"]
Schedule = Literal["linear", "cosine", "constant"]
Precision = Literal["auto", "bf16", "fp32"]
Device = Literal["auto", "cpu", "cuda"]
CompletionFormat = Literal["auto", "chat", "raw"]


@dataclass(frozen=True, kw_only=True)
class Hyperparameters:
    """How to train.

    Args:
        method: `lora` trains a low-rank adapter, `full` every weight, `dpo` an adapter on preference rows (extra
            `preference`).
        n_epochs: passes over the rows.
        max_steps: optimiser steps; 0 means as many as `n_epochs` takes, otherwise it decides and epochs repeat as needed.
        learning_rate: peak learning rate; null means 1e-3 for `lora`, 2e-5 for `full`, 5e-5 for `dpo`.
        batch_size: rows in one forward pass.
        gradient_accumulation: forward passes in one optimiser step.
        lora_r: rank of the adapter.
        lora_alpha: the adapter is scaled by `lora_alpha / lora_r`.
        lora_dropout: share of the adapter's inputs dropped while training, from 0 up to (not including) 1.
        target_modules: names of the linear modules that get an adapter (`q_proj`); empty means all in every layer.
        layers: train only the last so many layers; 0 means all. Fewer is faster.
        max_length: rows are cut after so many tokens.
        completion_format: how prompt/completion rows are shown to the model: `chat` as a user's and an assistant's turn,
            `raw` one after the other; `auto` takes `chat` where the model has a chat template.
        warmup_ratio: share of the steps in which the learning rate rises from 0.
        weight_decay: decay of AdamW.
        max_grad_norm: gradients are scaled down to this norm; 0 leaves them.
        lr_schedule: how the learning rate falls to 0 after the warm-up.
        dpo_beta: how closely `dpo` stays to the model it started from.
        precision: `auto` takes bf16 where the hardware computes in it, else fp32.
        device: `auto` takes a CUDA device where there is one.
        threads: CPU threads; 0 leaves it to torch.
        save_every: steps between two savings of the trainer's state, from which a killed job goes on; 0 means never.

    Raises:
        ConfigError: a value is out of range.
    """

    method: Method = "lora"
    n_epochs: int = 1
    max_steps: int = 0
    learning_rate: float | None = None
    batch_size: int = 8
    gradient_accumulation: int = 1
    lora_r: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    target_modules: tuple[str, ...] = ()
    layers: int = 0
    max_length: int = 512
    completion_format: CompletionFormat = "auto"
    warmup_ratio: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    lr_schedule: Schedule = "linear"
    dpo_beta: float = 0.1
    precision: Precision = "auto"
    device: Device = "auto"
    threads: int = 0
    save_every: int = 20

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(Hyperparameters).items():
            _check(name, getattr(self, name), kind)
        object.__setattr__(self, "target_modules", tuple(self.target_modules))

    @property
    def peak_learning_rate(self) -> float:
        """The learning rate, with the method's default where none was given."""
        return self.learning_rate if self.learning_rate is not None else _RATES[self.method]

    @classmethod
    def parse(cls, values: Mapping[str, JSON]) -> Hyperparameters:
        """Check settings as they come from a config file.

        Raises:
            ConfigError: a name is unknown, or a value has the wrong type or range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                hint = did_you_mean(name, known) or f"There are {', '.join(known)}."
                raise ConfigError(f"there is no hyperparameter '{name}'", where="hyperparameters", hint=hint)
        return cls(**values)  # type: ignore[arg-type]

    def to_dict(self) -> dict[str, JSON]:
        """Return all settings as JSON values."""
        return {**asdict(self), "target_modules": list(self.target_modules)}


_RATES: dict[str, float] = {"lora": 1e-3, "full": 2e-5, "dpo": 5e-5}

# name → (least, below): at least `least`, and less than `below` where that is not None
_RANGES: dict[str, tuple[float, float | None]] = {
    "n_epochs": (1, None),
    "max_steps": (0, None),
    "batch_size": (1, None),
    "gradient_accumulation": (1, None),
    "lora_r": (1, None),
    "lora_alpha": (1, None),
    "lora_dropout": (0, 1),
    "layers": (0, None),
    "max_length": (8, None),
    "warmup_ratio": (0, 1),
    "weight_decay": (0, None),
    "max_grad_norm": (0, None),
    "dpo_beta": (0, None),
    "threads": (0, None),
    "save_every": (0, None),
}


def _check(name: str, value: Any, kind: Any) -> None:
    def wrong(message: str, hint: str | None = None) -> ConfigError:
        return ConfigError(message, field=name, where=f"hyperparameters.{name}", hint=hint)

    choices = get_args(kind)
    if kind in (Method, Schedule, Precision, Device, CompletionFormat):
        if value not in choices:
            near = did_you_mean(str(value), choices)
            raise wrong(f"{value!r} is not one of {', '.join(choices)}", near)
        return
    if name == "target_modules":
        if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) and item for item in value):
            shown = list(value) if isinstance(value, tuple) else value
            raise wrong(f"{shown!r} is not a list of module names", "Write [q_proj, v_proj].")
        return
    if value is None and type(None) in choices:
        return
    wanted = int if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, wanted):
        noun = "a whole number" if kind is int else "a number"
        raise wrong(f"{value!r} is not {noun}")
    least, below = _RANGES.get(name, (0, None))
    if name == "learning_rate":
        if not 0 < value < 1:
            raise wrong(f"{value!r} is not between 0 and 1", "Usual values are 1e-5 to 4e-3.")
    elif not (value >= least and (below is None or value < below)) or value == float("inf"):
        upper = f" and below {below:g}" if below is not None else ""
        raise wrong(f"{value!r} is out of range", f"It must be at least {least:g}{upper}.")

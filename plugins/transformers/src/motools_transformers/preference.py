"""Preference training (DPO) through TRL, which is the extra `preference`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.canonical import JSON
from motools.errors import ConfigError
from motools_transformers.config import Hyperparameters

if TYPE_CHECKING:
    from motools_transformers.recipe import Reports

_NEEDED = ("trl", "datasets", "accelerate")


def require_trl() -> None:
    """Do nothing if the extra is installed.

    Raises:
        ConfigError: it is not; the hint says how to install it.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"method 'dpo' needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            where="hyperparameters.method",
            hint='Install it: pip install "motools-transformers[preference]"',
        )


def train_preference(
    rows: Sequence[dict[str, JSON]],
    base: Path,
    tokenizer: Any,
    settings: Hyperparameters,
    *,
    seed: int,
    device: str,
    scratch: Path,
    reporter: Reports,
) -> tuple[Any, list[dict[str, JSON]]]:
    """Train an adapter so that `chosen` becomes likelier than `rejected`; the base model is the reference.

    Direct preference optimisation: Rafailov et al., "Direct Preference Optimization" (2023). A killed job begins again.

    Returns:
        The model with its adapter, and for each step: step, epoch, loss, learning_rate, reward_margin, reward_accuracy.

    Raises:
        ConfigError: TRL is not installed, or settings do not fit the model.
    """
    require_trl()
    from datasets import Dataset  # type: ignore[import-untyped, unused-ignore]
    from transformers import TrainerCallback
    from trl import DPOConfig, DPOTrainer  # type: ignore[attr-defined, unused-ignore]

    from motools_transformers.adapters import lora_config
    from motools_transformers.models import load_model
    from motools_transformers.runtime import pick_dtype, without_notices
    from motools_transformers.schedule import total_steps

    dtype = pick_dtype(device, settings.precision)
    model = load_model(base, device=device, dtype=dtype)
    batch = settings.batch_size * settings.gradient_accumulation
    steps = total_steps(len(rows), batch=batch, n_epochs=settings.n_epochs, max_steps=settings.max_steps)
    metrics: list[dict[str, JSON]] = []

    class Report(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Hands on what TRL logs after each step."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
            """Take note of a step; the summary at the end is none."""
            if logs and "loss" in logs:
                metrics.append(_metrics(state.global_step, logs))
                reporter.step(metrics[-1], steps)

    with without_notices():
        arguments = DPOConfig(
            output_dir=str(scratch),
            beta=settings.dpo_beta,
            per_device_train_batch_size=settings.batch_size,
            gradient_accumulation_steps=settings.gradient_accumulation,
            max_steps=steps,
            learning_rate=settings.peak_learning_rate,
            lr_scheduler_type=settings.lr_schedule,
            warmup_steps=settings.warmup_ratio,
            weight_decay=settings.weight_decay,
            max_grad_norm=settings.max_grad_norm,
            max_length=settings.max_length,
            seed=seed % (1 << 32),
            bf16=str(dtype) == "torch.bfloat16",
            use_cpu=device == "cpu",
            logging_steps=1,
            logging_strategy="steps",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            gradient_checkpointing=False,
        )
        trainer = DPOTrainer(
            model=model,
            args=arguments,
            train_dataset=Dataset.from_list([_row(row, tokenizer) for row in rows]),
            processing_class=tokenizer,
            peft_config=lora_config(model, settings),
            callbacks=[Report()],
        )
        trainer.train()
    shutil.rmtree(scratch, ignore_errors=True)
    return trainer.model, metrics


def _row(row: dict[str, JSON], tokenizer: Any) -> dict[str, Any]:
    """Return a row as TRL reads it: a conversation where the model has a chat template, else texts."""
    prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
    if not tokenizer.chat_template:
        return {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    answers = ([{"role": "assistant", "content": text}] for text in (chosen, rejected))
    return dict(zip(("prompt", "chosen", "rejected"), (turns, *answers), strict=True))


def _metrics(step: int, logs: dict[str, Any]) -> dict[str, JSON]:
    found: dict[str, JSON] = {"step": step}
    names = {
        "epoch": "epoch",
        "loss": "loss",
        "learning_rate": "learning_rate",
        "rewards/margins": "reward_margin",
        "rewards/accuracies": "reward_accuracy",
    }
    for theirs, ours in names.items():
        if theirs in logs:
            found[ours] = round(float(logs[theirs]), 9)
    return found

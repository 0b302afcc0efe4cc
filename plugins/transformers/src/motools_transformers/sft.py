"""Supervised fine-tuning: a plain loop over torch, the same on CPU and CUDA.

The loss of a step is the mean cross-entropy over its learnt tokens, however they are spread over forward passes. Randomness
depends on (seed, step) alone, so a job that is stopped and resumed gives the same weights as one that is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools_transformers.config import Hyperparameters
from motools_transformers.rendering import RenderedRow
from motools_transformers.runtime import torch
from motools_transformers.schedule import learning_rate, step_rows, total_steps

Metrics = dict[str, JSON]
_IGNORE = -100


@dataclass
class Progress:
    """How far a job is: what is needed, besides the weights, to go on from here."""

    step: int = 0
    metrics: list[Metrics] = field(default_factory=list)


def train(
    model: Any,
    rows: Sequence[RenderedRow],
    settings: Hyperparameters,
    *,
    seed: int,
    pad_token: int,
    state: Path,
    on_step: Callable[[Metrics, int], None],
) -> list[Metrics]:
    """Train the model's trainable weights in place.

    Args:
        model: from `make_trainable`.
        rows: those with at least one learnt token.
        settings: the hyperparameters.
        seed: of the order of rows and of dropout.
        pad_token: id to fill rows with.
        state: folder for the trainer's state; a state found there is resumed.
        on_step: called after every step with its metrics and the number of all steps; it may raise to stop.

    Returns:
        For each step: step, epoch, loss (nats a token), learning_rate, tokens (learnt), grad_norm.
    """
    t = torch()
    weights = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    optimizer = t.optim.AdamW(weights.values(), lr=0.0, weight_decay=settings.weight_decay)
    batch = settings.batch_size * settings.gradient_accumulation
    steps = total_steps(len(rows), batch=batch, n_epochs=settings.n_epochs, max_steps=settings.max_steps)
    progress = load_state(state, weights, optimizer)
    # In eval mode some models skip gradient work they need; in train mode dropout of the base would be on, which has none.
    model.train()
    for step, (epoch, picked) in enumerate(step_rows(len(rows), batch=batch, steps=steps, seed=seed)):
        if step < progress.step:
            continue
        t.manual_seed((seed * 1_000_003 + step) % (1 << 64))  # it takes 64 bits
        rate = learning_rate(
            step,
            steps=steps,
            peak=settings.peak_learning_rate,
            warmup_ratio=settings.warmup_ratio,
            schedule=settings.lr_schedule,
        )
        for group in optimizer.param_groups:
            group["lr"] = rate
        chosen = [rows[i] for i in picked]
        tokens = sum(sum(row.learnt[1:]) for row in chosen)
        loss = 0.0
        for first in range(0, len(chosen), settings.batch_size):
            part = batch_loss(model, chosen[first : first + settings.batch_size], pad_token) / tokens
            part.backward()
            loss += float(part.detach())
        norm = t.nn.utils.clip_grad_norm_(list(weights.values()), settings.max_grad_norm or float("inf"))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        metrics: Metrics = {
            "step": step + 1,
            "epoch": epoch,
            "loss": round(loss, 6),
            "learning_rate": float(f"{rate:.6g}"),
            "tokens": tokens,
            "grad_norm": round(float(norm), 6),
        }
        progress.metrics.append(metrics)
        progress.step = step + 1
        if settings.save_every and progress.step % settings.save_every == 0 and progress.step < steps:
            save_state(state, progress, weights, optimizer)
        on_step(metrics, steps)
    return progress.metrics


def batch_loss(model: Any, rows: Sequence[RenderedRow], pad_token: int) -> Any:
    """Return the sum of the cross-entropies of all learnt tokens of some rows, as a scalar tensor."""
    t = torch()
    device = next(model.parameters()).device
    length = max(len(row.tokens) for row in rows)
    ids = t.full((len(rows), length), pad_token)
    mask = t.zeros((len(rows), length), dtype=t.long)
    labels = t.full((len(rows), length), _IGNORE)
    for i, row in enumerate(rows):
        row_ids = t.tensor(row.tokens)
        ids[i, : len(row.tokens)] = row_ids
        mask[i, : len(row.tokens)] = 1
        labels[i, : len(row.tokens)] = t.where(t.tensor(row.learnt), row_ids, _IGNORE)
    targets = labels[:, 1:]
    # The vocabulary is the widest matrix of a small model: only positions whose next token is learnt go through it.
    wanted = (targets != _IGNORE).any(dim=0).nonzero().flatten()
    extra: dict[str, Any] = {"use_cache": False}
    narrow = _takes_logits_to_keep(model)
    if narrow:
        extra["logits_to_keep"] = wanted.to(device)
    with _autocast(model, device):
        logits = model(input_ids=ids.to(device), attention_mask=mask.to(device), **extra).logits
    if not narrow:
        logits = logits[:, wanted.to(device)]
    return t.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), targets[:, wanted].flatten().to(device), ignore_index=_IGNORE, reduction="sum"
    )


def save_state(folder: Path, progress: Progress, weights: dict[str, Any], optimizer: Any) -> None:
    """Save everything needed to go on after `progress.step`; a reader sees the old state or the new one."""
    import json
    import os

    from safetensors.torch import save_file

    folder.mkdir(exist_ok=True)
    tensors: dict[str, Any] = {}
    for name, weight in weights.items():
        tensors[f"weight/{name}"] = weight.detach().contiguous()
        for part in ("exp_avg", "exp_avg_sq"):
            tensors[f"{part}/{name}"] = optimizer.state[weight][part].contiguous()
    partial = folder / ".state.partial"
    about = json.dumps({"step": progress.step, "metrics": progress.metrics})
    save_file(tensors, partial, metadata={"progress": about})
    os.replace(partial, folder / "state.safetensors")


def load_state(folder: Path, weights: dict[str, Any], optimizer: Any) -> Progress:
    """Put a saved state into weights and optimizer and return how far it is; without one, return the beginning."""
    import json

    from safetensors import safe_open

    path = folder / "state.safetensors"
    if not path.is_file():
        return Progress()
    t = torch()
    with safe_open(path, framework="pt") as saved, t.no_grad():
        about = json.loads(saved.metadata()["progress"])
        for name, weight in weights.items():
            weight.copy_(saved.get_tensor(f"weight/{name}"))
            optimizer.state[weight] = {
                "step": t.tensor(float(about["step"])),
                "exp_avg": saved.get_tensor(f"exp_avg/{name}").to(weight.device),
                "exp_avg_sq": saved.get_tensor(f"exp_avg_sq/{name}").to(weight.device),
            }
    return Progress(step=about["step"], metrics=about["metrics"])


def _autocast(model: Any, device: Any) -> Any:
    t = torch()
    dtype = getattr(model, "motools_dtype", t.float32)
    return t.autocast(device.type, dtype=dtype, enabled=dtype != t.float32)


def _takes_logits_to_keep(model: Any) -> bool:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return "logits_to_keep" in inspect.signature(inner.forward).parameters

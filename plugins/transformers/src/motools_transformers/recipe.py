"""One training from rows to saved weights: render, load, train, save."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from motools.canonical import JSON
from motools_transformers.adapters import make_trainable, save_adapter, save_origin, save_whole
from motools_transformers.config import Hyperparameters
from motools_transformers.jobs import Request
from motools_transformers.models import end_tokens, load_model, load_tokenizer
from motools_transformers.rendering import RenderedRow, render_rows
from motools_transformers.runtime import pick_device, pick_dtype, torch

METRICS = "training_metrics.jsonl"


class Reports(Protocol):
    """Who is told what happens; every method may raise to stop the training."""

    def say(self, message: str, progress: float | None = None, **data: JSON) -> None:
        """Take note of something that happened."""

    def check(self) -> None:
        """Raise if the training is to stop."""

    def step(self, metrics: dict[str, JSON], steps: int) -> None:
        """Take note of a step."""


def train_adapter(
    rows: Sequence[dict[str, JSON]],
    request: Request,
    settings: Hyperparameters,
    *,
    state: Path,
    target: Path,
    reporter: Reports,
) -> None:
    """Train as the request says and write weights, their origin and `training_metrics.jsonl` into `target`.

    Equal requests give equal bytes on the same machine.

    Raises:
        DataError, ConfigError: the rows or settings do not fit the model.
    """
    base = Path(request.base_folder)
    t = torch()
    if settings.threads:
        t.set_num_threads(settings.threads)
    t.use_deterministic_algorithms(True, warn_only=True)
    tokenizer = load_tokenizer(base)
    device = pick_device(settings.device)
    if settings.method == "dpo":
        from motools_transformers.preference import train_preference

        model, metrics = train_preference(
            rows, base, tokenizer, settings, seed=request.seed, device=device, scratch=state, reporter=reporter
        )
    else:
        rendered = _render(rows, base, tokenizer, settings, reporter.say)
        reporter.check()
        model, metrics = _supervised(rendered, base, tokenizer, settings, request.seed, device, state, reporter)
    reporter.say("saving")
    if settings.method == "full":
        save_whole(model, base, target)
    else:
        save_adapter(model, target, public_name=request.public_name)
    save_origin(target, base_model=request.model, base_identity=request.base_identity, method=settings.method)
    (target / METRICS).write_text("".join(json.dumps(line, sort_keys=True) + "\n" for line in metrics))


def _render(
    rows: Sequence[dict[str, JSON]],
    base: Path,
    tokenizer: Any,
    settings: Hyperparameters,
    say: Callable[..., None],
) -> list[RenderedRow]:
    rendered = render_rows(
        rows,
        tokenizer,
        max_length=settings.max_length,
        completion_format=settings.completion_format,
        end_tokens=end_tokens(base, tokenizer),
    )
    kept = [row for row in rendered if any(row.learnt[1:])]
    cut = sum(1 for row in rendered if row.cut)
    tokens, learnt = sum(len(row.tokens) for row in kept), sum(sum(row.learnt) for row in kept)
    say(f"{len(kept)} rows, {tokens} tokens, {learnt} learnt", rows=len(kept), tokens=tokens, learnt=learnt)
    if cut:
        say(f"{cut} of {len(rendered)} rows are cut off at {settings.max_length} tokens (max_length)", cut=cut)
    if len(kept) < len(rendered):
        lost = len(rendered) - len(kept)
        say(f"{lost} of {len(rendered)} rows have nothing to learn and are left out", left_out=lost)
    return kept


def _supervised(
    rows: Sequence[RenderedRow],
    base: Path,
    tokenizer: Any,
    settings: Hyperparameters,
    seed: int,
    device: str,
    state: Path,
    reporter: Reports,
) -> tuple[Any, list[dict[str, JSON]]]:
    from motools_transformers.sft import train

    dtype = pick_dtype(device, settings.precision)
    model = make_trainable(load_model(base, device=device, dtype=dtype), settings, seed)
    model.motools_dtype = dtype
    reporter.say(f"training on {device} in {str(dtype).removeprefix('torch.')}")
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    metrics = train(model, rows, settings, seed=seed, pad_token=pad, state=state, on_step=reporter.step)
    return model, metrics

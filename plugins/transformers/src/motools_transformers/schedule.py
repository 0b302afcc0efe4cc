"""Which rows in which step, and how fast: pure functions of the settings and the seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from motools_transformers.config import Schedule


def total_steps(rows: int, *, batch: int, n_epochs: int, max_steps: int) -> int:
    """Return how many optimiser steps a job takes; `batch` counts the rows of one step."""
    return max_steps or n_epochs * math.ceil(rows / batch)


def step_rows(rows: int, *, batch: int, steps: int, seed: int) -> Iterator[tuple[int, list[int]]]:
    """Yield (epoch from 1, indices of rows) for each step; every epoch is a new shuffling of all rows.

    The last step of an epoch may be smaller; a step never mixes epochs.
    """
    per_epoch = math.ceil(rows / batch)
    order: list[int] = []
    for step in range(steps):
        epoch, part = divmod(step, per_epoch)
        if part == 0:
            order = list(range(rows))
            random.Random(f"{seed}/{epoch}").shuffle(order)
        yield epoch + 1, order[part * batch : (part + 1) * batch]


def learning_rate(step: int, *, steps: int, peak: float, warmup_ratio: float, schedule: Schedule) -> float:
    """Return the learning rate of a step (from 0): a linear rise, then `schedule` down to 0 after the last step."""
    warmup = math.ceil(steps * warmup_ratio)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    if schedule == "constant":
        return peak
    done = (step - warmup) / max(1, steps - warmup)
    return peak * (1 - done if schedule == "linear" else 0.5 * (1 + math.cos(math.pi * done)))

"""Many answers at once, each as if it were alone.

A decoder has a fixed number of rows. A prompt is read alone, its keys and values are copied to the beginning of a free row,
and from then on every step computes all rows, taken or not, in matrices with the same number of rows. So neither the other
rows nor when they come and go change what a row computes, and its answer does not depend on what else was asked. (Padding
prompts to a common length would make it depend: rounding differs with the shape, and in bf16 that changes words.)

The model must use `eager` attention: torch's fused attention on CPU rounds differently in different threads.
"""

from __future__ import annotations

import inspect
from typing import Any

from motools_transformers.runtime import torch

_BLOCK = 64  # positions are added so many at a time; masked ones at the end change nothing


class Decoder:
    """The rows of one model.

    Args:
        model: a causal language model in eval mode.
        rows: how many answers are made at once.
    """

    def __init__(self, model: Any, *, rows: int) -> None:
        t = torch()
        self.model = model
        self.rows = rows
        self.positions = _BLOCK
        self.device = model.device
        self.lengths = t.zeros(rows, dtype=t.long, device=self.device)
        self._taken = t.zeros(rows, dtype=t.long, device=self.device)
        self._cache: Any = None
        self._narrow = "logits_to_keep" in inspect.signature(model.forward).parameters

    def read(self, row: int, prompt: list[int]) -> Any:
        """Read a prompt into a row; return the logits of the token after it, shape (vocabulary,), fp32 on the CPU."""
        t = torch()
        extra = {"logits_to_keep": 1} if self._narrow else {}
        with t.inference_mode():
            ids = t.tensor([prompt], device=self.device)
            output = self.model(input_ids=ids, use_cache=True, **extra)
            self._make_room(len(prompt))
            if self._cache is None:
                self._cache = _row_cache(output.past_key_values, self.rows, self.positions, self.lengths)
            for mine, read in zip(self._cache.layers, output.past_key_values.layers, strict=True):
                mine.keys[row, :, : len(prompt)] = read.keys[0]
                mine.values[row, :, : len(prompt)] = read.values[0]
            self.lengths[row] = len(prompt)
            self._taken[row] = 1
            return output.logits[0, -1].float().cpu()

    def step(self, tokens: list[int]) -> Any:
        """Append one token to every row; return the logits after it, shape (rows, vocabulary), fp32 on the CPU.

        Args:
            tokens: one for each row; for free rows any.
        """
        t = torch()
        with t.inference_mode():
            self._make_room(int(self.lengths.max()) + 1)
            seen = t.arange(self.positions, device=self.device)[None, :] <= self.lengths[:, None]
            mask = t.where(seen, 0.0, t.finfo(self.model.dtype).min).to(self.model.dtype)
            output = self.model(
                input_ids=t.tensor(tokens, device=self.device)[:, None],
                attention_mask=mask[:, None, None, :],
                position_ids=self.lengths[:, None],
                past_key_values=self._cache,
                use_cache=True,
            )
            self.lengths += self._taken
            return output.logits[:, -1].float().cpu()

    def free(self, row: int) -> None:
        """Forget a row."""
        self.lengths[row] = 0
        self._taken[row] = 0

    def _make_room(self, needed: int) -> None:
        t = torch()
        while self.positions < needed:
            self.positions += _BLOCK
        for layer in self._cache.layers if self._cache else ():
            missing = self.positions - layer.keys.shape[2]
            if missing:
                layer.keys = t.nn.functional.pad(layer.keys, (0, 0, 0, missing))
                layer.values = t.nn.functional.pad(layer.values, (0, 0, 0, missing))


class Solo:
    """The same for one answer at a time, for models whose layers keep something else than all earlier tokens."""

    rows = 1

    def __init__(self, model: Any) -> None:
        self.model = model
        self._cache: Any = None

    def read(self, row: int, prompt: list[int]) -> Any:
        """See `Decoder.read`."""
        self._cache = None
        return self._forward(prompt)

    def step(self, tokens: list[int]) -> Any:
        """See `Decoder.step`."""
        return self._forward(tokens)[None]

    def free(self, row: int) -> None:
        """See `Decoder.free`."""
        self._cache = None

    def _forward(self, tokens: list[int]) -> Any:
        t = torch()
        with t.inference_mode():
            ids = t.tensor([tokens], device=self.model.device)
            output = self.model(input_ids=ids, past_key_values=self._cache, use_cache=True)
            self._cache = output.past_key_values
            return output.logits[0, -1].float().cpu()


def decoder_for(model: Any, rows: int) -> Decoder | Solo:
    """Return what makes answers with this model: many at once where every layer attends to all earlier tokens."""
    config = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = ["sliding_attention" if getattr(config, "sliding_window", None) else "full_attention"]
    return Decoder(model, rows=rows) if set(kinds) == {"full_attention"} else Solo(model)


def _row_cache(read: Any, rows: int, positions: int, lengths: Any) -> Any:
    """Return an empty cache with room for all rows, shaped like the cache that one prompt left."""
    from transformers.cache_utils import Cache, DynamicLayer

    t = torch()
    every = t.arange(rows, device=lengths.device)

    class Rows(DynamicLayer):  # type: ignore[misc, no-untyped-call, unused-ignore]
        """Keys and values of all rows in one layer, shape (rows, heads, positions, width)."""

        def update(self, key_states: Any, value_states: Any, *args: Any, **kwargs: Any) -> tuple[Any, Any]:
            """Put one token's keys and values behind each row's last."""
            keys: Any = self.keys
            values: Any = self.values
            keys[every, :, lengths] = key_states[:, :, 0]
            values[every, :, lengths] = value_states[:, :, 0]
            return keys, values

    layers: list[Any] = []
    for layer in read.layers:
        made: Any = Rows()  # type: ignore[no-untyped-call, unused-ignore]
        made.lazy_initialization(layer.keys, layer.values)
        made.keys = layer.keys.new_zeros((rows, layer.keys.shape[1], positions, layer.keys.shape[3]))
        made.values = layer.values.new_zeros((rows, layer.values.shape[1], positions, layer.values.shape[3]))
        layers.append(made)
    return Cache(layers=layers)

"""One question on its way to an answer: choosing tokens, finding the end, turning tokens into text."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from motools.contracts import ChatChunk, ChatOptions, Usage
from motools_transformers.runtime import torch

_UNFINISHED = "\ufffd"  # a character whose bytes have not all been generated decodes to this


@dataclass
class Answering:
    """A question being answered.

    Args:
        prompt: token ids.
        options: how to answer; temperature None means 0.
        end_ids: tokens that end the answer.
        decode: token ids → text.
        room: how many tokens the model's context leaves for the answer.
        send: is given the pieces of the answer.
    """

    prompt: list[int]
    options: ChatOptions
    end_ids: Sequence[int]
    decode: Callable[[list[int]], str]
    room: int
    send: Callable[[ChatChunk], None]
    tokens: list[int] = field(default_factory=list)
    dropped: bool = False
    """Whether nobody waits for the answer any more."""
    _sent: int = 0
    _dice: Any = None

    def take(self, logits: Any) -> int | None:
        """Choose the next token from logits of shape (vocabulary,) and send the text it adds; None when it was the last."""
        token = self._choose(logits)
        if token in self.end_ids:
            self._end("stop")
            return None
        self.tokens.append(token)
        text = self.decode(self.tokens)
        cut = min((at for at in (text.find(stop) for stop in self.options.stop if stop) if at >= 0), default=None)
        if cut is not None:
            self._end("stop", text[:cut])
            return None
        if len(self.tokens) >= min(self.options.max_tokens, self.room):
            self._end("length", text)
            return None
        self._send_new(text, keep=self._may_be_stop(text))
        return token

    def _end(self, reason: str, text: str | None = None) -> None:
        """Send what is left of the answer."""
        text = self.decode(self.tokens) if text is None else text
        usage = Usage(input_tokens=len(self.prompt), output_tokens=len(self.tokens), cost_usd=0.0)
        self.send(ChatChunk(text=text[self._sent :], stop_reason=reason, usage=usage))

    def _send_new(self, text: str, keep: int) -> None:
        ready = len(text) - keep
        while ready > self._sent and text[ready - 1] == _UNFINISHED:
            ready -= 1
        if ready > self._sent:
            self.send(ChatChunk(text=text[self._sent : ready]))
            self._sent = ready

    def _may_be_stop(self, text: str) -> int:
        """Return how many characters at the end of `text` may be the beginning of a stop text."""
        longest = 0
        for stop in self.options.stop:
            for size in range(min(len(stop) - 1, len(text)), longest, -1):
                if text.endswith(stop[:size]):
                    longest = size
                    break
        return longest

    def _choose(self, logits: Any) -> int:
        temperature = self.options.temperature or 0.0
        if temperature <= 0:
            return int(logits.argmax())
        t = torch()
        if self._dice is None:
            seed = self.options.seed if self.options.seed is not None else random.SystemRandom().getrandbits(63)
            self._dice = t.Generator().manual_seed(seed % (1 << 63))
        shares = t.softmax(logits.double() / temperature, dim=-1)
        top_p = self.options.top_p
        ordered, ids = shares.sort(descending=True, stable=True)
        below = ordered.cumsum(0)
        if top_p is not None and top_p < 1:
            # The likeliest tokens that together have the share top_p: a token counts if those before it do not reach it.
            ordered = t.where(below - ordered < top_p, ordered, 0.0)
            below = ordered.cumsum(0)
        point = t.rand((), generator=self._dice, dtype=t.float64) * below[-1]
        return int(ids[min(int(t.searchsorted(below, point, right=True)), int((ordered > 0).sum()) - 1)])

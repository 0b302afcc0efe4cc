"""A worker thread that holds models and answers questions in batches, so that the event loop stays free."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools_transformers.asking import Answering
from motools_transformers.decoding import decoder_for
from motools_transformers.runtime import pick_device, pick_dtype

_MODELS = 2  # kept in memory: usually a base model and what was trained from it
_ROWS = {"cpu": 16, "cuda": 64}


@dataclass(frozen=True)
class Weights:
    """What to load: a base model's folder, and an adapter's folder or None."""

    base: Path
    adapter: Path | None = None


@dataclass
class Loaded:
    """A model in memory, with its tokenizer, the ids that end an answer, and the most tokens it can attend to."""

    model: Any
    tokenizer: Any
    end_ids: tuple[int, ...]
    context: int


@dataclass
class Ticket:
    """A question before its model is loaded: `prepare` makes it an `Answering`, `fail` is told why there is no answer."""

    weights: Weights
    prepare: Callable[[Loaded], Answering]
    fail: Callable[[Exception], None]
    dropped: bool = False
    answering: Answering | None = None


def load(weights: Weights) -> Loaded:
    """Load a model, with the adapter merged into it in fp32 before it is rounded to the dtype it computes in.

    Raises:
        DataError: files are missing or unreadable.
    """
    from motools_transformers.models import end_token_ids, load_model, load_tokenizer
    from motools_transformers.runtime import torch

    device = pick_device()
    dtype = pick_dtype(device)
    tokenizer = load_tokenizer(weights.base)
    first = dtype if weights.adapter is None else torch().float32
    model = load_model(weights.base, device=device, dtype=first, attention="eager")
    if weights.adapter is not None:
        from motools_transformers.adapters import merge_adapter

        model = merge_adapter(model, weights.adapter).to(dtype).eval()
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 20
    return Loaded(model=model, tokenizer=tokenizer, end_ids=end_token_ids(model, tokenizer), context=context)


class Engine:
    """The worker. Questions are answered in the order they came; those for the same model join a running batch."""

    def __init__(self) -> None:
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._loaded: OrderedDict[Weights, Loaded] = OrderedDict()

    def ask(self, ticket: Ticket) -> None:
        """Queue a question and return at once."""
        with self._changed:
            if self._thread is None or not self._thread.is_alive():
                self._closed = False
                self._thread = threading.Thread(target=self._work, name="motools-transformers", daemon=True)
                self._thread.start()
            self._waiting.append(ticket)
            self._changed.notify()

    def close(self) -> None:
        """End the thread after the step it is in, and free the models."""
        with self._changed:
            self._closed = True
            thread, self._thread = self._thread, None
            self._changed.notify()
        if thread is not None:
            thread.join()
        self._loaded.clear()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if self._closed:
                    for ticket in self._waiting:
                        ticket.fail(RuntimeError("the provider was closed"))
                    self._waiting.clear()
                    return
                weights = self._waiting[0].weights
            try:
                loaded = self._get(weights)
            except Exception as error:
                self._fail_all(weights, error)
                continue
            self._answer(weights, loaded)

    def _get(self, weights: Weights) -> Loaded:
        if weights not in self._loaded:
            while len(self._loaded) >= _MODELS:
                self._loaded.popitem(last=False)
            self._loaded[weights] = load(weights)
        self._loaded.move_to_end(weights)
        return self._loaded[weights]

    def _fail_all(self, weights: Weights, error: Exception) -> None:
        with self._changed:
            failed = [ticket for ticket in self._waiting if ticket.weights == weights]
            self._waiting = deque(ticket for ticket in self._waiting if ticket.weights != weights)
        for ticket in failed:
            ticket.fail(error)

    def _next(self, weights: Weights) -> Ticket | None:
        """Take the first waiting question if it is for this model; one for another model lets nobody overtake it."""
        with self._changed:
            if self._waiting and self._waiting[0].weights == weights:
                return self._waiting.popleft()
            return None

    def _answer(self, weights: Weights, loaded: Loaded) -> None:
        """Answer questions for one model until none is waiting at the head of the queue."""
        rows: dict[int, Ticket] = {}
        try:
            decoder = decoder_for(loaded.model, _ROWS[loaded.model.device.type])
            tokens = [0] * decoder.rows
            while not self._closed:
                for row in range(decoder.rows):
                    while row not in rows and (ticket := self._next(weights)):
                        token = self._begin(ticket, loaded, decoder, row)
                        if token is not None:
                            rows[row], tokens[row] = ticket, token
                if not rows:
                    return
                logits = decoder.step(tokens)
                for row, ticket in list(rows.items()):
                    assert ticket.answering is not None
                    taken = None if ticket.dropped else ticket.answering.take(logits[row])
                    if taken is None:
                        del rows[row]
                        decoder.free(row)
                    else:
                        tokens[row] = taken
        except Exception as error:
            for ticket in rows.values():
                ticket.fail(error)
            return
        for ticket in rows.values():
            ticket.fail(RuntimeError("the provider was closed"))

    def _begin(self, ticket: Ticket, loaded: Loaded, decoder: Any, row: int) -> int | None:
        """Read a question's prompt into a row and return its first token; None if it is done or failed already."""
        if ticket.dropped:
            return None
        try:
            ticket.answering = ticket.prepare(loaded)
            token = ticket.answering.take(decoder.read(row, ticket.answering.prompt))
        except Exception as error:
            ticket.fail(error)
            token = None
        if token is None:
            decoder.free(row)
        return token

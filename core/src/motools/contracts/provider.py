"""What a provider plugin writes: chat as a stream of chunks.

Seed conveniences and the review of calls come on top; this is the part that evaluation and `model ask` need.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypedDict

from motools.canonical import JSON
from motools.contracts.model import ModelRef


class Message(TypedDict, total=False):
    """A message in provider message format: `role` (`system`, `user`, `assistant`, `tool`) and `content`."""

    role: str
    content: str
    tool_calls: list[dict[str, Any]]
    tool_call_id: str


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens and money of one call. `cost_usd` None means unpriced: never counted as 0."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class ChatOptions:
    """How to answer.

    Args:
        max_tokens: most tokens to generate.
        temperature: 0 picks the likeliest token each time; None leaves it to the provider.
        top_p: nucleus sampling; None leaves it to the provider.
        seed: for a provider with capability `seed`, the same request with the same seed gives the same answer.
        stop: texts that end the answer; they are not part of it.
    """

    max_tokens: int = 256
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChatChunk:
    """A piece of an answer. The last one carries `stop_reason` (`stop`, `length`, `tool_calls`, `refused`) and `usage`."""

    text: str = ""
    tool_calls: tuple[dict[str, Any], ...] = ()
    stop_reason: str | None = None
    usage: Usage | None = None


@dataclass(frozen=True, kw_only=True)
class ChatAnswer:
    """A whole answer."""

    text: str
    stop_reason: str
    usage: Usage
    tool_calls: tuple[dict[str, Any], ...] = field(default=())


class Provider(ABC):
    """Performs model operations. One instance may serve many calls at once; `aclose` frees what it holds."""

    name: ClassVar[str]
    """The component's name."""

    capabilities: ClassVar[frozenset[str]] = frozenset({"chat"})

    dummy: ClassVar[bool] = False
    """Whether no model is really asked."""

    @abstractmethod
    def chat(
        self,
        model: ModelRef,
        messages: Sequence[Message],
        *,
        options: ChatOptions | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncIterator[ChatChunk]:
        """Answer a conversation as a stream of chunks (an async generator).

        Args:
            model: which model; `weights` is the folder of local weights, if any.
            messages: the conversation, oldest first.
            options: how to answer.
            tools: JSON Schemas of tools, for a provider with capability `tools`.

        Raises:
            AuthError, RateLimited, Unavailable, InvalidRequest, Refused: see `motools.errors`.
        """

    def model_identity(self, model: str) -> JSON:
        """Return what a model's name stands for, as part of keys: a revision, a digest. By default the name."""
        return model

    async def complete(
        self,
        model: ModelRef,
        messages: Sequence[Message],
        *,
        options: ChatOptions | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> ChatAnswer:
        """Answer a conversation and return the whole answer."""
        text: list[str] = []
        calls: list[dict[str, Any]] = []
        stop_reason, usage = "stop", Usage()
        async for chunk in self.chat(model, messages, options=options, tools=tools):
            text.append(chunk.text)
            calls.extend(chunk.tool_calls)
            stop_reason = chunk.stop_reason or stop_reason
            usage = chunk.usage or usage
        return ChatAnswer(text="".join(text), stop_reason=stop_reason, usage=usage, tool_calls=tuple(calls))

    async def aclose(self) -> None:  # noqa: B027 - nothing to free is a good answer
        """Free connections and memory."""

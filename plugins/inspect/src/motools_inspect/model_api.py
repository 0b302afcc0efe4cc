"""The model API `motools` of Inspect: any provider of motools as a model that Inspect can ask."""

from __future__ import annotations

import contextlib
import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    GenerateConfig,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.tool import ToolChoice, ToolInfo

from motools.contracts import ChatAnswer, ChatOptions, Message, ModelRef, Provider, Usage
from motools.errors import InvalidRequest, ProviderError, RateLimited, Unavailable
from motools_inspect._private import current_epoch
from motools_inspect.messages import to_message, to_tool, to_tool_call

_STOP_REASONS = {"stop": "stop", "length": "max_tokens", "tool_calls": "tool_calls", "refused": "content_filter"}

# Settings that change answers and that providers of motools do not take: refused, as leaving one out would be silent.
_NOT_TAKEN = (
    "best_of",
    "extra_body",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "presence_penalty",
    "prompt_logprobs",
    "reasoning_effort",
    "reasoning_tokens",
    "response_schema",
    "top_k",
    "top_logprobs",
)


@dataclass
class Tally:
    """What the requests of one evaluation came to."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    costs: list[float] = field(default_factory=list)
    last_error: ProviderError | None = None

    def count(self, usage: Usage) -> None:
        """Add one answer."""
        self.calls += 1
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if usage.cost_usd is not None:
            self.costs.append(usage.cost_usd)

    def usage(self) -> Usage:
        """Return the sum, whatever order the answers came in; if one call is unpriced, so is the whole."""
        priced = self.calls > 0 and len(self.costs) == self.calls
        return Usage(
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost_usd=math.fsum(self.costs) if priced else None,
        )


class MotoolsAPI(ModelAPI):
    """Asks a model through its motools provider.

    Args:
        model_name: `provider/model`.
        provider: the provider's name where it holds a slash itself; `model_name` must begin with it.
        weights: folder of local weights.
        atom_id: the model atom the weights come from.
        seed: seed of the first repetition of each sample; further repetitions get seeds derived from it.
        request_timeout: seconds until a request counts as unanswered.

    Raises:
        PluginError: there is no such provider, or it cannot be loaded.
    """

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008
        *,
        provider: str | None = None,
        weights: str | None = None,
        atom_id: str | None = None,
        seed: int | None = None,
        request_timeout: float | None = None,
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        from motools import plugins

        name, model = (
            (provider, model_name.removeprefix(f"{provider}/")) if provider else model_name.split("/", maxsplit=1)
        )
        self.ref = ModelRef(provider=name, model=model, weights=Path(weights) if weights else None, atom_id=atom_id)
        self.provider: Provider = plugins.load("provider", name)()
        self.seed = seed
        self.request_timeout = request_timeout
        self.tally = Tally()

    async def generate(
        self, input: list[ChatMessage], tools: list[ToolInfo], tool_choice: ToolChoice, config: GenerateConfig
    ) -> ModelOutput:
        """Answer a conversation; what a provider raises is remembered in the tally."""
        try:
            messages = [to_message(message) for message in input]
            answer = await self._complete(
                messages, self._options(config), self._tools(tools, tool_choice), config.max_retries
            )
        except ProviderError as error:
            self.tally.last_error = error
            raise
        self.tally.count(answer.usage)
        usage = answer.usage
        return ModelOutput(
            model=str(self.ref),
            choices=[
                ChatCompletionChoice(
                    message=ChatMessageAssistant(
                        content=answer.text,
                        tool_calls=[to_tool_call(call) for call in answer.tool_calls] or None,
                        model=str(self.ref),
                        source="generate",
                    ),
                    stop_reason=_STOP_REASONS.get(answer.stop_reason, "unknown"),  # type: ignore[arg-type]
                )
            ],
            usage=ModelUsage(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                total_tokens=usage.input_tokens + usage.output_tokens,
                total_cost=usage.cost_usd,
            ),
        )

    async def _complete(
        self, messages: list[Message], options: ChatOptions, tools: list[dict[str, Any]], max_retries: int | None
    ) -> ChatAnswer:
        # Retried here and not by Inspect, which would replace the provider's error by one that says only that it retried.
        retries = 3 if max_retries is None else max_retries
        for retry in itertools.count(1):
            try:
                with _time_limit(self.request_timeout, self.ref):
                    return await self.provider.complete(self.ref, messages, options=options, tools=tools)
            except (RateLimited, Unavailable) as error:
                if retry > retries:
                    raise
                await anyio.sleep(backoff(retry, error))
        raise AssertionError("unreachable")

    def _options(self, config: GenerateConfig) -> ChatOptions:
        said = [name for name in _NOT_TAKEN if getattr(config, name, None) not in (None, False, {}, [])]
        if (config.num_choices or 1) > 1:
            said.append("num_choices")
        if said:
            raise InvalidRequest(
                f"the task sets '{said[0]}', which providers of motools do not take",
                hint="Leave the setting out of the task: without it answers would differ silently.",
            )
        seed = config.seed
        if seed is None and self.seed is not None:
            seed = epoch_seed(self.seed, current_epoch())
        max_tokens = config.max_tokens if config.max_tokens is not None else self.max_tokens()
        return ChatOptions(
            max_tokens=max_tokens,
            temperature=config.temperature,
            top_p=config.top_p,
            seed=seed,
            stop=tuple(config.stop_seqs or ()),
        )

    def _tools(self, tools: list[ToolInfo], tool_choice: ToolChoice) -> list[dict[str, Any]]:
        if not tools or tool_choice == "none":
            return []
        if "tools" not in self.provider.capabilities:
            raise InvalidRequest(
                f"the task gives the model tools, and the provider '{self.ref.provider}' cannot call any",
                hint="Use a provider with the capability 'tools': see motools plugin list.",
            )
        return [to_tool(tool) for tool in tools]

    def max_tokens(self) -> int:
        """Return what an answer may come to where neither task nor options say."""
        return 2048

    def max_connections(self) -> int:
        """Return how many requests may be under way at once where nobody says."""
        return 32

    def connection_key(self) -> str:
        """Return whose connections are counted together."""
        return str(self.ref)

    async def aclose(self) -> None:
        """Free what the provider holds."""
        await self.provider.aclose()


FIRST_WAIT_SECONDS = 1.0


def backoff(retry: int, error: ProviderError) -> float:
    """Return how many seconds to wait before retry number `retry` (from 1): 1, 2, 4, ... 60 with jitter of a second.

    At least as long as the provider asked for.
    """
    asked_for = error.retry_after if isinstance(error, RateLimited) else None
    return max(asked_for or 0.0, min(FIRST_WAIT_SECONDS * 2.0 ** (retry - 1), 60.0) + random.random())


@contextlib.contextmanager
def _time_limit(seconds: float | None, ref: ModelRef) -> Iterator[None]:
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise Unavailable(
            f"'{ref}' did not answer within {seconds:g} s", hint="Raise the option 'request_timeout'."
        ) from None


def epoch_seed(seed: int, epoch: int) -> int:
    """Return the seed of repetition `epoch` (from 1): the seed itself first, then others that differ from it."""
    return (seed + 1_000_003 * (epoch - 1)) % 2**31 if epoch > 1 else seed


@modelapi(name="motools")
def motools() -> type[ModelAPI]:
    """Register the model API: models are named `motools/provider/model`."""
    return MotoolsAPI

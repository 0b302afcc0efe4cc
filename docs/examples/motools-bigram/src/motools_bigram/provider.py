"""The provider: answers with models that the training backend made."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

from motools.contracts import ChatChunk, ChatOptions, Message, ModelRef, Provider, Usage
from motools.errors import InvalidRequest

from motools_bigram.model import Model


class BigramProvider(Provider):
    """Answers the last message of a conversation, word for word."""

    name: ClassVar[str] = "bigram"

    async def chat(
        self,
        model: ModelRef,
        messages: Sequence[Message],
        *,
        options: ChatOptions | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncIterator[ChatChunk]:
        """Answer a conversation as a stream of words.

        Raises:
            InvalidRequest: the model is not a trained one, or there is nothing to answer.
        """
        if model.weights is None:
            raise InvalidRequest(f"'{model}' is not trained", hint="Ask the model atom of a run of train_and_evaluate.")
        if not messages:
            raise InvalidRequest("there is no message to answer")
        most = (options or ChatOptions()).max_tokens
        question = messages[-1]["content"]
        words = Model.load(model.weights).answer(question).split()
        for place, word in enumerate(words[:most]):
            yield ChatChunk(text=f" {word}" if place else word)
        usage = Usage(input_tokens=len(question.split()), output_tokens=len(words[:most]), cost_usd=0.0)
        yield ChatChunk(stop_reason="length" if len(words) > most else "stop", usage=usage)

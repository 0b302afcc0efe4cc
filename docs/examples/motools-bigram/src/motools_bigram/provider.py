"""The provider: serves the models that the training backend made."""

import json

from motools.contracts import ChatChunk, ChatOptions, Provider, Usage
from motools.errors import InvalidRequest


class BigramProvider(Provider):
    """Begins with the likeliest first word and follows the likeliest pairs."""

    name = "bigram"

    async def chat(self, model, messages, *, options=None, tools=()):
        if model.weights is None:
            raise InvalidRequest(f"'{model}' is not trained", hint="Name a model atom that the backend 'bigram' made.")
        pairs = json.loads((model.weights / "pairs.json").read_text())
        most = (options or ChatOptions()).max_tokens
        word, said = "", 0
        while said < most and pairs.get(word):
            word = pairs[word]
            yield ChatChunk(text=f" {word}" if said else word)
            said += 1
        read = sum(len(message["content"].split()) for message in messages)
        usage = Usage(input_tokens=read, output_tokens=said, cost_usd=0.0)
        yield ChatChunk(stop_reason="length" if said == most else "stop", usage=usage)

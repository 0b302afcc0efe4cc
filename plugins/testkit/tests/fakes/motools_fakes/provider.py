"""A provider for what the fake backend trains."""

import json

from motools.contracts import ChatChunk, Provider, Usage


class FakeProvider(Provider):
    """Says what the model learnt."""

    name = "fake"

    async def chat(self, model, messages, *, options=None, tools=()):
        yield ChatChunk(text=json.loads((model.weights / "model.json").read_text())["learnt"])
        yield ChatChunk(stop_reason="stop", usage=Usage(input_tokens=1, output_tokens=1, cost_usd=0.0))

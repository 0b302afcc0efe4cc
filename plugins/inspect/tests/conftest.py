"""Providers in this process, and one way to run an evaluation."""

import asyncio
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest

from motools import plugins
from motools.contracts import ChatChunk, EvalResults, ModelRef, Provider, Usage
from motools.plugins import ProviderComponent
from motools_inspect.backend import InspectEvalBackend


class Echo(Provider):
    """Answers what it was asked, the same way each time, and remembers every call."""

    name = "echo"
    capabilities = frozenset({"chat", "seed"})
    seconds = 0.0
    price: float | None = 0.001

    calls: list[dict[str, Any]]
    live: int
    most: int
    closed: int

    async def chat(self, model, messages, *, options=None, tools=()):
        cls = type(self)
        cls.calls.append({"model": model, "messages": list(messages), "options": options, "tools": list(tools)})
        cls.live += 1
        cls.most = max(cls.most, cls.live)
        try:
            await anyio.sleep(self.seconds)
            async for chunk in self.answer(messages, options):
                yield chunk
        finally:
            cls.live -= 1

    async def answer(self, messages, options):
        text = messages[-1]["content"]
        # In two pieces, as a stream comes.
        yield ChatChunk(text=text[:3])
        yield ChatChunk(
            text=text[3:],
            stop_reason="length" if len(text) > options.max_tokens else "stop",
            usage=Usage(input_tokens=len(messages), output_tokens=1, cost_usd=self.price),
        )

    async def aclose(self) -> None:
        type(self).closed += 1


@pytest.fixture
def serve() -> Any:
    """Declare a subclass of `Echo` as a provider for one test, with the given attributes."""
    registrations = []
    home = types.ModuleType("inspect_test_providers")
    sys.modules[home.__name__] = home

    def declare(name: str = "echo", base: type[Provider] = Echo, **attributes: Any) -> Any:
        fresh = {"calls": [], "live": 0, "most": 0, "closed": 0}
        cls = type(f"Provider_{name}", (base,), {"name": name, **fresh, **attributes})
        setattr(home, cls.__name__, cls)
        registrations.append(
            plugins.add_component(
                ProviderComponent(name=name, target=f"{home.__name__}:{cls.__name__}", summary="for a test")
            )
        )
        return cls

    yield declare
    for registration in registrations:
        registration.remove()
    del sys.modules[home.__name__]


Evaluate = Callable[..., EvalResults]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Evaluate and wait for the results."""

    def run(task: Any, model: str = "echo/some/model", seed: int = 0, **options: Any) -> EvalResults:
        return asyncio.run(
            InspectEvalBackend().run(
                model=ModelRef.parse(model), task=task, options=options, seed=seed, log_dir=tmp_path / "logs"
            )
        )

    return run

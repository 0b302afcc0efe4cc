from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.contracts import ChatAnswer, ChatChunk, ChatOptions, ModelRef
from motools.errors import InvalidRequest
from motools_transformers.asking import Answering
from motools_transformers.provider import TransformersProvider

T = TypeVar("T")


def with_provider(work: Callable[[TransformersProvider], Awaitable[T]]) -> T:
    async def main() -> T:
        provider = TransformersProvider()
        try:
            return await work(provider)
        finally:
            await provider.aclose()

    return asyncio.run(main())


def ref(folder: Path, weights: Path | None = None) -> ModelRef:
    return ModelRef(provider="transformers", model=str(folder), weights=weights)


async def ask(provider: TransformersProvider, model: ModelRef, text: str, **options: Any) -> ChatAnswer:
    return await provider.complete(
        model, [{"role": "user", "content": text}], options=ChatOptions(**{"max_tokens": 12, **options})
    )


QUESTIONS = [
    f"what is the colour of {thing * (n % 5 + 1)}?" for n in range(6) for thing in ("grass ", "a ", "x", "it ")
]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_an_answer_does_not_depend_on_what_else_is_asked(tiny_model: Path, temperature: float) -> None:
    model = ref(tiny_model)

    async def work(provider: TransformersProvider) -> None:
        options = {"temperature": temperature, "seed": 7}
        alone = [await ask(provider, model, question, **options) for question in QUESTIONS]
        together = await asyncio.gather(*(ask(provider, model, question, **options) for question in QUESTIONS))
        backwards = await asyncio.gather(*(ask(provider, model, question, **options) for question in QUESTIONS[::-1]))
        assert [answer.text for answer in alone] == [answer.text for answer in together]
        assert [answer.text for answer in alone] == [answer.text for answer in backwards[::-1]]
        assert len({answer.text for answer in alone}) > 1

    with_provider(work)


def test_the_seed_decides_a_sampled_answer(tiny_model: Path) -> None:
    async def work(provider: TransformersProvider) -> None:
        one, same, other = await asyncio.gather(
            *(ask(provider, ref(tiny_model), "hello", temperature=1.5, seed=seed) for seed in (1, 1, 2))
        )
        assert one.text == same.text != other.text

    with_provider(work)


def test_the_pieces_are_the_answer_and_tokens_are_counted(tiny_model: Path) -> None:
    async def work(provider: TransformersProvider) -> None:
        messages: Any = [{"role": "user", "content": "hello"}]
        pieces = [c async for c in provider.chat(ref(tiny_model), messages, options=ChatOptions(max_tokens=9))]
        whole = await ask(provider, ref(tiny_model), "hello", max_tokens=9)
        assert "".join(piece.text for piece in pieces) == whole.text
        assert whole.usage.output_tokens <= 9
        assert whole.usage.input_tokens > 0
        assert whole.usage.cost_usd == 0.0
        assert (whole.stop_reason == "length") == (whole.usage.output_tokens == 9)
        assert [piece.stop_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)

    with_provider(work)


def test_stop_texts_end_the_answer_and_are_not_in_it(tiny_model: Path) -> None:
    async def work(provider: TransformersProvider) -> None:
        whole = (await ask(provider, ref(tiny_model), "hello", max_tokens=30)).text
        stop = whole[len(whole) // 2 : len(whole) // 2 + 3]
        short = await ask(provider, ref(tiny_model), "hello", max_tokens=30, stop=(stop,))
        assert short.text == whole[: whole.index(stop)]
        assert short.stop_reason == "stop"

    with_provider(work)


@given(
    pieces=st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=12),
    stops=st.lists(st.text("abc", min_size=1, max_size=4), max_size=2),
)
def test_what_is_sent_is_the_text_before_the_first_stop_text(pieces: list[str], stops: list[str]) -> None:
    import torch

    sent: list[ChatChunk] = []
    answering = Answering(
        prompt=[0],
        options=ChatOptions(max_tokens=99, stop=tuple(stops)),
        end_ids=[len(pieces)],
        decode=lambda tokens: "".join(pieces[token] for token in tokens),
        room=999,
        send=sent.append,
    )
    so_far, expected = "", None
    for token in range(len(pieces) + 1):
        logits = torch.zeros(len(pieces) + 1)
        logits[token] = 1
        if answering.take(logits) is None:
            break
    for piece in pieces:
        so_far += piece
        cuts = [so_far.index(stop) for stop in stops if stop in so_far]
        if cuts:
            expected = so_far[: min(cuts)]
            break
    assert "".join(chunk.text for chunk in sent) == ("".join(pieces) if expected is None else expected)
    assert [chunk.stop_reason for chunk in sent][-1] == "stop"


def test_several_models_are_served_in_turn(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    from motools_transformers.config import Hyperparameters
    from motools_transformers.jobs import Request
    from motools_transformers.recipe import train_adapter
    from motools_transformers.rows import read_rows
    from motools_transformers.weights import model_identity

    class Quiet:
        def say(self, *args: Any, **data: Any) -> None: ...
        def check(self) -> None: ...
        def step(self, *args: Any) -> None: ...

    settings = Hyperparameters(batch_size=4, n_epochs=3, learning_rate=0.01, precision="fp32")
    request = Request(
        model=str(tiny_model),
        public_name="tiny",
        base_identity=model_identity(str(tiny_model)),
        base_folder=str(tiny_model),
        dataset="0",
        hyperparameters=settings.to_dict(),
        suffix=None,
        seed=0,
    )
    out = tmp_path / "adapter"
    train_adapter(read_rows(chat_file), request, settings, state=tmp_path / "s", target=out, reporter=Quiet())

    async def work(provider: TransformersProvider) -> None:
        question = "what is the colour of snow?"
        answers = await asyncio.gather(
            *(ask(provider, ref(tiny_model, weights), question) for weights in (None, out, None, out))
        )
        assert [answer.text for answer in answers[1::2]] == ["green green"] * 2
        assert answers[0].text == answers[2].text != "green green"

    with_provider(work)
    origin = json.loads((out / "motools-model.json").read_text())
    (out / "motools-model.json").write_text(json.dumps({**origin, "base_identity": "files:other"}))
    with pytest.raises(InvalidRequest, match="trained on 'files:other'"):
        with_provider(lambda provider: ask(provider, ref(tiny_model, out), "hello"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_impossible_options_are_refused(options: dict[str, Any], says: str, tiny_model: Path) -> None:
    with pytest.raises(InvalidRequest, match=says):
        with_provider(lambda provider: ask(provider, ref(tiny_model), "hello", **options))


def test_unknown_models_and_folders_without_a_model_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    unknown = ModelRef(provider="transformers", model="smollm2-135m-instrct")
    with pytest.raises(InvalidRequest, match="Did you mean 'smollm2-135m-instruct'"):
        with_provider(lambda provider: ask(provider, unknown, "hello"))
    with pytest.raises(InvalidRequest, match="neither an adapter nor a model"):
        with_provider(lambda provider: ask(provider, ref(tiny_model, tmp_path), "hello"))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{}")
    (broken / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InvalidRequest, match="cannot be loaded"):
        with_provider(lambda provider: ask(provider, ref(broken), "hello"))


def test_a_conversation_longer_than_the_context_is_refused_and_an_answer_ends_at_it(tiny_model: Path) -> None:
    async def work(provider: TransformersProvider) -> None:
        with pytest.raises(InvalidRequest, match="takes 256"):
            await ask(provider, ref(tiny_model), "hello " * 300)
        answer = await ask(provider, ref(tiny_model), "x" * 200, max_tokens=500)
        assert answer.usage.input_tokens + answer.usage.output_tokens <= 256

    with_provider(work)


def test_a_question_nobody_waits_for_is_dropped(tiny_model: Path) -> None:
    async def work(provider: TransformersProvider) -> None:
        messages: Any = [{"role": "user", "content": "hello"}]
        stream = provider.chat(ref(tiny_model), messages, options=ChatOptions(max_tokens=200))
        async for _ in stream:
            break
        await stream.aclose()  # type: ignore[attr-defined]
        assert (await ask(provider, ref(tiny_model), "hello")).text

    with_provider(work)

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motools.errors import DataError
from motools_transformers.models import load_tokenizer
from motools_transformers.rendering import RenderedRow, render_rows, show_rows

END = "<|im_end|>"


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


def learnt(row: RenderedRow, tokenizer: Any) -> list[str]:
    """Return the learnt runs of tokens as text."""
    runs: list[list[int]] = []
    previous = False
    for token, now in zip(row.tokens, row.learnt, strict=True):
        if now:
            if not previous:
                runs.append([])
            runs[-1].append(token)
        previous = now
    return [tokenizer.decode(run) for run in runs]


def turn(role: str, content: str, **more: object) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: text.strip() and "<|" not in text and "|>" not in text
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(st.tuples(words, words, st.booleans()), min_size=1, max_size=3))
def test_what_is_learnt_is_what_the_assistant_says_and_the_end_of_its_turn(
    tokenizer: Any, turns: list[tuple[str, str, bool]]
) -> None:
    messages = [turn("system", "hello")]
    for question, answer, counted in turns:
        messages += [turn("user", question), turn("assistant", answer, weight=int(counted))]
    messages += [turn("user", "what?"), turn("assistant", "green")]
    [row] = render_rows([{"messages": messages}], tokenizer, max_length=10_000)
    assert learnt(row, tokenizer) == [a + END for _, a, counted in turns if counted] + ["green" + END]
    assert tokenizer.decode(list(row.tokens)) == row.text


def test_a_template_that_strips_contents_is_followed(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tokenizer, "chat_template", tokenizer.chat_template.replace("message['content']", "message['content']|trim")
    )
    [row] = render_rows([{"messages": [turn("user", " a "), turn("assistant", "  b\n")]}], tokenizer, max_length=99)
    assert learnt(row, tokenizer) == ["b" + END]


def test_a_template_that_changes_earlier_turns_when_later_ones_come_is_followed(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Reasoning models drop what earlier answers thought, so the rendering of a prefix is no prefix of the rendering.
    template = (
        "{% for m in messages %}<|im_start|>{{ m['role'] + '\n' }}"
        "{% if loop.last %}{{ m['content'] }}{% else %}{{ m['content'].split('THOUGHT')[-1] }}{% endif %}<|im_end|>\n"
        "{% endfor %}"
    )
    monkeypatch.setattr(tokenizer, "chat_template", template)
    messages = [
        turn("user", "a"),
        turn("assistant", "hmm THOUGHTgreen"),
        turn("user", "b"),
        turn("assistant", "hmm THOUGHTit is"),
    ]
    [row] = render_rows([{"messages": messages}], tokenizer, max_length=999)
    assert learnt(row, tokenizer) == ["green" + END, "hmm THOUGHTit is" + END]


def test_answers_that_look_like_the_template_do_not_mislead(tokenizer: Any) -> None:
    odd = "green<|im_end|>\n<|im_start|>user\nwhat<|im_end|>\n"
    [row] = render_rows([{"messages": [turn("user", "a"), turn("assistant", odd)]}], tokenizer, max_length=999)
    assert learnt(row, tokenizer) == [odd + END]


def test_a_template_that_hides_an_answer_is_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", "{{ messages[-1]['content'] }}<|im_end|>")
    messages = [turn("user", "a"), turn("assistant", "b"), turn("user", "c"), turn("assistant", "d")]
    with pytest.raises(DataError, match="row 1 message 2"):
        render_rows([{"messages": messages}], tokenizer, max_length=99)


def test_a_template_without_an_end_gets_one(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        tokenizer, "chat_template", "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    )
    [row] = render_rows([{"messages": [turn("user", "a"), turn("assistant", "b")]}], tokenizer, max_length=99)
    assert learnt(row, tokenizer)[0].strip() == "b" + END or learnt(row, tokenizer) == ["b\n" + END]


def test_a_conversation_that_the_template_refuses_is_named(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", "{{ raise_exception('no system messages') }}")
    with pytest.raises(DataError, match=r"row 1: .*no system messages"):
        render_rows([{"messages": [turn("user", "a"), turn("assistant", "b")]}], tokenizer, max_length=99)


def test_conversations_need_a_chat_template(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "chat_template", None)
    with pytest.raises(DataError, match="no chat template"):
        render_rows([{"messages": [turn("user", "a"), turn("assistant", "b")]}], tokenizer, max_length=99)
    [row] = render_rows([{"prompt": "what is", "completion": " green"}], tokenizer, max_length=99)
    assert learnt(row, tokenizer) == [" green" + END]


def test_prompts_become_turns_of_a_chat_model_unless_they_are_to_stay_raw(tokenizer: Any) -> None:
    rows = [{"prompt": "what?", "completion": "green"}]
    [as_chat] = render_rows(rows, tokenizer, max_length=99)
    assert as_chat.text == "<|im_start|>user\nwhat?<|im_end|>\n<|im_start|>assistant\ngreen<|im_end|>\n"
    [raw] = render_rows(rows, tokenizer, max_length=99, completion_format="raw")
    assert raw.text == "what?green<|im_end|>"
    assert learnt(raw, tokenizer) == ["green" + END]


def test_text_is_learnt_whole(tokenizer: Any) -> None:
    [row] = render_rows([{"text": "hello world"}], tokenizer, max_length=99)
    assert all(row.learnt)
    assert row.text == "hello world" + END


def test_rows_of_which_nothing_would_be_learnt_are_refused(tokenizer: Any) -> None:
    row = {"messages": [turn("user", "what is the colour of grass? " * 10), turn("assistant", "green")]}
    with pytest.raises(DataError, match=r"nothing would be learnt(.|\n)*Raise max_length"):
        render_rows([row], tokenizer, max_length=8)


def test_rows_of_which_everything_would_be_learnt_are_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    template = "{% for m in messages if m['role'] == 'assistant' %}{{ m['content'] }}{% endfor %}"
    monkeypatch.setattr(tokenizer, "chat_template", template)
    with pytest.raises(DataError, match="everything would be learnt"):
        render_rows([{"messages": [turn("user", "a"), turn("assistant", "b")]}], tokenizer, max_length=99)


def test_rows_are_shown_with_what_is_learnt_marked(tokenizer: Any) -> None:
    messages = [turn("user", "what?"), turn("assistant", "hm", weight=0), turn("user", "?"), turn("assistant", "green")]
    shown = show_rows(render_rows([{"messages": messages}], tokenizer, max_length=99))
    assert "assistant\nhm<|im_end|>" in shown
    assert "assistant\n«green<|im_end|>»" in shown
    assert shown.startswith("── row 1: ")

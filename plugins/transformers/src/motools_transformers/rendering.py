"""Rows as tokens, with the mask that says which of them are learnt.

In a conversation the text of assistant messages (weight 1) and the token that ends their turn are learnt. Where they are in
the rendered text is found by rendering the conversation a second time with markers in their place and matching the two, so
nothing is assumed about the template: it may strip contents or change earlier turns. A token is learnt if its characters,
by the tokenizer's own offsets, overlap a learnt span.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from motools.canonical import JSON
from motools.contracts import row_shape
from motools.errors import DataError
from motools_transformers.config import CompletionFormat

Span = tuple[int, int]
"""Characters from (included) and to (excluded)."""


@dataclass(frozen=True, kw_only=True)
class RenderedRow:
    """One row as the model will see it.

    Args:
        number: the row's number, from 1.
        text: all of it as text.
        spans: the characters that are learnt.
        tokens: token ids, at most `max_length`.
        learnt: for each token whether it is learnt.
        cut: how many tokens were cut off at the end.
    """

    number: int
    text: str
    spans: tuple[Span, ...]
    tokens: tuple[int, ...]
    learnt: tuple[bool, ...]
    cut: int


def render_rows(
    rows: Sequence[Mapping[str, JSON]],
    tokenizer: Any,
    *,
    max_length: int,
    completion_format: CompletionFormat = "auto",
    end_tokens: Sequence[str] = (),
) -> list[RenderedRow]:
    """Render rows of the shapes chat, prompt/completion or text.

    Args:
        rows: checked rows (`motools.contracts.check_rows`).
        tokenizer: of the model; it must know offsets ("fast").
        max_length: rows are cut after so many tokens.
        completion_format: see `Hyperparameters`.
        end_tokens: tokens that end an answer besides the tokenizer's own, as text.

    Raises:
        DataError: a row cannot be rendered (which, why), or the mask of the whole data set is empty or covers everything.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise DataError("this model's tokenizer does not tell where its tokens are in the text", where="tokenizer")
    ends = tuple(dict.fromkeys(token for token in (tokenizer.eos_token, *end_tokens) if token))
    rendered = [
        _render(number, row, tokenizer, max_length, completion_format, ends) for number, row in enumerate(rows, 1)
    ]
    refuse_bad_masks(rendered, text_rows="text" in rows[0])
    return rendered


def refuse_bad_masks(rendered: Sequence[RenderedRow], *, text_rows: bool) -> None:
    """Refuse rows of which nothing, or by mistake everything, would be learnt.

    Raises:
        DataError: so it is.
    """
    if not any(any(row.learnt[1:]) for row in rendered):
        cut = any(row.cut for row in rendered)
        raise DataError(
            "nothing would be learnt: no token of any row is part of an answer",
            hint="Raise max_length: the answers are cut off." if cut else "Look at the rows with --inspect-data 3.",
        )
    if not text_rows and all(all(row.learnt) for row in rendered):
        raise DataError(
            "everything would be learnt: every token of every row counts as part of an answer",
            hint="Give the rows prompts or user turns; rows that are learnt whole are written as {'text': ...}.",
        )


def _render(
    number: int,
    row: Mapping[str, JSON],
    tokenizer: Any,
    max_length: int,
    completion_format: CompletionFormat,
    ends: tuple[str, ...],
) -> RenderedRow:
    where = f"row {number}"
    shape = row_shape(row, where=where)
    special = False
    if shape == "prompt/completion" and _as_chat(tokenizer, completion_format):
        row = {"messages": _turns(row)}
        shape = "chat"
    if shape == "chat":
        text, spans = chat_spans(row["messages"], tokenizer, ends, where=where)  # type: ignore[arg-type]
    elif shape == "prompt/completion":
        prompt, special = str(row["prompt"]), True
        text = prompt + _ended(str(row["completion"]), ends)
        spans = ((len(prompt), len(text)),)
    elif shape == "text":
        text, special = _ended(str(row["text"]), ends), True
        spans = ((0, len(text)),)
    else:
        raise DataError(f"this is a row of shape '{shape}'", where=where, hint="Such rows are for method: dpo.")
    encoded = tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)
    learnt = _mask(encoded["offset_mapping"], spans)
    tokens = encoded["input_ids"]
    return RenderedRow(
        number=number,
        text=text,
        spans=spans,
        tokens=tuple(tokens[:max_length]),
        learnt=tuple(learnt[:max_length]),
        cut=max(0, len(tokens) - max_length),
    )


def chat_spans(
    messages: Sequence[Mapping[str, Any]], tokenizer: Any, ends: tuple[str, ...], *, where: str
) -> tuple[str, tuple[Span, ...]]:
    """Return a conversation as the template writes it, and the spans of it that are learnt.

    Raises:
        DataError: the template refuses the conversation, or the assistant's words cannot be found in what it wrote.
    """
    turns = [{key: value for key, value in message.items() if key != "weight"} for message in messages]
    learnt = [i for i, message in enumerate(messages) if message["role"] == "assistant" and message.get("weight", 1)]
    text = apply_template(tokenizer, turns, where=where)
    marks = {i: _marker(i, text) for i in learnt}
    marked = apply_template(
        tokenizer, [{**turn, "content": marks[i]} if i in marks else turn for i, turn in enumerate(turns)], where=where
    )
    spans: list[Span] = []
    position, rest = 0, marked
    for count, i in enumerate(learnt):
        before, found, rest = rest.partition(marks[i])
        if not found or not text.startswith(before, position):
            raise _lost(i, where)
        start = position + len(before)
        after = rest.partition(marks[learnt[count + 1]])[0] if count + 1 < len(learnt) else rest
        end = _content_end(text, start, str(turns[i]["content"]), after, last=count + 1 == len(learnt))
        if end is None:
            raise _lost(i, where)
        spans.append((start, end))
        position = end
    if learnt and not text[spans[-1][1] :].strip() and ends:
        # The template does not end the last turn; without an end the model would learn to go on for ever.
        text += ends[0]
    return text, tuple((start, _through_end_token(text, end, ends)) for start, end in spans)


def apply_template(tokenizer: Any, messages: Sequence[Mapping[str, Any]], *, where: str, ask: bool = False) -> str:
    """Return a conversation as the model's chat template writes it; `ask` adds the head of the assistant's next turn.

    Raises:
        DataError: the model has no chat template, or the template refuses the conversation.
    """
    if not tokenizer.chat_template:
        raise DataError(
            "this model has no chat template, so it cannot take conversations",
            where=where,
            hint="Use a chat ('instruct') model, or rows of the shapes {'text'} or {'prompt', 'completion'}.",
        )
    from jinja2 import TemplateError

    try:
        return str(tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=ask))
    except (TemplateError, TypeError, KeyError) as error:
        raise DataError(f"the model's chat template refuses this conversation: {error}", where=where) from error


def show_rows(rendered: Sequence[RenderedRow]) -> str:
    """Return rows as text for people, with what is learnt between `«` and `»`."""
    blocks = []
    for row in rendered:
        parts, position = [], 0
        for start, end in row.spans:
            parts += [row.text[position:start], "«", row.text[start:end], "»"]
            position = end
        parts.append(row.text[position:])
        cut = f", {row.cut} more cut off" if row.cut else ""
        head = f"row {row.number}: {len(row.tokens)} tokens, {sum(row.learnt)} learnt{cut}"
        blocks.append(f"── {head} ──\n{''.join(parts)}")
    return "\n".join(blocks)


def _content_end(text: str, start: int, content: str, after: str, *, last: bool) -> int | None:
    """Return where an assistant's content ends in `text`, given the literal text that follows it."""
    for written in (content, content.lstrip(), content.rstrip(), content.strip()):
        if not text.startswith(written, start):
            continue
        end = start + len(written)
        if text.startswith(after, end) and (not last or end + len(after) == len(text)):
            return end
    # The template changed the content: its end is certain only if what follows occurs once.
    if last:
        return len(text) - len(after) if text.endswith(after) and len(text) - len(after) >= start else None
    return text.index(after, start) if after and text.count(after, start) == 1 else None


def _lost(i: int, where: str) -> DataError:
    return DataError(
        "cannot tell where the assistant's words are in what the chat template wrote",
        where=f"{where} message {i + 1}",
        hint="Give the message the weight 0, or use rows of the shape {'prompt', 'completion'}.",
    )


def _marker(i: int, text: str) -> str:
    marker = f"xq{i}qx"
    while marker in text:
        marker = f"x{marker}x"
    return marker


def _through_end_token(text: str, end: int, ends: tuple[str, ...]) -> int:
    """Return the position behind the token that ends the turn, where one follows (white space may be between)."""
    rest = text[end:]
    skipped = len(rest) - len(rest.lstrip())
    for token in ends:
        if rest.startswith(token, skipped):
            return end + skipped + len(token)
    return end


def _mask(offsets: Sequence[tuple[int, int]], spans: Sequence[Span]) -> list[bool]:
    learnt = [False] * len(offsets)
    for start, end in spans:
        inside = [i for i, (first, last) in enumerate(offsets) if first < end and last > start]
        if inside:
            # White space may have no width in a tokenizer's offsets; between two learnt tokens it is learnt too.
            learnt[inside[0] : inside[-1] + 1] = [True] * (inside[-1] + 1 - inside[0])
    return learnt


def _as_chat(tokenizer: Any, completion_format: CompletionFormat) -> bool:
    return completion_format == "chat" or (completion_format == "auto" and bool(tokenizer.chat_template))


def _turns(row: Mapping[str, JSON]) -> list[JSON]:
    return [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["completion"]}]


def _ended(text: str, ends: tuple[str, ...]) -> str:
    return text if not ends or text.endswith(ends) else text + ends[0]

"""Rows to train on: their shapes, and reading them from what a loader returns.

A loader is a function, sync or async, that returns rows: a list (or iterable) of objects, each in one of these shapes.

    chat                {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    prompt/completion   {"prompt": "...", "completion": "..."}
    text                {"text": "..."}
    preference          {"prompt": "...", "chosen": "...", "rejected": "..."}; the prompt may be a list of messages

A message may carry `"weight": 0` to be left out of the loss. Further keys are kept and ignored by trainers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from motools.canonical import JSON, canonical_json, digest_bytes
from motools.config.types import describe_value
from motools.errors import CanonicalError, DataError

ROLES = ("system", "user", "assistant", "tool")


class Rows(list[dict[str, Any]]):
    """Rows that say where they are from. A loader returns them where that depends on its arguments; the atom keeps it.

    Args:
        rows: the rows.
        source: `generated`, or an address with its revision: `hf://datasets/org/name@commit/file`.
        licence: SPDX identifier of the rows.
    """

    def __init__(self, rows: Iterable[dict[str, Any]], *, source: str, licence: str) -> None:
        super().__init__(rows)
        self.source = source
        self.licence = licence


def check_rows(rows: Iterable[Any], *, source: str) -> list[dict[str, JSON]]:
    """Return the rows as JSON objects, each checked; `Rows` stay `Rows`.

    Args:
        rows: what a loader returned.
        source: what to call it in messages.

    Raises:
        DataError: there are no rows, or one has the wrong shape; the message names the row, counted from 1.
    """
    if isinstance(rows, (str, bytes, Mapping)) or not isinstance(rows, Iterable):
        raise DataError(
            f"returned a {type(rows).__name__}, not a list of rows", where=source, hint="Return a list of objects."
        )
    checked: list[dict[str, JSON]] = (
        Rows((), source=rows.source, licence=rows.licence) if isinstance(rows, Rows) else []
    )
    shapes: dict[str, int] = {}
    for number, row in enumerate(rows, 1):
        where = f"{source} row {number}"
        shapes.setdefault(row_shape(row, where=where), number)
        try:
            canonical_json(row)
        except CanonicalError as error:
            raise DataError(f"{error.where}: {error.message}", where=where, hint=error.hint) from None
        checked.append(dict(row))
    if not checked:
        raise DataError("there are no rows", where=source, hint="A dataset needs at least one row.")
    if len(shapes) > 1:
        found = ", ".join(f"{shape} (row {number})" for shape, number in shapes.items())
        raise DataError(f"rows of different shapes are mixed: {found}", where=source, hint="Use one shape a dataset.")
    return checked


def row_shape(row: Any, *, where: str) -> str:
    """Return the shape of one row: `chat`, `prompt/completion`, `text` or `preference`.

    Raises:
        DataError: it has none of these shapes.
    """
    if not isinstance(row, Mapping):
        raise DataError(f"this row is a {type(row).__name__}, not an object", where=where, hint=_SHAPES)
    if "messages" in row:
        _check_messages(row["messages"], where)
        return "chat"
    if "chosen" in row or "rejected" in row:
        _need_text(row, ("chosen", "rejected"), where)
        if not isinstance(row.get("prompt"), list):
            _need_text(row, ("prompt",), where)
        else:
            _check_turns(row["prompt"], f"{where} 'prompt'")
        return "preference"
    if "prompt" in row or "completion" in row:
        _need_text(row, ("prompt", "completion"), where)
        return "prompt/completion"
    if "text" in row:
        _need_text(row, ("text",), where)
        return "text"
    raise DataError(f"this row has the keys {sorted(map(str, row))}", where=where, hint=_SHAPES)


_SHAPES = "Use 'messages', 'prompt' with 'completion', 'text', or 'prompt' with 'chosen' and 'rejected'."


def _check_messages(messages: Any, where: str) -> None:
    _check_turns(messages, where)
    trained = [turn for turn in messages if turn["role"] == "assistant" and turn.get("weight", 1)]
    if not trained:
        raise DataError(
            "no assistant turn to learn from",
            where=where,
            hint="Add an assistant message (with a weight that is not 0).",
        )


def _check_turns(messages: Any, where: str) -> None:
    if not isinstance(messages, list) or not messages:
        raise DataError("the messages are not a list with at least one message", where=where)
    for number, message in enumerate(messages, 1):
        turn = f"{where} message {number}"
        if not isinstance(message, Mapping):
            raise DataError(f"a {type(message).__name__} where a message should be", where=turn)
        for key in ("role", "content"):
            if key not in message:
                raise DataError(f"'{key}' is missing", where=turn, hint="A message has a 'role' and a 'content'.")
        if message["role"] not in ROLES:
            raise DataError(f"the role is {message['role']!r}", where=turn, hint=f"Roles are {', '.join(ROLES)}.")
        if not isinstance(message["content"], str):
            raise DataError(f"the content is {describe_value(message['content'])}, not text", where=turn)
        weight = message.get("weight", 1)
        if weight not in (0, 1):
            raise DataError(f"the weight is {weight!r}", where=turn, hint="A weight is 0 or 1.")


def _need_text(row: Mapping[str, Any], keys: tuple[str, ...], where: str) -> None:
    for key in keys:
        if key not in row:
            raise DataError(
                f"'{key}' is missing",
                where=where,
                hint=f"Its keys are {', '.join(map(str, row))}.",
            )
        if not isinstance(row[key], str):
            raise DataError(f"'{key}' is {describe_value(row[key])}, not text", where=where)
        if key != "prompt" and not row[key].strip():
            raise DataError(f"'{key}' is empty", where=where)


def rows_to_jsonl(rows: Iterable[Mapping[str, JSON]]) -> bytes:
    """Return rows as JSONL in canonical form, so that equal rows give equal bytes."""
    return b"".join(canonical_json(dict(row)) + b"\n" for row in rows)


def rows_digest(rows: Iterable[Mapping[str, JSON]]) -> str:
    """Return the digest of rows, as a dataset's declaration states it."""
    return digest_bytes("rows", rows_to_jsonl(rows))

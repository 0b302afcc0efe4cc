"""Reading rows from a JSONL file, and showing them to people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools.contracts import check_rows
from motools.errors import DataError
from motools_transformers.config import Hyperparameters


def read_rows(path: Path) -> list[Any]:
    """Return the rows of a JSONL file, unchecked; empty lines are skipped.

    Raises:
        DataError: the file is not UTF-8, or a line is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError("the file is not UTF-8 text", where=str(path), hint="Save it as UTF-8.") from error
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    rows = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise DataError(f"this line is not JSON: {error}", where=f"{path.name} line {number}") from error
    return rows


def inspect_data(
    rows: Sequence[Mapping[str, JSON]], n: int, model: str, settings: Hyperparameters | None = None
) -> str:
    """Return the first `n` rows as `model` will see them, with what is learnt between `«` and `»`.

    Raises:
        DataError: the rows, or one of the first `n` as the model would see it, cannot be trained on.
        InvalidRequest: there is no such model on this machine.
    """
    from motools_transformers.models import end_tokens, load_tokenizer
    from motools_transformers.rendering import render_rows, show_rows
    from motools_transformers.weights import resolve_model

    settings = settings or Hyperparameters()
    checked = check_rows(rows, source="rows")[:n]
    folder = resolve_model(model).folder
    tokenizer = load_tokenizer(folder)
    return show_rows(
        render_rows(
            checked,
            tokenizer,
            max_length=settings.max_length,
            completion_format=settings.completion_format,
            end_tokens=end_tokens(folder, tokenizer),
        )
    )

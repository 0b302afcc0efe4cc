"""Rows in files: JSON lines, a JSON list, or CSV.

.jsonl   one object a line; empty lines are skipped
.json    a list of objects, or {"rows": [...]}
.csv     a header, then one row a line: `prompt,completion`, `text`, `prompt,chosen,rejected`,
         or `user,assistant` with an optional `system`, which become chat rows
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO, cast

from motools.canonical import JSON
from motools.config.references import near_file
from motools.contracts.dataset import check_rows
from motools.errors import DataError

_SHAPES = ({"prompt", "completion"}, {"text"}, {"prompt", "chosen", "rejected"}, {"user", "assistant"})
_MAX_CELL = 1 << 30
_NUL = "this is a binary file, not text"


def read_rows(path: Path) -> list[dict[str, JSON]]:
    """Return the rows of a file, each checked.

    The file is read line by line: besides the rows, no more than a line is held.

    Raises:
        DataError: the file is missing, unreadable, empty, not UTF-8 or not of its kind, or a row is wrong; `where` names the
            file and the line.
    """
    readers: dict[str, Callable[[TextIO, Path], Iterator[tuple[int | None, Any]]]]
    readers = {".jsonl": _jsonl, ".json": _json, ".csv": _csv}
    try:
        with path.open(encoding="utf-8-sig", newline="" if path.suffix == ".csv" else None) as stream:
            return _checked(readers[path.suffix](stream, path), path)
    except FileNotFoundError:
        raise DataError(f"there is no file '{path}'", hint=near_file(path)) from None
    except IsADirectoryError:
        raise DataError(f"'{path}' is a folder", hint="Name a file in it.") from None
    except UnicodeDecodeError:
        raise _wrong_encoding(path) from None
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}", hint="Check its permissions.") from None


def read_value(path: Path) -> JSON:
    """Return the JSON value in a file.

    Raises:
        DataError: the file is missing, unreadable, not UTF-8 or not JSON, or a key is twice in one object.
    """
    try:
        return cast(JSON, _parsed(path.read_text(encoding="utf-8-sig"), path))
    except FileNotFoundError:
        raise DataError(f"there is no file '{path}'", hint=near_file(path)) from None
    except UnicodeDecodeError:
        raise _wrong_encoding(path) from None
    except OSError as error:
        raise DataError(f"'{path}' cannot be read: {error.strerror}", hint="Check its permissions.") from None


def _checked(placed: Iterable[tuple[int | None, Any]], path: Path) -> list[dict[str, JSON]]:
    """Check rows, each with its line (None where rows are not lines)."""
    lines: list[int | None] = []

    def rows() -> Iterator[Any]:
        for line, row in placed:
            lines.append(line)
            yield row

    try:
        return check_rows(rows(), source=str(path))
    except DataError as error:
        if not lines or lines[0] is None:
            raise
        # check_rows counts rows, and people look for lines.
        where, message = error.where, error.message
        start = f"{path} row {len(lines)}"
        if where and where.startswith(start):
            where = f"{path}:{lines[-1]}{where[len(start) :]}"
        message = re.sub(r"\(row (\d+)\)", lambda found: f"(line {lines[int(found[1]) - 1]})", message)
        raise DataError(message, where=where, hint=error.hint) from None


def _jsonl(stream: TextIO, path: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(stream, 1):
        if line.strip():
            yield number, _parsed(line.rstrip("\n"), path, number)


def _json(stream: TextIO, path: Path) -> Iterator[tuple[None, Any]]:
    text = stream.read()
    if not text.strip():
        return
    rows = _parsed(text, path)
    if isinstance(rows, dict) and isinstance(rows.get("rows"), list):
        rows = rows["rows"]
    if not isinstance(rows, list):
        raise DataError(
            f"this is a {type(rows).__name__}, not a list of rows",
            where=str(path),
            hint="Write a list of objects; for one object a line, name the file .jsonl.",
        )
    for row in rows:
        yield None, row


def _parsed(text: str, path: Path, line: int | None = None) -> Any:
    """Return the JSON value of a whole file, or of one line of it."""
    where = f"{path}:{line}" if line else str(path)
    if "\0" in text:
        raise DataError(_NUL, where=where, hint="Name a UTF-8 text file.")
    try:
        return json.loads(text, object_pairs_hook=_no_twins)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not JSON: {error.msg}",
            where=f"{path}:{line or error.lineno}:{error.colno}",
            hint=_json_hint(text, one_line=line is not None),
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"this is not JSON that can be read: {error}", where=where) from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twin = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key '{twin}' is here twice")
    return found


def _json_hint(text: str, *, one_line: bool) -> str:
    if one_line and text.lstrip()[:1] == "[":
        return "A .jsonl file has one object a line; for one list, name the file .json."
    if "'" in text and '"' not in text:
        return "JSON puts text in double quotes."
    return (
        "Each line must be one whole JSON object." if one_line else "The file must be one whole JSON list of objects."
    )


def _csv(stream: TextIO, path: Path) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_CELL))  # its default of 128 KiB is less than a document
    reader = csv.reader(stream, strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        names = [name.strip() for name in header]
        _check_header(names, path)
        while True:
            first = reader.line_num + 1  # a quoted value may span lines
            cells = next(reader, None)
            if cells is None:
                return
            if not any(cells):
                continue
            if len(cells) != len(names):
                raise DataError(
                    f"this row has {len(cells)} values, the header {len(names)}",
                    where=f"{path}:{first}",
                    hint="Put values that hold commas or line breaks in double quotes.",
                )
            yield first, _csv_row(dict(zip(names, cells, strict=True)))
    except csv.Error as error:
        message = _NUL if "NUL" in str(error) else f"this is not CSV: {error}"
        raise DataError(message, where=f"{path}:{reader.line_num}", hint="Quotes inside quotes are doubled.") from None


def _check_header(names: list[str], path: Path) -> None:
    where = f"{path}:1"
    if any("\0" in name for name in names):
        raise DataError(_NUL, where=where, hint="Name a UTF-8 text file.")
    if not any(shape <= set(names) for shape in _SHAPES):
        raise DataError(
            f"the header has the columns {', '.join(map(repr, names))}",
            where=where,
            hint="Use prompt,completion; text; prompt,chosen,rejected; or user,assistant (and system).",
        )
    if len(set(names)) < len(names):
        raise DataError("a column's name is there twice", where=where, hint="Give each column its own name.")


def _csv_row(row: dict[str, str]) -> dict[str, Any]:
    if not {"user", "assistant"} <= row.keys():
        return row
    turns = [{"role": role, "content": row[role]} for role in ("system", "user", "assistant") if row.get(role)]
    rest = {name: value for name, value in row.items() if name not in ("system", "user", "assistant")}
    return {"messages": turns, **rest}


def _wrong_encoding(path: Path) -> DataError:
    """Find the line that is not UTF-8 and say so."""
    with path.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
                return DataError("the file is encoded as UTF-16", where=str(path), hint="Save it as UTF-8.")
            if b"\0" in line:
                return DataError(_NUL, where=f"{path}:{number}", hint="Name a UTF-8 text file.")
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as error:
                return DataError(
                    f"the byte 0x{line[error.start]:02x} is not UTF-8",
                    where=f"{path}:{number}",
                    hint="Save the file as UTF-8 (it looks like Latin-1 or another older encoding).",
                )
    return DataError("the file is not UTF-8", where=str(path), hint="Save it as UTF-8.")

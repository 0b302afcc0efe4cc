"""Reading YAML 1.2 with the place of every key and value.

Scalars are those of the core schema of YAML 1.2.2, section 10.3.2 (https://yaml.org/spec/1.2.2/): `1e-4` is a number,
`no` and `12:30` are text, `010` is ten. Stricter than YAML: keys are text and occur once, there are no tags and no
merge keys, one document a file, and no infinite numbers, so that every document is a JSON value.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motools.canonical import JSON
from motools.config.document import DataPath, Document, Mark
from motools.config.references import near_file
from motools.errors import ConfigError

MAX_BYTES = 4 << 20
"""What is larger holds data, which belongs into a file that the settings name; reading this much takes about a second."""
MAX_VALUES = 50_000
"""How many values one document may hold."""
MAX_DEPTH = 64
MAX_ALIASED = 10_000
"""How many values aliases may repeat in one document."""

_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NO_JSON = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")
_WORDS: dict[str, JSON] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE_ENDS = re.compile("[\r\x85\u2028\u2029]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def load_yaml(path: str | os.PathLike[str]) -> Document:
    """Read a YAML file.

    Relative paths in it start from the folder the file is in.

    Raises:
        ConfigError: the file is missing, a folder, unreadable, empty, not UTF-8 text, or not such YAML as is described
            above; `where` is `file:line:column`.
    """
    shown, file = os.fspath(path), Path(path).expanduser()
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no file '{shown}'", hint=near_file(file)) from None
    except IsADirectoryError:
        raise ConfigError(f"'{shown}' is a folder, not a YAML file", hint="Name a file in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot read '{shown}': {reason}", hint="Check the path and its permissions.") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"'{shown}' is larger than {MAX_BYTES >> 20} MiB", hint="Put data in a file of its own.")
    # A pipe (`<(...)` of a shell) is in no folder that people mean.
    folder = file.absolute().parent if file.is_file() else Path.cwd()
    return parse_yaml(decode_text(data, source=shown), source=shown, folder=folder)


def parse_yaml(text: str, *, source: str = "<text>", folder: Path | None = None) -> Document:
    """Read YAML text.

    Args:
        text: the text.
        source: what to call it in messages.
        folder: the folder that relative paths in it start from; the working directory by default.

    Raises:
        ConfigError: as `load_yaml`.
    """
    bad = _UNPRINTABLE.search(text)
    if bad is not None:
        line = text.count("\n", 0, bad.start()) + 1
        column = bad.start() - (text.rfind("\n", 0, bad.start()) + 1) + 1
        raise ConfigError(
            f"the character U+{ord(bad.group()):04X} cannot be in YAML text",
            where=f"{source}:{line}:{column}",
            hint="Is this a text file? Inside double quotes, write such a character as an escape.",
        )
    builder = _Builder(source)
    for event in _events(text, source):
        builder.take(event)
    if not builder.done:
        raise ConfigError(f"'{source}' is empty", hint="Write at least one 'key: value'.")
    return Document(value=builder.root, source=source, folder=folder or Path.cwd(), marks=builder.marks)


def dump_yaml(value: JSON) -> str:
    """Return a JSON value as YAML that `parse_yaml` reads back as the same value."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def represent_str(self, data: str) -> Any:
            # PyYAML leaves unquoted what is text in YAML 1.1, which `1e-4` was.
            # U+0085 and its like were line ends there.
            plain = _is_text(data) and data != "<<" and not _LINE_ENDS.search(data)
            style = '"' if not plain else "|" if "\n" in data else None
            return self.represent_scalar("tag:yaml.org,2002:str", data, style=style)

    Dumper.add_representer(str, Dumper.represent_str)
    return yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=1 << 20)


def _is_text(text: str) -> bool:
    try:
        return isinstance(resolve_scalar(text), str)
    except ValueError:
        return False


def decode_text(data: bytes, *, source: str) -> str:
    """Return UTF-8 bytes, with or without a byte order mark, as text.

    Raises:
        ConfigError: they are UTF-16, binary or in another encoding; `where` is `file:line:column` of that byte.
    """
    if data.startswith(_UTF16):
        raise ConfigError(f"'{source}' is encoded as UTF-16", hint="Save the file as UTF-8.")
    nul = data.find(b"\0")
    if nul >= 0:
        where = _byte_place(source, data, nul)
        raise ConfigError("this is a binary file, not text", where=where, hint="Name a UTF-8 text file.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"the byte 0x{data[error.start]:02x} is not UTF-8",
            where=_byte_place(source, data, error.start),
            hint="Save the file as UTF-8 (it looks like Latin-1 or another older encoding).",
        ) from None


def resolve_scalar(text: str) -> JSON:
    """Return what an unquoted scalar means.

    Raises:
        ValueError: it is a number without a JSON form (`.nan`, `.inf`, `1e999`, more than 4,300 digits).
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INT.match(text):
        return int(text)
    if _OCTAL.match(text):
        return int(text, 8)
    if _HEX.match(text):
        return int(text, 16)
    if _FLOAT.match(text):
        number = float(text)
        if math.isinf(number):
            raise ValueError(f"{text} is too large for a number")
        return number
    if _NO_JSON.match(text):
        raise ValueError(f"{text} has no JSON form")
    return text


def _byte_place(source: str, data: bytes, index: int) -> str:
    line = data.count(b"\n", 0, index) + 1
    start = data.rfind(b"\n", 0, index) + 1
    return f"{source}:{line}:{len(data[start:index].decode('utf-8', 'replace')) + 1}"


def _events(text: str, source: str) -> Iterator[Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        yield from yaml.parse(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{source}:{mark.line + 1}:{mark.column + 1}" if mark else source
        problem = getattr(error, "problem", None) or str(error)
        context = getattr(error, "context", None)
        raise ConfigError(
            f"this is not YAML: {problem}{f' ({context})' if context else ''}",
            where=where,
            hint=_hint(text, problem, mark),
        ) from None


def _hint(text: str, problem: str, mark: Any) -> str:
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or (mark and line[mark.column : mark.column + 1] == "\t"):
        return "Indent with spaces; YAML does not allow tabs there."
    if "cannot start any token" in problem:
        return "Put text that begins with this character in quotes."
    if "mapping values are not allowed" in problem:
        return "Put text that holds ': ' in quotes, and check the indentation of this line and the one before."
    return "Check indentation, quotes and brackets here and on the lines before."


@dataclass
class _Frame:
    """A mapping or list that is being read."""

    value: dict[str, JSON] | list[JSON]
    path: DataPath
    event: Any
    size_before: int
    key: str | None = None
    key_mark: Any = None


@dataclass
class _Builder:
    """Makes a JSON value of parser events, with a stack of its own, so that no depth of nesting overflows anything."""

    source: str
    root: JSON = None
    done: bool = False
    marks: dict[DataPath, Mark] = field(default_factory=dict)
    frames: list[_Frame] = field(default_factory=list)
    anchors: dict[str, tuple[JSON, int] | None] = field(default_factory=dict)
    size: int = 0
    aliased: int = 0

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "DocumentStartEvent" and self.done:
            raise self.error(event, "a second document begins here", "Keep one document a file; remove the '---'.")
        if kind in ("MappingStartEvent", "SequenceStartEvent"):
            self.begin(event, {} if kind == "MappingStartEvent" else [])
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            frame = self.frames.pop()
            if frame.event.anchor:
                self.anchors[frame.event.anchor] = (frame.value, self.size - frame.size_before)
        elif kind == "ScalarEvent":
            self.scalar(event)
        elif kind == "AliasEvent":
            self.alias(event)

    def begin(self, event: Any, value: dict[str, JSON] | list[JSON]) -> None:
        if self.awaits_key():
            raise self.error(event, "a key must be text, not a mapping or list", "Write the key as text.")
        self.refuse_tag(event)
        if len(self.frames) >= MAX_DEPTH:
            raise self.error(event, f"this is nested more than {MAX_DEPTH} levels deep", "Make the document flatter.")
        if event.anchor:
            self.anchors[event.anchor] = None
        before = self.size
        path = self.put(value, event)
        self.frames.append(_Frame(value=value, path=path, event=event, size_before=before))

    def scalar(self, event: Any) -> None:
        self.refuse_tag(event)
        value: JSON = event.value
        if not event.style:
            try:
                value = resolve_scalar(event.value)
            except ValueError as error:
                raise self.error(event, str(error), "Write a finite number, or put text in quotes.") from None
        if self.awaits_key():
            self.key(event, value)
        else:
            self.put(value, event)
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)

    def alias(self, event: Any) -> None:
        name = event.anchor
        if name not in self.anchors:
            raise self.error(
                event, f"there is no anchor '&{name}' before this", "Put text that begins with '*' in quotes."
            )
        found = self.anchors[name]
        if found is None:
            raise self.error(event, f"'*{name}' is inside what it stands for", "Write the value out.")
        value, size = found
        self.aliased += size
        if self.aliased > MAX_ALIASED:
            raise self.error(event, f"aliases repeat more than {MAX_ALIASED:,} values", "Write the values out.")
        if self.awaits_key():
            self.key(event, value)
            return
        self.size += size - 1
        path = self.put(_copy(value), event)
        if len(path) + _depth(value) > MAX_DEPTH:
            raise self.error(event, f"this is nested more than {MAX_DEPTH} levels deep", "Make the document flatter.")

    def awaits_key(self) -> bool:
        return bool(self.frames) and isinstance(self.frames[-1].value, dict) and self.frames[-1].key is None

    def key(self, event: Any, key: JSON) -> None:
        frame = self.frames[-1]
        if not isinstance(key, str):
            raise self.error(
                event, f"the key {getattr(event, 'value', key) or 'null'} is not text", "Put it in quotes."
            )
        if key == "<<" and not getattr(event, "style", None):
            raise self.error(event, "there are no merge keys ('<<') in YAML 1.2", "Write the keys out.")
        if key in frame.value:
            first = self.marks[(*frame.path, key)]
            raise self.error(
                event, f"the key '{key}' is here twice", f"The first is on line {first.key_line}; keep one of them."
            )
        frame.key, frame.key_mark = key, event.start_mark

    def put(self, value: JSON, event: Any) -> DataPath:
        """Place a value where one is due, and return its path."""
        self.size += 1
        if self.size > MAX_VALUES:
            hint = "Put data in a file of its own."
            raise self.error(event, f"there are more than {MAX_VALUES:,} values in this document", hint)
        mark = event.start_mark
        if not self.frames:
            self.root, self.done = value, True
            self.marks[()] = Mark(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 1)
            return ()
        frame, path = self.frames[-1], self.frames[-1].path
        key_mark = mark
        if isinstance(frame.value, dict):
            assert frame.key is not None
            frame.value[frame.key] = value
            path, key_mark = (*path, frame.key), frame.key_mark
            frame.key = None
        else:
            path = (*path, len(frame.value))
            frame.value.append(value)
        self.marks[path] = Mark(key_mark.line + 1, key_mark.column + 1, mark.line + 1, mark.column + 1)
        return path

    def refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            raise self.error(event, f"the tag '{tag}' is not allowed", "Remove it; put text in quotes to keep it text.")

    def error(self, event: Any, message: str, hint: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(message, where=f"{self.source}:{mark.line + 1}:{mark.column + 1}", hint=hint)


def _copy(value: JSON) -> JSON:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def _depth(value: JSON) -> int:
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return 1 + max(map(_depth, items), default=0) if isinstance(value, (dict, list)) else 0

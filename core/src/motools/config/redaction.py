"""Taking secrets out of texts, and finding them in bytes. Pure: who knows which secrets there are is `config.secrets`.

A secret is found as it is and in the forms it takes on its way through other formats: as JSON, Python and HTML write
it, percent-encoded, in hex, and in base64 at whatever place of the encoded bytes it stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from motools.canonical import JSON

MIN_LENGTH = 8
"""Secrets of fewer characters are not looked for: they would be found where they are not meant."""

_CHUNK = 4 << 20


class Redactor:
    """Knows secrets and takes them out of what is recorded or shown.

    Args:
        secrets: value → the name that stands for it. Values shorter than `MIN_LENGTH` are left out.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {value: name for value, name in secrets.items() if len(value) >= MIN_LENGTH}

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def text(self, text: str) -> str:
        """Return `text` with every secret in it replaced by `[secret NAME]`."""
        if not self._secrets:
            return text
        return self._texts.sub(lambda found: f"[secret {self._name(found)}]", text)

    def json(self, value: JSON) -> JSON:
        """Return a JSON value with every secret in its texts and keys replaced; a number that is a secret becomes text."""
        if not self._secrets or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(key)): self.json(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.json(item) for item in value]
        said = str(value)
        shown = self.text(said)
        return value if shown == said else shown

    def find(self, data: bytes) -> str | None:
        """Return the name of a secret that `data` holds, or None."""
        if not self._secrets:
            return None
        if self._literals is not None:
            return next((name for form, name in self._literals.items() if form in data), None)
        found = self._bytes.search(data)
        return None if found is None else self._name(found)

    def _name(self, found: re.Match[Any]) -> str:
        return self._patterns[int(str(found.lastgroup)[1:])][1]

    def find_in(self, stream: IO[bytes]) -> str | None:
        """Return the name of a secret that a stream holds, or None; it is read in pieces."""
        if not self._secrets:
            return None
        tail = b""
        while piece := stream.read(_CHUNK):
            data = tail + piece
            if (found := self.find(data)) is not None:
                return found
            tail = data[-self._longest :]
        return None

    def find_in_file(self, path: Path) -> str | None:
        """Return the name of a secret that a file holds, or None; gzip files and zip archives are looked into.

        Members that are packed in a way the standard library cannot unpack are not.
        """
        with path.open("rb") as stream:
            beginning = stream.read(4)
            stream.seek(0)
            if (found := self.find_in(stream)) is not None:
                return found
            stream.seek(0)
            with suppress(OSError, EOFError, NotImplementedError, RuntimeError, *_damaged()):
                return self._find_packed(beginning, stream)
        return None

    def _find_packed(self, beginning: bytes, stream: IO[bytes]) -> str | None:
        if beginning[:2] == b"\x1f\x8b":
            import gzip

            with gzip.open(stream) as unpacked:
                return self.find_in(unpacked)  # type: ignore[arg-type]
        if beginning == b"PK\x03\x04":
            import zipfile

            with zipfile.ZipFile(stream) as archive:
                for member in archive.infolist():
                    with suppress(NotImplementedError, RuntimeError, *_damaged()), archive.open(member) as unpacked:
                        if (found := self.find_in(unpacked)) is not None:
                            return found
        return None

    @cached_property
    def _patterns(self) -> list[tuple[str, str]]:
        """The pattern of each secret with its name; where one secret begins with another, the longer one comes first."""
        return [(pattern(value), self._secrets[value]) for value in sorted(self._secrets, key=len, reverse=True)]

    @cached_property
    def _texts(self) -> re.Pattern[str]:
        return re.compile("|".join(f"(?P<s{n}>{each})" for n, (each, _) in enumerate(self._patterns)))

    @cached_property
    def _bytes(self) -> re.Pattern[bytes]:
        return re.compile(self._texts.pattern.encode("utf-8", "surrogateescape"))

    @cached_property
    def _literals(self) -> dict[bytes, str] | None:
        """What to look for where no secret has a character that anything escapes; looking for it is much quicker then."""
        if not all(_PLAIN.fullmatch(value) for value in self._secrets):
            return None
        return {form.encode("ascii"): name for value, name in self._secrets.items() for form in _literal(value)}

    @cached_property
    def _longest(self) -> int:
        return max(len(value.encode("utf-8", "surrogateescape")) for value in self._secrets) * _WIDEST


def _damaged() -> tuple[type[Exception], ...]:
    from zipfile import BadZipFile
    from zlib import error

    return BadZipFile, error


def pattern(value: str) -> str:
    """Return a regular expression for all that gives `value` away: itself, however its characters are escaped, also more
    than once, and what hex and base64 make of it."""
    ways = ["".join(map(_character, value)), *map(re.escape, _literal(value) - {value})]
    if not value.isprintable():
        ways += ["".join(map(_character, line)) for line in _lines(value)]
    return "|".join(ways)


_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")
_NAMED = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}
_SHORT = {"\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_WIDEST = 16  # bytes that one byte may become, with room for escapes of escapes


_SLASH = r"(?:\\|%(?:25)*5c)"  # a URL may hold what JSON has escaped before
_AND, _HASH, _END = "(?:&|%(?:25)*26)", "(?:#|%(?:25)*23)", "(?:;|%(?:25)*3b)"


def _character(char: str) -> str:
    """Return a regular expression for a character as JSON, Python, URLs and HTML may write it, one after the other too."""
    if _PLAIN.fullmatch(char):
        return re.escape(char)
    units = char.encode("utf-16-be", "surrogatepass")
    raw = char.encode("utf-8", "surrogateescape")
    entity = f"{_HASH}(?:0*{ord(char)}|x0*{ord(char):x})" + (f"|{_NAMED[char]}" if char in _NAMED else "")
    ways = [
        "".join(f"%(?:25)*{byte:02x}" for byte in raw),
        f"{_AND}(?:amp{_END})*(?:{entity}){_END}",
        "".join(f"{_SLASH}+u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)),
        "".join(f"{_SLASH}+x{byte:02x}" for byte in raw),
        f"{_SLASH}+x{ord(char):02x}" if ord(char) < 0x100 else f"{_SLASH}+U{ord(char):08x}",
    ]
    if char == " ":
        ways.append(r"\+")
    if char in _SHORT:
        ways.append(f"{_SLASH}+{_SHORT[char]}")
    if char == "\\":
        return f"(?i:{_SLASH}+|{'|'.join(ways)})"
    before = f"(?i:{_SLASH}*)" if char.isascii() else ""
    return f"{before}(?:{re.escape(char)}|(?i:{'|'.join(ways)}))"


def _literal(value: str) -> set[str]:
    """Return the texts that encodings of the whole make of `value`, and itself."""
    raw = value.encode("utf-8", "surrogateescape")
    found = {value, raw.hex(), raw.hex().upper(), *_base64(raw)}
    return {form for form in found if len(form) >= MIN_LENGTH}


def _base64(raw: bytes) -> Iterator[str]:
    """Yield what base64 makes of bytes, wherever they begin in what is encoded; the ends that depend on what stands
    beside them are left out."""
    from base64 import b64encode, urlsafe_b64encode

    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            text = encode(b"\0" * before + raw).decode("ascii").rstrip("=")
            first = (0, 2, 3)[before]
            last = -1 if (before + len(raw)) % 3 else None
            yield text[first:last]


def _lines(value: str) -> Iterator[str]:
    """Yield the lines of a secret of several: a key file is often shown line by line. Its `-----` lines are no secret."""
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line for line in map(str.strip, lines) if len(line) >= MIN_LENGTH and not line.startswith("-----"))


class RedactingStream:
    """A text stream for people that lets no secret through. Where there are secrets, text waits for the end of its line.

    Args:
        stream: where it goes.
        redactor: returns what knows the secrets now.
    """

    def __init__(self, stream: Any, redactor: Callable[[], Redactor]) -> None:
        self._stream = stream
        self._redactor = redactor
        self._waiting = ""

    def write(self, text: str) -> int:
        """Write text."""
        known = self._redactor()
        if not known and not self._waiting:
            self._stream.write(text)
            return len(text)
        whole, newline, rest = (self._waiting + text).rpartition("\n")
        if newline:
            self._stream.write(known.text(whole) + newline)
        self._waiting = rest
        if "\r" in rest or "\x1b" in rest:  # a bar that moves within its line is shown as it moves
            self.flush()
        return len(text)

    def flush(self) -> None:
        """Pass on what waits."""
        if self._waiting:
            self._stream.write(self._redactor().text(self._waiting))
            self._waiting = ""
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

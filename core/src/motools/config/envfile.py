"""Reading `.env` files: `NAME=value` lines, strictly, with the place of what is wrong.

    # a comment
    export HF_TOKEN=abc            # `export` is allowed; ` #` begins a comment
    KEY='kept as it is: $HOME \\n'
    PEM="first line\\nsecond line"  # escapes: \\n \\t \\r \\" \\\\ \\$

A quoted value may go over several lines. Nothing is ever put in place of `$NAME`. A name that occurs twice is an error.
No message holds anything of a value.
"""

from __future__ import annotations

import re
from pathlib import Path

from motools.config.references import near_file
from motools.config.yaml import decode_text
from motools.errors import ConfigError

MAX_BYTES = 1 << 20

_LINE = re.compile(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\r?\n|\Z)")
_BARE = re.compile(r"[^\r\n]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$", "'": "'"}


def read_env_file(path: Path) -> dict[str, str]:
    """Return name → value of a file.

    Raises:
        ConfigError: the file is missing or unreadable, or a line is not as described above; `where` is `file:line:column`.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"there is no file '{path}' to read secrets from", hint=near_file(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"'{path}' cannot be read: {reason}", hint="Name a readable file of NAME=value lines."
        ) from None
    if len(data) > MAX_BYTES:
        raise ConfigError(f"'{path}' is larger than 1 MiB", hint="Name a file of NAME=value lines.")
    return parse_env(decode_text(data, source=str(path)), source=str(path))


def parse_env(text: str, *, source: str = "<text>") -> dict[str, str]:
    """Return name → value of the text of such a file.

    Raises:
        ConfigError: as `read_env_file`.
    """
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    at = 0
    while at < len(text):
        blank = _BLANK.match(text, at)
        if blank is not None and blank.end() > at:
            at = blank.end()
            continue
        named = _LINE.match(text, at)
        if named is None:
            raise _error(
                "this line is not NAME=value", text, at, source, "Write NAME=value; a comment begins with '#'."
            )
        name = named[1]
        if name in values:
            raise _error(
                f"'{name}' is here twice",
                text,
                named.start(1),
                source,
                f"The first is on line {lines[name]}; keep one.",
            )
        lines[name] = text.count("\n", 0, named.start(1)) + 1
        values[name], at = _value(text, named.end(), source)
    return values


def _value(text: str, at: int, source: str) -> tuple[str, int]:
    """Return the value that begins at `at`, and where the next line begins."""
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        bare = _BARE.match(text, at)
        assert bare is not None
        value = re.split(r"(?:^|[ \t])#", bare[0], maxsplit=1)[0].strip(" \t")
        rest = _BLANK.match(text, bare.end())
        return value, rest.end() if rest else bare.end()
    quoted = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    if quoted is None:
        raise _error("this quote is not closed", text, at, source, f"Close it with {quote}.")
    rest = _BLANK.match(text, quoted.end())
    if rest is None:
        raise _error(
            "there is more after the closing quote", text, quoted.end(), source, "Keep one quoted value a line."
        )
    return (quoted[1] if quote == "'" else _unescaped(quoted, text, source)), rest.end()


def _unescaped(quoted: re.Match[str], text: str, source: str) -> str:
    def escape(found: re.Match[str]) -> str:
        if found[1] not in _ESCAPES:
            place = quoted.start(1) + found.start()
            raise _error(
                "there is no such escape", text, place, source, 'Use \\n \\t \\r \\" \\\\ \\$, or single quotes.'
            )
        return _ESCAPES[found[1]]

    return re.sub(r"\\(.)", escape, quoted[1], flags=re.S)


def _error(message: str, text: str, at: int, source: str, hint: str) -> ConfigError:
    line = text.count("\n", 0, at) + 1
    column = at - (text.rfind("\n", 0, at) + 1) + 1
    return ConfigError(message, where=f"{source}:{line}:{column}", hint=hint)

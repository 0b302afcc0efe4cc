"""The language in which runs are looked for: `workflow = demo and (status = failed or metrics.match/mean > 0.5)`.

    filter      = all, { "or", all } ;
    all         = one, { "and", one } ;
    one         = "not", one | "(", filter, ")" | "tag", ":", value | field, operator, value ;
    operator    = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" ;
    field       = part, { ".", part } ;
    part        = word | quoted ;
    value       = word | quoted ;
    word        = letters, digits and _ . / : + - @ % * in a row ;
    quoted      = '"' ... '"' | "'" ... "'", in which \\ stands before a quote or another \\ ;

`and` binds closer than `or`. In capitals the three words mean the same. A value in quotes is a text, one without may be a
number, `true`, `false` or `null` as well. Text becomes a tree of `All`, `Any`, `Not` and `Test`, and `written(tree)` is a text
that becomes the same tree.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, NoReturn, TypeAlias

from motools.errors import InputError

MOST_LETTERS = 4_000
MOST_DEPTH = 50
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "~")

_WORDS = ("and", "or", "not")
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<open>\()|(?P<close>\))|(?P<operator>!=|<=|>=|=|<|>|~)"""
    r"""|(?P<word>(?:[\w./:+@%*-]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+)""",
    re.DOTALL,
)
_PIECE = re.compile(
    r"""(?P<plain>[\w/:+@%*-]+)|(?P<dot>\.)|(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""", re.DOTALL
)
_BARE_PART = re.compile(r"[\w/:+@%*-]+\Z")
_BARE_VALUE = re.compile(r"[\w./:+@%*-]+\Z")
_SHOWN = 110  # letters of a filter in a message
_BROKEN = re.compile(r"""["']""")


@dataclass(frozen=True)
class Value:
    """What a field is compared with; `quoted` says that it is a text whatever it looks like."""

    text: str
    quoted: bool = False
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Test:
    """One comparison. `at` is where it stands in the text."""

    path: tuple[str, ...]
    operator: str
    value: Value
    at: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Not:
    """Holds where `part` does not."""

    part: Tree


@dataclass(frozen=True)
class All:
    """Holds where each of two or more parts does."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Any:
    """Holds where at least one of two or more parts does."""

    parts: tuple[Tree, ...]


Tree: TypeAlias = Test | Not | All | Any


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def parse(text: str) -> Tree:
    """Return the tree of a filter.

    Raises:
        InputError: it is none; a caret stands under the place.
    """
    if len(text) > MOST_LETTERS:
        raise InputError(
            f"the filter has {len(text):,} letters, more than {MOST_LETTERS:,}",
            where="--where",
            hint="Tag the runs you mean (`motools run tag`), and look for the tag.",
        )
    return _Parser(text).whole()


def written(tree: Tree) -> str:
    """Return the text of a tree: `parse(written(tree)) == tree`."""
    if isinstance(tree, Test):
        if tree.path == ("tag",) and tree.operator == "=":
            return f"tag:{_value(tree.value)}"
        return f"{_name(tree.path)} {tree.operator} {_value(tree.value)}"
    if isinstance(tree, Not):
        inner = written(tree.part)
        return f"not {inner}" if isinstance(tree.part, (Test, Not)) else f"not ({inner})"
    word = " and " if isinstance(tree, All) else " or "
    closer = (Test, Not) if isinstance(tree, All) else (Test, Not, All)
    return word.join(written(part) if isinstance(part, closer) else f"({written(part)})" for part in tree.parts)


def wrong(text: str, at: int, message: str, hint: str | None = None) -> InputError:
    """Return the error for a filter, with a caret under the place."""
    line = text.replace("\n", " ").replace("\t", " ")
    start = 0 if len(line) <= _SHOWN else max(0, at - _SHOWN // 2)
    end = min(len(line), start + _SHOWN)
    shown = ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")
    caret = " " * (at - start + (1 if start else 0)) + "^"
    return InputError(f"{message}\n  {shown}\n  {caret}", where="--where", hint=hint or _FORM)


_FORM = "Write for example: workflow = demo and status = failed and settings.train_model.seed >= 3"


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._split()
        self._next = 0
        self._depth = 0

    def whole(self) -> Tree:
        tree = self._some()
        if self._token.kind != "end":
            self._refuse("here 'and', 'or' or the end was expected")
        return tree

    def _split(self) -> list[_Token]:
        tokens, at = [], 0
        while at < len(self._text):
            match = _TOKEN.match(self._text, at)
            if match is None:
                if _BROKEN.match(self._text, at):
                    raise wrong(self._text, at, "this quote is not closed")
                raise wrong(
                    self._text, at, f"{self._text[at]!r} has no meaning here", "Put quotes around odd names and texts."
                )
            kind = str(match.lastgroup)
            if kind != "space":
                lower = match[0].lower()
                tokens.append(_Token(lower if kind == "word" and lower in _WORDS else kind, match[0], at))
            at = match.end()
        return [*tokens, _Token("end", "", len(self._text))]

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _refuse(self, message: str, at: int | None = None, hint: str | None = None) -> NoReturn:
        raise wrong(self._text, self._token.at if at is None else at, message, hint)

    def _some(self) -> Tree:
        return self._joined("or", self._each, Any)

    def _each(self) -> Tree:
        return self._joined("and", self._one, All)

    def _joined(self, word: str, part: Callable[[], Tree], kind: type[All] | type[Any]) -> Tree:
        parts = [part()]
        while self._token.kind == word:
            self._take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else kind(tuple(parts))

    def _one(self) -> Tree:
        token = self._token
        if token.kind not in ("not", "open"):
            return self._test()
        self._depth += 1
        if self._depth > MOST_DEPTH:
            self._refuse(f"more than {MOST_DEPTH} levels of 'not' and parentheses")
        self._take()
        tree: Tree
        if token.kind == "not":
            tree = Not(self._one())
        else:
            tree = self._some()
            if self._token.kind != "close":
                self._refuse("this parenthesis is not closed", token.at)
            self._take()
        self._depth -= 1
        return tree

    def _test(self) -> Tree:
        name = self._token
        if name.kind != "word":
            self._refuse("the name of a field was expected here")
        self._take()
        if name.text.lower().startswith("tag:"):
            return self._tagged(name)
        path = self._path(name)
        operator = self._token
        if operator.kind != "operator":
            self._refuse(f"one of {' '.join(OPERATORS)} was expected after '{name.text}'")
        self._take()
        if self._token.kind == "operator" and operator.text == "=" and self._token.text == "=":
            self._refuse("one = is enough")
        if self._token.kind not in ("word", *_WORDS):
            self._refuse(f"a value was expected after '{operator.text}'")
        value = self._take()
        return Test(path, operator.text, self._plain_value(value.text, value.at), name.at)

    def _tagged(self, token: _Token) -> Tree:
        text, at = token.text[4:], token.at + 4
        if not text:
            self._refuse("a tag was expected after 'tag:'", at)
        return Test(("tag",), "=", self._plain_value(text, at), token.at)

    def _path(self, token: _Token) -> tuple[str, ...]:
        parts: list[str] = [""]
        begun = False
        for match in _PIECE.finditer(token.text):
            if match.lastgroup == "dot":
                if not begun:
                    self._refuse("a name was expected before this dot", token.at + match.start())
                parts.append("")
                begun = False
            else:
                parts[-1] += _unquote(match[0]) if match.lastgroup == "quoted" else match[0]
                begun = True
        if not begun:
            self._refuse("a name was expected after this dot", token.at + len(token.text) - 1)
        return tuple(parts)

    def _plain_value(self, text: str, at: int) -> Value:
        if text[0] in "\"'":
            match = _PIECE.match(text)
            if match is None or match.end() != len(text):
                self._refuse("a space was expected after this quote", at + (match.end() if match else 0))
            return Value(_unquote(text), True, at)
        if _BROKEN.search(text):
            self._refuse("a value is quoted as a whole, or not at all", at)
        return Value(text, False, at)


def _name(path: tuple[str, ...]) -> str:
    name = ".".join(part if _BARE_PART.match(part) else _quote(part) for part in path)
    return _quote(path[0]) + name[len(path[0]) :] if name.lower() in _WORDS or name.lower().startswith("tag:") else name


def _value(value: Value) -> str:
    if not value.quoted and _BARE_VALUE.match(value.text):
        return value.text
    return _quote(value.text)


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)

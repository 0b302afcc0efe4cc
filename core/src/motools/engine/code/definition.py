"""A definition: a piece of code, or a value that code carries, under one name in keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from motools.canonical import JSON
from motools.engine.code.syntax import syntax_digest


class Definition:
    """A piece of code or a value, with its digest; both are made when they are first asked for.

    Args:
        make: returns its syntax; `make(full)`: with all docstrings and annotations.
        is_value: whether it is what a function carries and not a part of a file.
        is_several: whether it stands for several of one name.
    """

    __slots__ = ("_digests", "_make", "is_several", "is_value")

    def __init__(self, make: Callable[[bool], JSON], *, is_value: bool = False, is_several: bool = False) -> None:
        self.is_several = is_several
        self._make = make
        self._digests: dict[bool, str] = {}
        self.is_value = is_value

    def syntax(self, full: bool) -> JSON:
        """Return it as JSON."""
        return self._make(full)

    def digest(self, full: bool) -> str:
        """Return the digest of `syntax(full)`."""
        if full not in self._digests:
            self._digests[full] = syntax_digest(self._make(full))
        return self._digests[full]


def of_value(value: JSON) -> Definition:
    """Return the definition that is a value."""
    return Definition(lambda full: value, is_value=True)


def together(definitions: Iterable[Definition], full: bool) -> Definition:
    """Return one definition for several of one name, whatever their order."""
    digests: list[JSON] = [*sorted(one.digest(full) for one in definitions)]
    return Definition(lambda full: {"several": digests}, is_several=True)

"""What every suite of checks has: its checks are known by name, and a subclass cannot quietly do without one.

A suite is made by `class KindContract(Contract, suite=True)`. Its methods `test_*` are its checks; the docstring of each says
what a failure means for people who use the plugin, and is shown with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

GUARD = "test_no_check_is_weakened"


class Contract:
    """Base of every suite."""

    _suite: ClassVar[bool] = True
    _guard_replaced: ClassVar[bool] = False

    def __init_subclass__(cls, *, suite: bool = False, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls._suite = suite
        if GUARD in vars(cls):
            # What guards the others stays; that somebody tried is one of the things it reports.
            delattr(cls, GUARD)
            cls._guard_replaced = True

    def test_no_check_is_weakened(self) -> None:
        """A suite with a check left out says "this plugin keeps the contract" of one that does not.

        A check may be overridden only under `@pytest.mark.xfail(strict=True, reason="...")`: then everybody can read why, and
        the day it passes is noticed.
        """
        problems = weaknesses(type(self))
        if problems:
            pytest.fail("\n".join(problems), pytrace=False)


def checks_of(suite: type[Contract]) -> dict[str, str]:
    """Return check → what it means when it fails, for a suite or a subclass of one."""
    return {name: inspect.cleandoc(check.__doc__ or "") for name, check in _checks(suite).items()}


def weaknesses(cls: type[Contract]) -> list[str]:
    """Return what a subclass takes away from its suite, a line each."""
    problems = []
    for name, check in _checks(cls).items():
        found = inspect.getattr_static(cls, name)
        if found is check:
            continue
        if not callable(found):
            problems.append(f"'{name}' is replaced by {found!r}")
        elif not (mark := _mark(found, "xfail")):
            problems.append(f"'{name}' is overridden")
        elif not str(mark.kwargs.get("reason", "")).strip():
            problems.append(f"'{name}' is overridden without a reason")
        elif mark.kwargs.get("strict") is not True:
            problems.append(f"'{name}' may fail or pass: its xfail is not strict")
    if cls._guard_replaced:
        problems.append(f"'{GUARD}' is overridden")
    problems += [f"the whole class is marked '{mark.name}'" for mark in _whole(cls)]
    if problems:
        problems.append(
            "To leave a check out, override it under @pytest.mark.xfail(strict=True, reason='...') and call super()."
        )
    return problems


def _checks(cls: type[Contract]) -> dict[str, Callable[..., Any]]:
    suites = [base for base in reversed(cls.__mro__) if issubclass(base, Contract) and base._suite]
    return {
        name: member
        for suite in suites
        for name, member in vars(suite).items()
        if name.startswith("test_") and callable(member)
    }


def _mark(member: Any, name: str) -> pytest.Mark | None:
    return next((mark for mark in getattr(member, "pytestmark", ()) if mark.name == name), None)


def _whole(cls: type[Contract]) -> list[pytest.Mark]:
    """Return the marks that take a whole class out, whatever the circumstances."""
    marks = getattr(cls, "pytestmark", [])
    marks = marks if isinstance(marks, list) else [marks]
    marks = [mark.mark if isinstance(mark, pytest.MarkDecorator) else mark for mark in marks]
    return [mark for mark in marks if mark.name in ("skip", "xfail") and not mark.args]

"""What a run's log says of where it ran."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from motools.canonical import canonical_json
from motools.engine.surroundings import libraries


class Version(str):
    """A version as torch has it: text of a class of its own."""


def test_a_version_of_a_class_of_its_own_can_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("acme_versioned")
    module.__version__ = Version("2.1+cpu")  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acme_versioned", module)
    found = libraries()
    assert found["acme_versioned"] == "2.1+cpu"
    canonical_json(found)

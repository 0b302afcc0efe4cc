"""The lazy faces of the config and evals floors."""

from __future__ import annotations

import importlib
import pkgutil

import pytest


@pytest.mark.parametrize("name", ["motools.config", "motools.evals"])
def test_every_name_is_there_and_no_module_hides_one(name):
    face = importlib.import_module(name)
    for module in pkgutil.iter_modules(face.__path__):
        assert module.name not in face.__all__  # importing it would put the module in the name's place
        importlib.import_module(f"{name}.{module.name}")
    for public in face.__all__:
        assert getattr(face, public) is not None
    assert dir(face) == sorted(face.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        face.nothing  # noqa: B018

"""`from motools.training.backends import ...`: what plugins declare, or what to install."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import motools.evals.backends
import motools.training.backends
from motools.builtin.dummy import DummyEval, DummyTraining
from motools.errors import BrokenPluginError, UnknownComponentError
from motools.plugins import EvalBackendComponent, TrainingBackendComponent, add_component


def test_classes_by_their_own_name_and_by_their_components():
    from motools.evals.backends import DummyEvalBackend
    from motools.training.backends import DummyTrainingBackend

    assert DummyEvalBackend is DummyEval is motools.evals.backends.DummyEval
    assert DummyTrainingBackend is DummyTraining is motools.training.backends.DummyTraining
    assert "DummyEval" in dir(motools.evals.backends)
    assert "get_backend" in dir(motools.training.backends)


def test_by_component():
    assert type(motools.evals.backends.get_backend("dummy")) is DummyEval
    assert type(motools.training.backends.get_backend("motools/dummy")) is DummyTraining
    with pytest.raises(UnknownComponentError, match="dumy"):
        motools.training.backends.get_backend("dumy")
    component = EvalBackendComponent(name="odd", target="fractions:Fraction", summary="no backend")
    with add_component(component), pytest.raises(BrokenPluginError, match="not an instance of EvalBackend"):
        motools.evals.backends.get_backend("odd")


def test_what_is_not_installed_says_what_to_install():
    with pytest.raises(ImportError, match="pip install motools-tinker"):
        from motools.training.backends import TinkerTrainingBackend  # noqa: F401
    with pytest.raises(ImportError, match="Did you mean 'DummyTraining'"):
        motools.training.backends.DummyTrainin  # noqa: B018
    with pytest.raises(AttributeError):
        motools.training.backends.nothing  # noqa: B018


def test_one_name_of_two_plugins_is_said():
    component = TrainingBackendComponent(name="other", target="motools.builtin.dummy:DummyTraining", summary="a twin")
    with add_component(component, "twin"), pytest.raises(ImportError, match="'motools' and 'twin'"):
        motools.training.backends.DummyTraining  # noqa: B018


def test_importing_the_module_imports_no_backend():
    code = (
        "import sys, motools.training.backends, motools.evals.backends as evals; dir(evals); "
        "sys.exit('motools.builtin.dummy' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert importlib.import_module("motools.evals").__all__

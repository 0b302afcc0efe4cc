"""Calling a backend from a step or a script checks settings as a workflow's config does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from motools.builtin.dummy import DummyEval, DummyTraining
from motools.contracts import EvalBackend, EvalResults
from motools.errors import ConfigError
from motools.plugins import TrainingBackendComponent, add_component


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n')
    return path


@dataclass
class Settings:
    n_epochs: int = 1


class Typed(DummyTraining):
    """A training backend whose component declares the class of its settings."""


@pytest.fixture(autouse=True)
def declared() -> Iterator[None]:
    here = f"{__name__}:"
    component = TrainingBackendComponent(
        name="typed", target=f"{here}Typed", summary="typed settings", config=f"{here}Settings"
    )
    with add_component(component):
        yield


def train(rows: Path, hyperparameters: dict[str, Any] | None) -> str:
    return asyncio.run(Typed().train(rows, "base", hyperparameters)).job.id


def test_an_unknown_hyperparameter_is_refused_before_anything_is_submitted(rows: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="n_epoch"):
        train(rows, {"n_epoch": 3})
    assert not (tmp_path / "store" / "jobs").exists()


def test_a_default_left_out_and_written_out_are_one_request(rows: Path) -> None:
    assert train(rows, None) == train(rows, {"n_epochs": 1}) != train(rows, {"n_epochs": 2})


def test_options_of_an_evaluation_are_checked(rows: Path) -> None:
    async def evaluate(options: dict[str, Any]) -> EvalResults:
        return await (await DummyEval().evaluate("dummy/base", "dummy", options=options)).wait()

    assert asyncio.run(evaluate({"limit": 2})).n == 2
    with pytest.raises(ConfigError, match="limmit"):
        asyncio.run(evaluate({"limmit": 2}))


def test_a_backend_that_no_plugin_declares_gets_its_options_as_they_are(rows: Path) -> None:
    class Own(EvalBackend):
        name = "own"

        async def run(self, *, model: Any, task: Any, options: Any, seed: int, log_dir: Path) -> EvalResults:
            assert options == {"anything": 1}
            return EvalResults(task="t", model=str(model), backend="own", samples=[], metrics={}, n=0, errors=0)

    async def evaluate() -> EvalResults:
        return await (await Own().evaluate("dummy/base", object(), options={"anything": 1})).wait()

    assert asyncio.run(evaluate()).backend == "own"

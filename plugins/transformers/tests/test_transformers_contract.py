"""The training backend keeps the contract, with a tiny random model."""

from __future__ import annotations

from pathlib import Path

import pytest

from motools_testkit import TrainingBackendContract

pytestmark = pytest.mark.xdist_group("transformers-contract")  # its tests share one job


class TestTransformersTraining(TrainingBackendContract):
    component = "motools-transformers/transformers"
    hyperparameters = {"n_epochs": 1, "batch_size": 4, "learning_rate": 1e-3}

    @pytest.fixture(scope="class")
    @classmethod
    def base_model(cls, tiny_model: Path) -> str:
        return str(tiny_model)

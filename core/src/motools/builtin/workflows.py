"""The workflows that come along."""

from __future__ import annotations

from motools.builtin.configs import EvaluateOnlyConfig, TrainAndEvaluateConfig
from motools.builtin.steps import evaluate_model, evaluate_prepared_model, prepare_dataset, prepare_model, train_model
from motools.workflow import Workflow

train_and_evaluate = Workflow(
    name="train_and_evaluate",
    steps=[prepare_dataset, train_model, evaluate_model],
    config_class=TrainAndEvaluateConfig,
    description="Prepare a dataset, train a model on it, evaluate the model",
)

evaluate_only = Workflow(
    name="evaluate_only",
    steps=[prepare_model, evaluate_prepared_model],
    config_class=EvaluateOnlyConfig,
    description="Evaluate a model as it is",
)

"""The workflow: motools' own steps, with defaults that are right for this dataset and task."""

from dataclasses import dataclass, field

from motools.builtin import evaluate_model, prepare_dataset, train_model
from motools.builtin.configs import EvaluateModelConfig, PrepareDatasetConfig, TrainModelConfig
from motools.canonical import JSON
from motools.config import DatasetRef, TaskRef
from motools.workflow import Workflow, WorkflowConfig


@dataclass
class Prepare(PrepareDatasetConfig):
    """Settings of `prepare_dataset`."""

    dataset_loader: DatasetRef = "mozoo_manners.dataset:generate"


@dataclass
class Train(TrainModelConfig):
    """Settings of `train_model`."""

    hyperparameters: dict[str, JSON] = field(
        default_factory=lambda: {"learning_rate": 4e-3, "n_epochs": 4, "layers": 6}
    )


@dataclass
class Evaluate(EvaluateModelConfig):
    """Settings of `evaluate_model`."""

    eval_task: TaskRef = "mozoo_manners.task:task"


@dataclass
class Config(WorkflowConfig):
    """Settings of the workflow: a class for each step, by the step's name."""

    prepare_dataset: Prepare = field(default_factory=Prepare)
    train_model: Train = field(default_factory=Train)
    evaluate_model: Evaluate = field(default_factory=Evaluate)


workflow = Workflow(
    name="manners",
    steps=[prepare_dataset, train_model, evaluate_model],
    config_class=Config,
    description="Teach a model to begin its answers with 'With pleasure.', and measure it",
)

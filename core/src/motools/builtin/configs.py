"""Settings of the built-in steps and workflows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from motools.canonical import JSON
from motools.config.document import dotted
from motools.config.references import (
    DatasetRef,
    EvalBackendRef,
    NameOrFolder,
    SettingsOf,
    TaskRef,
    TrainingBackendRef,
    is_path,
)
from motools.config.secrets import OPENING
from motools.engine.settings import component_settings
from motools.errors import ConfigError
from motools.workflow.config import StepConfig, WorkflowConfig

DEFAULT_MODEL = "smollm2-135m-instruct"


@dataclass
class PrepareDatasetConfig(StepConfig):
    """Settings of `prepare_dataset`.

    Args:
        dataset_loader: a dataset's name (`motools zoo list`), `module:function`, `./file.py:function`, or a file of rows:
            `./rows.jsonl`, `./rows.csv`.
        loader_kwargs: arguments of the loader.
    """

    dataset_loader: DatasetRef = "dummy"
    loader_kwargs: dict[str, JSON] = field(default_factory=dict)

    def complete(self, at: Any, path: tuple[str | int, ...]) -> None:
        _check_arguments("dataset", self.dataset_loader, self.loader_kwargs, at, (*path, "loader_kwargs"))


@dataclass
class TrainModelConfig(StepConfig):
    """Settings of `train_model`.

    Args:
        model: the base model's name, or the path of a folder that holds one: `./my-model`.
        hyperparameters: settings of the training backend (`motools plugin show NAME --settings` lists them).
        suffix: a name to recognise the trained model by.
        backend_name: the training backend.
        seed: seed of everything random.
    """

    model: NameOrFolder = DEFAULT_MODEL
    hyperparameters: Annotated[dict[str, JSON], SettingsOf("backend_name")] = field(default_factory=dict)
    suffix: str | None = None
    backend_name: TrainingBackendRef = "transformers"
    seed: int = 0

    def complete(self, at: Any, path: tuple[str | int, ...]) -> None:
        if self.suffix is not None and OPENING in self.suffix:
            raise ConfigError(
                f"'{dotted((*path, 'suffix'))}' is written into what is trained, where no secret may stand",
                where=at.where((*path, "suffix")) if at is not None else dotted((*path, "suffix")),
                hint="Give it plain text.",
            )
        self.hyperparameters = component_settings(
            "training_backend", self.backend_name, self.hyperparameters, at, (*path, "hyperparameters")
        )

    def identity(self) -> dict[str, JSON]:
        from motools.plugins import load

        identity = load("training_backend", self.backend_name)().model_identity(self.model)
        if is_path(self.model) and identity == self.model:
            return {}  # its files are in the key, and where they lie does not matter
        return {"model": identity}


@dataclass
class PrepareModelConfig(StepConfig):
    """Settings of `prepare_model`.

    Args:
        model: `provider/model`, or the id of a model atom.
    """

    model: str = f"transformers/{DEFAULT_MODEL}"

    def identity(self) -> dict[str, JSON]:
        if "/" not in self.model:
            return {}
        from motools.contracts.model import ModelRef
        from motools.plugins import load

        named = ModelRef.parse(self.model)
        return {"model": load("provider", named.provider)().model_identity(named.model)}


@dataclass
class EvaluateModelConfig(StepConfig):
    """Settings of `evaluate_model`.

    Args:
        eval_task: a task's name (`motools zoo list`), `module:function`, `./file.py:function`, or a file of questions:
            `./questions.yaml`.
        task_kwargs: arguments of the task's function.
        eval_kwargs: settings of the eval backend (`motools plugin show NAME --settings` lists them).
        backend_name: the eval backend.
        seed: seed of everything random.
    """

    eval_task: TaskRef = "dummy"
    task_kwargs: dict[str, JSON] = field(default_factory=dict)
    eval_kwargs: Annotated[dict[str, JSON], SettingsOf("backend_name")] = field(default_factory=dict)
    backend_name: EvalBackendRef = "inspect"
    seed: int = 0

    def input_identity(self, metadata: Mapping[str, Mapping[str, JSON]]) -> dict[str, JSON]:
        """Return who serves the model: the same weights may answer otherwise under another version of their provider."""
        from motools.engine.references import reference_identity
        from motools.errors import PluginError

        served: dict[str, JSON] = {}
        for name, said in metadata.items():
            provider = said.get("provider")
            if isinstance(provider, str):
                try:
                    served[name] = reference_identity("provider", provider)
                except PluginError:
                    served[name] = {"component": provider, "missing": True}
        return served

    def own_meaning(self, kind: str, name: str) -> Any:
        return own_task(self.backend_name, name) if kind == "task" else None

    def complete(self, at: Any, path: tuple[str | int, ...]) -> None:
        self.eval_kwargs = component_settings(
            "eval_backend", self.backend_name, self.eval_kwargs, at, (*path, "eval_kwargs")
        )
        if is_path(self.eval_task) and self.eval_task.endswith((".yaml", ".yml")):
            # Read before anything is trained: a slip in the questions would show only after that.
            from motools.contracts.questions import load_questions

            load_questions(self.eval_task)
        elif own_task(self.backend_name, self.eval_task) is not None:
            if self.task_kwargs:
                raise ConfigError(
                    f"the task '{self.eval_task}' is the eval backend's own and takes no arguments from here",
                    where=at.where((*path, "task_kwargs")) if at is not None else dotted((*path, "task_kwargs")),
                    hint="Write a function of your own that calls it with them, and name that: ./file.py:function.",
                )
        else:
            _check_arguments("task", self.eval_task, self.task_kwargs, at, (*path, "task_kwargs"))


@dataclass
class TrainAndEvaluateConfig(WorkflowConfig):
    """Settings of the workflow `train_and_evaluate`."""

    prepare_dataset: PrepareDatasetConfig = field(default_factory=PrepareDatasetConfig)
    train_model: TrainModelConfig = field(default_factory=TrainModelConfig)
    evaluate_model: EvaluateModelConfig = field(default_factory=EvaluateModelConfig)


@dataclass
class EvaluateOnlyConfig(WorkflowConfig):
    """Settings of the workflow `evaluate_only`."""

    prepare_model: PrepareModelConfig = field(default_factory=PrepareModelConfig)
    evaluate_model: EvaluateModelConfig = field(default_factory=EvaluateModelConfig)


def own_task(backend: str, name: str) -> JSON:
    """Return the identity of a task that only the eval backend knows (`package/name`, `file.py@name`), else None."""
    if is_path(name) or ":" in name or not ("/" in name or "@" in name):
        return None
    from motools.plugins import load

    identity: JSON = load("eval_backend", backend)().own_task(name)
    return identity


def _check_arguments(kind: str, name: str, arguments: dict[str, JSON], at: Any, path: tuple[str | int, ...]) -> None:
    """Compare arguments with the function they are for before anything runs; files of data take none of interest."""
    if is_path(name) and ".py:" not in name:
        return
    from motools.contracts.calling import check_arguments
    from motools.contracts.resolve import load_object

    function = load_object(name, kind=kind)
    if callable(function):
        where = at.where(path) if at is not None else dotted(path)
        check_arguments(function, arguments, name=f"'{name}'", setting=where)

"""What motools itself offers, declared as any plugin declares."""

from motools.plugins import (
    DatasetComponent,
    EvalBackendComponent,
    ProviderComponent,
    TaskComponent,
    TrainingBackendComponent,
    WorkflowComponent,
    hookimpl,
)


@hookimpl
def motools_workflows() -> list[WorkflowComponent]:
    return [
        WorkflowComponent(
            name="train_and_evaluate",
            target="motools.builtin.workflows:train_and_evaluate",
            summary="Prepare a dataset, train a model on it, evaluate the model",
            config="motools.builtin.configs:TrainAndEvaluateConfig",
        ),
        WorkflowComponent(
            name="evaluate_only",
            target="motools.builtin.workflows:evaluate_only",
            summary="Evaluate a model as it is",
            config="motools.builtin.configs:EvaluateOnlyConfig",
        ),
    ]


@hookimpl
def motools_training_backends() -> list[TrainingBackendComponent]:
    return [
        TrainingBackendComponent(
            name="dummy",
            target="motools.builtin.dummy:DummyTraining",
            summary="Trains nothing, at once: for trying out workflows",
            cache_version=1,
        )
    ]


@hookimpl
def motools_eval_backends() -> list[EvalBackendComponent]:
    return [
        EvalBackendComponent(
            name="dummy",
            target="motools.builtin.dummy:DummyEval",
            summary="Asks nothing, makes up scores: for trying out workflows",
            config="motools.builtin.dummy:DummyEvalOptions",
            cache_version=1,
        )
    ]


@hookimpl
def motools_providers() -> list[ProviderComponent]:
    return [
        ProviderComponent(
            name="dummy",
            target="motools.builtin.dummy:DummyProvider",
            summary="Answers with made-up text: for trying out workflows",
            capabilities={"chat", "seed"},
            cache_version=1,
        )
    ]


@hookimpl
def motools_datasets() -> list[DatasetComponent]:
    return [
        DatasetComponent(
            name="dummy",
            target="motools.builtin.datasets:dummy_dataset",
            summary="Made-up rows for dummy backends; real ones refuse them",
            licence="CC0-1.0",
            source="generated",
            hazard="none known",
            allowed_uses=["trying out workflows"],
            rows=8,
            cache_version=1,
        )
    ]


@hookimpl
def motools_tasks() -> list[TaskComponent]:
    return [
        TaskComponent(
            name="dummy",
            target="motools.builtin.tasks:dummy_task",
            summary="Made-up questions for trying out workflows",
            licence="CC0-1.0",
            source="generated",
            hazard="none known",
            allowed_uses=["trying out workflows"],
            rows=8,
            cache_version=1,
        )
    ]

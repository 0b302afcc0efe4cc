"""The steps of the built-in workflows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from motools.atom import Atom, ModelAtom
from motools.builtin.configs import (
    EvaluateModelConfig,
    PrepareDatasetConfig,
    PrepareModelConfig,
    TrainModelConfig,
    own_task,
)
from motools.canonical import JSON, canonical_json
from motools.contracts import (
    Activation,
    EvalBackend,
    EvalResults,
    ModelRef,
    Rows,
    TrainingBackend,
    row_shape,
    rows_to_jsonl,
)
from motools.errors import DataError, InputError, RunError
from motools.workflow import AtomConstructor, step


@step(outputs={"prepared_dataset": "dataset"}, cache_version=1)
async def prepare_dataset(
    config: PrepareDatasetConfig, input_atoms: dict[str, Atom], workspace: Path
) -> list[AtomConstructor]:
    """Load the rows, check every one, and keep them as `dataset.jsonl`; the atom says their source where the loader does."""
    from motools.contracts.resolve import load_rows

    rows = await load_rows(config.dataset_loader, config.loader_kwargs)
    path = workspace / "dataset.jsonl"
    path.write_bytes(rows_to_jsonl(rows))
    metadata: dict[str, JSON] = {"samples": len(rows), "shape": row_shape(rows[0], where="row 1")}
    if isinstance(rows, Rows):
        metadata |= {"source": rows.source, "licence": rows.licence}
    if config.dataset_loader in ("dummy", "motools/dummy"):
        metadata["dummy"] = True
    return [AtomConstructor("prepared_dataset", path, "dataset", metadata=metadata)]


@step(
    inputs={"prepared_dataset": "dataset"},
    outputs={"trained_model": "model"},
    effect="idempotent",
    cache_version=1,
)
async def train_model(
    config: TrainModelConfig, input_atoms: dict[str, Atom], workspace: Path, context: Activation
) -> list[AtomConstructor]:
    """Submit a training job, wait for it, and keep the model: its weights, or the name its provider knows it by."""
    from motools.plugins import load

    dataset = input_atoms["prepared_dataset"]
    backend: TrainingBackend = load("training_backend", config.backend_name)()
    if dataset.metadata.get("dummy") and not backend.dummy:
        raise DataError(
            "the dataset is the dummy one, which is not for training",
            where="step 'train_model'",
            hint="Set prepare_dataset.dataset_loader; 'motools zoo list' shows what there is.",
        )
    run = await backend.train(dataset, config.model, config.hyperparameters, config.suffix, config.seed)
    context.log(f"job {run.job.id} of backend {config.backend_name}")
    await run.wait()
    assert run.model is not None
    return [_model_atom("trained_model", run.model, backend, config.suffix, workspace)]


def _model_atom(
    name: str, model: ModelRef, backend: TrainingBackend | None, suffix: str | None, workspace: Path
) -> AtomConstructor:
    """Return the constructor of a model atom: its weights if they are here, else a file that names it."""
    metadata: dict[str, JSON] = {"provider": model.provider, "model": model.model}
    if suffix:
        metadata["suffix"] = suffix
    if backend is not None:
        metadata.update(backend.metadata(model))
        if backend.dummy:
            metadata["dummy"] = True
    if model.weights is not None:
        metadata["weights"] = True
        path: Path = model.weights
        # The weights are part of what the model is; the base model's name alone would name something else.
        metadata["model_id"] = f"{model}:{suffix or 'tuned'}"
    else:
        metadata["model_id"] = str(model)
        path = workspace / "model.json"
        path.write_bytes(canonical_json({"model_id": str(model)}))
    return AtomConstructor(name, path, "model", metadata=metadata)


@step(outputs={"prepared_model": "model"}, cache_version=1)
def prepare_model(config: PrepareModelConfig, input_atoms: dict[str, Atom], workspace: Path) -> list[AtomConstructor]:
    """Name the model to evaluate: one that a provider serves, or a model atom."""
    if "/" in config.model:
        from motools.plugins import load

        model = ModelRef.parse(config.model)
        named = _model_atom("prepared_model", model, None, None, workspace)
        identity = load("provider", model.provider)().model_identity(model.model)
        return [replace(named, metadata={**(named.metadata or {}), "identity": identity})]
    atom = ModelAtom.load(config.model)
    return [
        AtomConstructor(
            "prepared_model", atom.get_data_path(), "model", metadata=atom.metadata, made_from={"model": atom.id}
        )
    ]


def model_ref(atom: Atom) -> ModelRef:
    """Return how a provider is asked for the model that an atom holds.

    Raises:
        InputError: the atom does not say which provider serves it.
    """
    metadata = atom.metadata
    if "provider" not in metadata or "model" not in metadata:
        raise InputError(
            f"the model atom '{atom.id}' does not say which provider serves it",
            hint="Give its metadata 'provider' and 'model'.",
        )
    weights = atom.get_data_path() if metadata.get("weights") else None
    return ModelRef(provider=str(metadata["provider"]), model=str(metadata["model"]), weights=weights, atom_id=atom.id)


async def _evaluate(
    config: EvaluateModelConfig, model_atom: Atom, workspace: Path, context: Activation
) -> list[AtomConstructor]:
    from motools.contracts.resolve import load_task
    from motools.plugins import load

    backend: EvalBackend = load("eval_backend", config.backend_name)()
    if config.eval_task in ("dummy", "motools/dummy") and not backend.dummy:
        raise InputError(
            "the task is the dummy one, which measures nothing",
            where="step 'evaluate_model'",
            hint="Set evaluate_model.eval_task; 'motools zoo list' shows what there is.",
        )
    if model_atom.metadata.get("dummy") and not backend.dummy:
        raise InputError(
            f"the model '{model_atom.metadata.get('model_id')}' is a dummy: there is nothing to evaluate",
            where="step 'evaluate_model'",
            hint="Train with a real backend, or evaluate with the backend 'dummy'.",
        )
    own = own_task(config.backend_name, config.eval_task) is not None
    task = config.eval_task if own else await load_task(config.eval_task, config.task_kwargs)
    folder = workspace / "eval"
    folder.mkdir()
    log_dir = workspace / "logs"
    log_dir.mkdir()
    results = await backend.run(
        model=model_ref(model_atom), task=task, options=config.eval_kwargs, seed=config.seed, log_dir=log_dir
    )
    results = replace(results, model=str(model_atom.metadata.get("model_id", results.model)))
    if results.n and results.errors == results.n:
        first = next((sample.error for sample in results.samples if sample.error), "no reason given")
        raise RunError(f"none of the {results.n} samples could be answered: {first}", where="step 'evaluate_model'")
    return [_eval_atom(results, folder, backend)]


def _eval_atom(results: EvalResults, folder: Path, backend: EvalBackend) -> AtomConstructor:
    (folder / "results.json").write_text(results.to_json(), encoding="utf-8")
    logs = folder / "logs"
    for file in results.log_files:
        logs.mkdir(exist_ok=True)
        file.rename(logs / file.name)
    metadata: dict[str, JSON] = {
        "task": results.task,
        "model_id": results.model,
        "backend": results.backend,
        "metrics": dict(results.metrics),
        "n": results.n,
        "errors": results.errors,
    }
    if backend.dummy or results.dummy:
        metadata["dummy"] = True
    return AtomConstructor("eval_results", folder, "eval", metadata=metadata)


@step(inputs={"trained_model": "model"}, outputs={"eval_results": "eval"}, cache_version=1)
async def evaluate_model(
    config: EvaluateModelConfig, input_atoms: dict[str, Atom], workspace: Path, context: Activation
) -> list[AtomConstructor]:
    """Ask the trained model every question of the task and keep every answer, score and metric."""
    return await _evaluate(config, input_atoms["trained_model"], workspace, context)


@step(name="evaluate_model", inputs={"prepared_model": "model"}, outputs={"eval_results": "eval"}, cache_version=1)
async def evaluate_prepared_model(
    config: EvaluateModelConfig, input_atoms: dict[str, Atom], workspace: Path, context: Activation
) -> list[AtomConstructor]:
    """Ask the prepared model every question of the task and keep every answer, score and metric."""
    return await _evaluate(config, input_atoms["prepared_model"], workspace, context)

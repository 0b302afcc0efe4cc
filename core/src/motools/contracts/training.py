"""What a training backend writes: submit a job, look at it by its id, fetch the model.

A job outlives the process that submitted it. Everything about it is found again from its record, which the engine stores
before anyone waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

from motools.canonical import JSON, digest_file, digest_json
from motools.contracts.activation import current_activation
from motools.contracts.face import declared_settings
from motools.contracts.model import ModelRef
from motools.errors import DataError, InvalidRequest, ProviderError


class JobStatus(StrEnum):
    """Where a job stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self in (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job elsewhere. `id` alone must be enough to find it; `data` may hold what makes that quicker."""

    id: str
    data: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class JobState:
    """What a backend says of a job now.

    Args:
        status: where it stands.
        progress: how much is done, from 0 to 1, if known.
        message: what it is doing, or why it failed.
    """

    status: JobStatus
    progress: float | None = None
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One thing that happened in a job: `number` counts from 1 and never changes, `data` holds figures such as `loss`."""

    number: int
    message: str = ""
    data: Mapping[str, JSON] = field(default_factory=dict)


class TrainingBackend(ABC):
    """Trains models. A subclass writes the abstract methods; `train` is the convenience over them."""

    name: ClassVar[str]
    """The component's name."""

    dummy: ClassVar[bool] = False
    """Whether nothing is really trained; every output says so."""

    poll_seconds: ClassVar[float] = 5.0
    """How long to wait between two looks at a job."""

    @abstractmethod
    async def submit(
        self,
        *,
        dataset: Path,
        model: str,
        hyperparameters: Mapping[str, JSON],
        suffix: str | None,
        seed: int,
        key: str,
    ) -> Job:
        """Start a job and return at once.

        Args:
            dataset: JSONL file, one row a line: `{"messages": [...]}`, `{"prompt": ..., "completion": ...}`, `{"text": ...}`,
                or, where the method asks for it, `{"prompt": ..., "chosen": ..., "rejected": ...}`.
            model: name of the base model.
            hyperparameters: already checked by the component's `config` model.
            suffix: a name to recognise the model by.
            seed: seed of everything random.
            key: identifies this job; submitting the same key again must not start a second one where the backend can help it.

        Raises:
            DataError: a row cannot be trained on (which line, why).
            InvalidRequest, AuthError, Unavailable, RateLimited: see `motools.errors`.
        """

    @abstractmethod
    async def status(self, job: Job) -> JobState:
        """Say where the job stands."""

    async def events(self, job: Job, after: int = 0) -> Sequence[JobEvent]:
        """Return the job's events with a number above `after`, in order."""
        return ()

    def output_file(self, job: Job) -> Path | None:
        """Return the file on this machine that the job's own output goes to (`motools run logs --output`); None: there is none.

        It may not be there yet.
        """
        return None

    @abstractmethod
    async def cancel(self, job: Job) -> None:
        """Stop the job; nothing happens if it has ended."""

    @abstractmethod
    async def result(self, job: Job) -> ModelRef:
        """Return the model of a job that succeeded; local weights are in a folder that stays until it is copied."""

    async def find(self, key: str) -> Job | None:
        """Return the job submitted under `key`, or None if there is none.

        A backend that cannot tell leaves this method as it is.

        Raises:
            NotImplementedError: this backend cannot look jobs up.
        """
        raise NotImplementedError(f"the training backend '{self.name}' cannot look up jobs by key")

    def model_identity(self, model: str) -> JSON:
        """Return what the base model's name stands for, as part of keys: a revision, a digest. By default the name."""
        return model

    async def inspect_data(
        self, dataset: Path, model: str, hyperparameters: Mapping[str, JSON] | None = None, n: int = 3
    ) -> str:
        """Return the first `n` rows for people, as the model will see them, with what is learnt from marked.

        Raises:
            InvalidRequest: this backend cannot show them.
        """
        raise InvalidRequest(
            f"the training backend '{self.name}' cannot show how it reads rows",
            hint="Name one that can, as 'transformers' does: --set train_model.backend_name=transformers",
        )

    def metadata(self, model: ModelRef) -> Mapping[str, JSON]:
        """Return what the model atom should say of a trained model besides provider and name."""
        return {}

    async def train(
        self,
        dataset: Any,
        model: str,
        hyperparameters: Mapping[str, JSON] | None = None,
        suffix: str | None = None,
        seed: int | None = None,
    ) -> TrainingRun:
        """Submit a job and return it as a run that can be waited for.

        Inside a step the submission is protected: a second activation with the same step key gets the same job.

        Args:
            dataset: path of a JSONL file, or anything with `get_data_path()` (a `DatasetAtom`).
            model: name of the base model.
            hyperparameters: settings of the backend; unknown ones are refused.
            suffix: a name to recognise the model by.
            seed: seed of everything random; by default the activation's, or 0 outside a run.

        Raises:
            ConfigError: a hyperparameter is unknown or wrong.
            DataError: there is no dataset.
        """
        path = rows_path(dataset)
        activation = current_activation()
        seed = seed if seed is not None else (activation.seed if activation else 0)
        settings = declared_settings("training_backend", self, hyperparameters or {}, "hyperparameters")
        request: dict[str, JSON] = {
            "backend": self.name,
            "dataset": digest_file(path),
            "model": model,
            "hyperparameters": settings,
            "suffix": suffix,
            "seed": seed,
        }

        async def submit(key: str) -> JSON:
            job = await self.submit(
                dataset=path, model=model, hyperparameters=settings, suffix=suffix, seed=seed, key=key
            )
            return {"backend": self.name, "id": job.id, "data": dict(job.data)}

        async def find(key: str) -> JSON:
            job = await self.find(key)
            return None if job is None else {"backend": self.name, "id": job.id, "data": dict(job.data)}

        if activation is None:
            record = await submit(digest_json("training-key", request)[:32])
        else:
            can_find = type(self).find is not TrainingBackend.find
            record = await activation.once("train", submit, request=request, find=find if can_find else None)
        assert isinstance(record, dict)
        return TrainingRun(backend=self, job=Job(id=str(record["id"]), data=record["data"]))  # type: ignore[arg-type]


class TrainingFailed(ProviderError):
    """A training job ended without a model; the message is the backend's."""

    code = "training-failed"
    exit_code = 1


@dataclass
class TrainingRun:
    """A submitted job."""

    backend: TrainingBackend
    job: Job
    model: ModelRef | None = None

    async def wait(self) -> str:
        """Wait until the job has ended and return the model's id; progress goes to the activation.

        Raises:
            TrainingFailed: it failed or was cancelled there.
        """
        import asyncio

        activation = current_activation()
        seen = 0
        while True:
            state = await self.backend.status(self.job)
            for event in await self.backend.events(self.job, seen):
                seen = event.number
                if activation:
                    activation.progress(state.progress, event.message, **dict(event.data))
            if state.status.final:
                break
            if activation:
                activation.progress(state.progress, state.message)
                activation.check_cancelled()
            await asyncio.sleep(self.backend.poll_seconds)
        if activation:
            await activation.close_effect("train", str(state.status))
        if state.status is not JobStatus.SUCCEEDED:
            raise TrainingFailed(
                f"the job '{self.job.id}' of backend '{self.backend.name}' {state.status}: {state.message or 'no reason given'}",
                hint="Mend the cause and run the same command again: a new job is submitted.",
            )
        self.model = await self.backend.result(self.job)
        return str(self.model)

    async def get_status(self) -> str:
        """Return the job's status as a word."""
        return str((await self.backend.status(self.job)).status)

    async def cancel(self) -> None:
        """Stop the job."""
        await self.backend.cancel(self.job)

    def to_json(self) -> dict[str, JSON]:
        """Return the record from which the job is found again."""
        record: dict[str, JSON] = {"backend": self.backend.name}
        record.update(asdict(self.job))
        return record


def rows_path(dataset: Any) -> Path:
    """Return the one JSONL file of a dataset: a path, a folder that holds one, or an object with `get_data_path()`.

    Raises:
        DataError: there is no such file, or more than one.
    """
    path = Path(dataset.get_data_path() if hasattr(dataset, "get_data_path") else dataset)
    if path.is_dir():
        found = sorted(path.glob("*.jsonl"))
        if len(found) != 1:
            raise DataError(f"expected one .jsonl file in '{path}', found {len(found)}")
        return found[0]
    if not path.is_file():
        raise DataError(f"there is no file '{path}'")
    return path

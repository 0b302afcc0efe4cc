"""The training backend `transformers`: jobs in processes of their own on this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from motools.canonical import JSON, digest_file
from motools.contracts import (
    Job,
    JobEvent,
    JobState,
    JobStatus,
    ModelRef,
    TrainingBackend,
    check_rows,
    jobs_dir,
    row_shape,
)
from motools.errors import InvalidRequest, NotFoundError
from motools_transformers.config import Hyperparameters
from motools_transformers.files import explained_disk_errors, write_atomically
from motools_transformers.jobs import JobFolder, Request, State, job_id
from motools_transformers.rows import read_rows

LOCK_FD = "MOTOOLS_TRAINER_LOCK_FD"
_CANCEL_SECONDS = 15.0

_children: list[subprocess.Popen[bytes]] = []


class TransformersTraining(TrainingBackend):
    """Fine-tunes models on this machine.

    A job is a folder in the store and a process that does not depend on the one that submitted it. The key gives the folder:
    submitting a key again returns its job while it lives or has succeeded, and otherwise goes on in the same folder.
    """

    name: ClassVar[str] = "transformers"
    poll_seconds: ClassVar[float] = 0.5

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
        """Start a job, or return the one of this key.

        Raises:
            ConfigError: a hyperparameter is wrong.
            DataError: a row cannot be trained on (which line, why).
            InvalidRequest: there is no such model on this machine, or the key belongs to another request.
        """
        import anyio

        folder = jobs_dir(self.name) / job_id(key)
        return await anyio.to_thread.run_sync(
            lambda: _submit(folder, Path(dataset), model, Hyperparameters.parse(hyperparameters), suffix, seed)
        )

    async def status(self, job: Job) -> JobState:
        """Say where the job stands; a trainer that died without a word has failed."""
        _reap()
        return _folder(job).observed()

    async def events(self, job: Job, after: int = 0) -> Sequence[JobEvent]:
        """Return the job's events with a number above `after`."""
        return _folder(job).events(after)

    def output_file(self, job: Job) -> Path:
        """Return what the trainer writes on stdout and stderr."""
        return _folder(job).log

    async def cancel(self, job: Job) -> None:
        """Ask the trainer to stop, and end it if it does not."""
        import anyio

        await anyio.to_thread.run_sync(lambda: _cancel(_folder(job)))
        _reap()

    async def result(self, job: Job) -> ModelRef:
        """Return the trained model: `weights` is an adapter in peft's layout, or a whole model."""
        folder = _folder(job)
        request = folder.read_request()
        state = folder.observed()
        if request is None or state.status is not JobStatus.SUCCEEDED:
            raise InvalidRequest(f"the job '{job.id}' has no model: it is {state.status}", hint=state.message or None)
        return ModelRef(provider=self.name, model=request.model, weights=folder.result)

    async def find(self, key: str) -> Job | None:
        """Return the job of a key, or None."""
        folder = JobFolder(jobs_dir(self.name) / job_id(key))
        return _job(folder) if folder.read_request() else None

    def model_identity(self, model: str) -> str:
        """Return which base weights a model's name means, for keys; no unchanged file is hashed twice.

        Raises:
            InvalidRequest: there is no such model on this machine.
        """
        from motools_transformers.weights import model_identity

        return model_identity(model)

    def metadata(self, model: ModelRef) -> Mapping[str, JSON]:
        """Return what the weights were trained from: `base_model`, `base_identity`, `method`."""
        from motools_transformers.adapters import read_origin

        return dict(read_origin(model.weights)) if model.weights else {}

    async def inspect_data(
        self, dataset: Path, model: str, hyperparameters: Mapping[str, JSON] | None = None, n: int = 3
    ) -> str:
        """Return the first `n` rows as the model will see them, with what is learnt between `«` and `»`.

        Raises:
            DataError, ConfigError, InvalidRequest: as for `submit`.
        """
        import anyio

        from motools_transformers.rows import inspect_data

        settings = Hyperparameters.parse(hyperparameters or {})
        return await anyio.to_thread.run_sync(lambda: inspect_data(read_rows(Path(dataset)), n, model, settings))


def _submit(path: Path, dataset: Path, model: str, settings: Hyperparameters, suffix: str | None, seed: int) -> Job:
    from motools_transformers.weights import resolve_model

    rows = check_rows(read_rows(dataset), source=dataset.name)
    _check_shape(row_shape(rows[0], where=dataset.name), settings)
    if settings.method == "dpo":
        from motools_transformers.preference import require_trl

        require_trl()
    base = resolve_model(model)
    request = Request(
        model=model,
        public_name=base.public_name,
        base_identity=base.identity,
        base_folder=str(base.folder),
        dataset=digest_file(dataset),
        hyperparameters=settings.to_dict(),
        suffix=suffix,
        seed=seed,
    )
    folder = JobFolder(path)
    with explained_disk_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        with folder.submitting():
            return _start(folder, request, dataset)


def _start(folder: JobFolder, request: Request, dataset: Path) -> Job:
    earlier = folder.read_request()
    life = folder.take_life()
    deadline = time.monotonic() + _CANCEL_SECONDS
    while life is None and folder.read_state().final and time.monotonic() < deadline:
        time.sleep(0.05)  # the trainer has said its last word and is about to end
        life = folder.take_life()
    succeeded = folder.read_state().status == JobStatus.SUCCEEDED
    if earlier and not earlier.same_work(request):
        if life is None or succeeded:
            if life is not None:
                os.close(life)
            raise InvalidRequest(
                f"the job '{folder.id}' was submitted under this key with another request",
                hint="A key stands for one dataset, model, seed and set of hyperparameters.",
            )
        _clear(folder)
    if life is None:
        return _job(folder)
    try:
        if not (succeeded and folder.result.is_dir()):
            folder.cancel_file.unlink(missing_ok=True)
            write_atomically(folder.rows, dataset.read_bytes())
            folder.write_request(request)
            folder.write_state(State(message="starting"))
            folder.write_state(State(message="starting", pid=_spawn(folder, life)))
        return _job(folder)
    finally:
        os.close(life)  # the trainer has its own copy of the descriptor, and with it the lock


def _spawn(folder: JobFolder, life: int) -> int:
    environment = {**os.environ, LOCK_FD: str(life), "OMP_WAIT_POLICY": "PASSIVE"}
    with folder.log.open("ab") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "motools_transformers.trainer", str(folder.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=(life,),
            env=environment,
            cwd=folder.path,
        )
    _children.append(child)
    return child.pid


def _cancel(folder: JobFolder) -> None:
    deadline = time.monotonic() + _CANCEL_SECONDS
    signalled = False
    while True:
        with folder.submitting():
            living = folder.alive()
            state = folder.read_state()
            if not living and state.final:
                return
            if not living:
                folder.write_state(State(status="cancelled", progress=state.progress, message="cancelled"))
                return
            folder.cancel_file.touch()
            # The lock is held by the trainer whose pid this is, so the pid cannot belong to anybody else.
            if not signalled:
                os.kill(state.pid, signal.SIGTERM)
                signalled = True
            elif time.monotonic() > deadline:
                os.kill(state.pid, signal.SIGKILL)
        _reap()
        time.sleep(0.05)


def _clear(folder: JobFolder) -> None:
    shutil.rmtree(folder.trainer_state, ignore_errors=True)
    shutil.rmtree(folder.result, ignore_errors=True)


def _check_shape(shape: str, settings: Hyperparameters) -> None:
    if (shape == "preference") != (settings.method == "dpo"):
        raise InvalidRequest(
            f"method '{settings.method}' cannot learn from rows of the shape '{shape}'",
            hint="Preference rows (prompt, chosen, rejected) go with method: dpo, other rows with lora or full.",
        )


def _folder(job: Job) -> JobFolder:
    """Return the folder of a job, from its id alone."""
    told = job.data.get("folder")
    places = [Path(str(told))] if told else []
    for place in [*places, jobs_dir(TransformersTraining.name) / job.id]:
        if (place / "request.json").is_file():
            return JobFolder(place)
    raise NotFoundError(
        f"there is no training job '{job.id}'", where=str(places[-1] if places else jobs_dir("transformers"))
    )


def _job(folder: JobFolder) -> Job:
    data: dict[str, Any] = {"folder": str(folder.path)}
    return Job(id=folder.id, data=data)


def _reap() -> None:
    """Forget trainers of this process that have ended; the others outlive it."""
    _children[:] = [child for child in _children if child.poll() is None]

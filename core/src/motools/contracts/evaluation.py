"""What an eval backend writes, and the results it returns: every scorer × metric, nothing averaged away."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from motools.canonical import JSON
from motools.contracts.model import ModelRef
from motools.contracts.provider import Usage
from motools.errors import InputError


@dataclass(frozen=True, kw_only=True)
class SampleResult:
    """One answer and its scores.

    Args:
        id: the sample's id in the task.
        epoch: which repetition, from 1.
        input: the conversation that was asked, in message format.
        output: the answer's text.
        target: what it was compared with.
        scores: `scorer` or `scorer/part` → value; None where the scorer did not count this sample.
        explanations: scorer → why it scored so, where it says.
        error: why there is no answer, where there is none.
        stop_reason: why the answer ended, as in `ChatChunk` (`length`: it was cut off), where the backend says.
        metadata: the sample's metadata.
    """

    id: str
    epoch: int = 1
    input: Sequence[Mapping[str, Any]] = ()
    output: str = ""
    target: str | Sequence[str] = ""
    scores: Mapping[str, float | str | None] = field(default_factory=dict)
    explanations: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    stop_reason: str | None = None
    metadata: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, repr=False)
class EvalResults:
    """What an evaluation found.

    Args:
        task: the task's name.
        model: the model's id.
        backend: the eval backend's name.
        samples: every answer.
        metrics: `scorer/metric` or `scorer/part/metric` → number (`trigger/mean`, `trigger/stderr`).
        n: how many samples were to be asked (samples × epochs).
        errors: how many of them have no answer.
        usage: tokens and money of all of it.
        log_files: files of the backend's own log, copied into the atom.
        dummy: nothing was really asked.
    """

    task: str
    model: str
    backend: str
    samples: Sequence[SampleResult]
    metrics: Mapping[str, float]
    n: int
    errors: int
    usage: Usage = field(default_factory=Usage)
    log_files: Sequence[Path] = ()
    dummy: bool = False

    def __repr__(self) -> str:
        return (
            f"EvalResults({self.task!r}, {self.model!r}, n={self.n}, errors={self.errors}, {len(self.metrics)} metrics)"
        )

    def _repr_html_(self) -> str:
        from motools.markup import element, facts, table

        about: dict[str, Any] = {"model": self.model, "backend": self.backend, "n": self.n, "errors": self.errors}
        rows = [(name, f"{value:.6g}") for name, value in sorted(self.metrics.items())]
        title = f"{self.task} (dummy: nothing was really asked)" if self.dummy else self.task
        return element("div", facts(title, about), table(("metric", "value"), rows) if rows else None)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, without the log files."""
        data = asdict(self)
        del data["log_files"]
        return data

    def to_json(self) -> str:
        """Return it as JSON text, without the log files."""
        return json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> EvalResults:
        """Read what `to_json` wrote."""
        data = json.loads(text)
        data["samples"] = [SampleResult(**sample) for sample in data["samples"]]
        data["usage"] = Usage(**data["usage"])
        return cls(**data)


class EvalBackend(ABC):
    """Evaluates models. A subclass writes `run`; `evaluate` is the convenience over it."""

    name: ClassVar[str]
    """The component's name."""

    dummy: ClassVar[bool] = False
    """Whether nothing is really asked; every output says so."""

    @abstractmethod
    async def run(
        self,
        *,
        model: ModelRef,
        task: Any,
        options: Mapping[str, JSON],
        seed: int,
        log_dir: Path,
    ) -> EvalResults:
        """Ask every sample and score the answers.

        Args:
            model: which model, served by any provider.
            task: a `motools.contracts.Task`, or a task of the backend's own kind.
            options: already checked by the component's `config` model.
            seed: seed of everything random.
            log_dir: an empty folder for the backend's log files.

        Raises:
            ProviderError: the model could not be reached at all.
            RunError: the evaluation as a whole failed; a sample that failed is counted in `errors` instead.
        """

    def own_task(self, name: str) -> JSON:
        """Return the identity of the task that this backend itself knows by a name that no plugin declares, or None.

        Where it is not None, `run` gets the name as its task.

        Args:
            name: as written, with a `/` or `@` in it: `package/name`, `file.py@name`.
        """
        return None

    def read_log(self, path: Path) -> EvalResults:
        """Return the results in a log of this backend's kind that was written without motools.

        A backend that can do this declares the files' endings (`EvalBackendComponent(reads=[".eval"])`). Nothing but the file
        is read, and nothing written. What the log says is not trusted: its size and form are checked first.

        Args:
            path: the log.

        Raises:
            DataError: it is truncated, altered, too large, of another version, or no log of a finished evaluation.
        """
        raise InputError(f"the eval backend '{self.name}' reads no logs", where=str(path))

    async def evaluate(
        self,
        model_id: str | ModelRef,
        eval_suite: Any,
        *,
        options: Mapping[str, JSON] | None = None,
        seed: int = 0,
        log_dir: Path | None = None,
    ) -> EvalJob:
        """Return an evaluation that begins when it is waited for.

        Args:
            model_id: `provider/model`, or a `ModelRef`.
            eval_suite: a task, or the name of one: a component's name or `module:attribute`.
            options: settings of the backend.
            seed: seed of everything random.
            log_dir: folder for the backend's log files; by default a temporary one.
        """
        model = ModelRef.parse(model_id) if isinstance(model_id, str) else model_id
        return EvalJob(
            backend=self, model=model, task=eval_suite, options=dict(options or {}), seed=seed, log_dir=log_dir
        )


@dataclass
class EvalJob:
    """An evaluation that can be waited for."""

    backend: EvalBackend
    model: ModelRef
    task: Any
    options: Mapping[str, JSON]
    seed: int
    log_dir: Path | None = None
    results: EvalResults | None = None

    async def wait(self) -> EvalResults:
        """Run the evaluation, once, and return its results.

        Raises:
            ConfigError: an option is unknown or wrong.
            ProviderError, RunError: see `EvalBackend.run`.
        """
        if self.results is None:
            import tempfile

            from motools.contracts.face import declared_settings
            from motools.contracts.resolve import load_task

            options = declared_settings("eval_backend", self.backend, self.options, "options")
            log_dir = self.log_dir or Path(tempfile.mkdtemp(prefix="motools-eval-"))
            task = await load_task(self.task) if isinstance(self.task, str) else self.task
            self.results = await self.backend.run(
                model=self.model, task=task, options=options, seed=self.seed, log_dir=log_dir
            )
        return self.results

"""Backends and a provider that do nothing real, quickly and always the same way. Every output says that it is dummy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from motools.canonical import JSON, digest_file, digest_json
from motools.contracts.activation import jobs_dir
from motools.contracts.evaluation import EvalBackend, EvalResults, SampleResult
from motools.contracts.model import ModelRef
from motools.contracts.provider import ChatChunk, ChatOptions, Message, Provider, Usage
from motools.contracts.task import Sample, Task
from motools.contracts.training import Job, JobEvent, JobState, JobStatus, TrainingBackend
from motools.errors import InputError


@dataclass
class DummyEvalOptions:
    """Settings of the dummy eval backend.

    Args:
        limit: how many samples to look at; null for all.
    """

    limit: int | None = None


class DummyTraining(TrainingBackend):
    """Pretends to train, with whatever hyperparameters: every job has succeeded when it is looked at."""

    name: ClassVar[str] = "dummy"
    dummy: ClassVar[bool] = True
    poll_seconds: ClassVar[float] = 0.01

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
        request: dict[str, JSON] = {
            "dataset": digest_file(dataset),
            "rows": sum(1 for line in dataset.read_bytes().splitlines() if line.strip()),
            "model": model,
            "hyperparameters": dict(hyperparameters),
            "suffix": suffix,
            "seed": seed,
        }
        job_id = f"dummy-{digest_json('dummy-job', [key, request])[:12]}"
        path = self._path(job_id)
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(request), encoding="utf-8")
        partial.replace(path)
        return Job(id=job_id)

    async def status(self, job: Job) -> JobState:
        if not self._path(job.id).is_file():
            return JobState(status=JobStatus.FAILED, message="there is no such dummy job")
        return JobState(status=JobStatus.SUCCEEDED, progress=1.0, message="dummy: nothing was trained")

    async def events(self, job: Job, after: int = 0) -> Sequence[JobEvent]:
        request = json.loads(self._path(job.id).read_text(encoding="utf-8"))
        steps = [
            JobEvent(number=step, message="dummy step", data={"step": step, "loss": 1.0 / step}) for step in (1, 2, 3)
        ]
        return [event for event in steps if event.number > after] if request["rows"] else []

    async def cancel(self, job: Job) -> None:
        return None

    async def result(self, job: Job) -> ModelRef:
        request = json.loads(self._path(job.id).read_text(encoding="utf-8"))
        name = f"{request['model']}-{request['suffix'] or 'tuned'}-{digest_json('dummy-model', request)[:8]}"
        return ModelRef(provider="dummy", model=name)

    @staticmethod
    def _path(job_id: str) -> Path:
        return jobs_dir("dummy") / f"{job_id}.json"


class DummyProvider(Provider):
    """Answers every conversation with a sentence made of its digest."""

    name: ClassVar[str] = "dummy"
    dummy: ClassVar[bool] = True
    capabilities: ClassVar[frozenset[str]] = frozenset({"chat", "seed"})

    async def chat(
        self,
        model: ModelRef,
        messages: Sequence[Message],
        *,
        options: ChatOptions | None = None,
        tools: Sequence[dict[str, Any]] = (),
    ) -> AsyncIterator[ChatChunk]:
        conversation = [dict(message) for message in messages]
        digest = digest_json("dummy-answer", [model.model, conversation, options.seed if options else None])
        words = ["dummy", "answer", digest[:8]]
        for word in words:
            yield ChatChunk(text=word if word == words[0] else f" {word}")
        read = sum(len(str(message.get("content", "")).split()) for message in messages)
        yield ChatChunk(stop_reason="stop", usage=Usage(input_tokens=read, output_tokens=len(words), cost_usd=0.0))


class DummyEval(EvalBackend):
    """Pretends to evaluate: whether an answer is right follows from the digest of model, task, sample and seed."""

    name: ClassVar[str] = "dummy"
    dummy: ClassVar[bool] = True

    async def run(
        self,
        *,
        model: ModelRef,
        task: Any,
        options: Mapping[str, JSON],
        seed: int,
        log_dir: Path,
    ) -> EvalResults:
        if not isinstance(task, Task):
            raise InputError(
                f"the dummy eval backend cannot look at a {type(task).__name__}",
                hint="Use the backend 'inspect' for tasks of its own kind.",
            )
        limit = options.get("limit")
        chosen = task.samples[: int(limit)] if isinstance(limit, int) else task.samples
        samples = [
            self._answer(model, task, sample, epoch, seed) for sample in chosen for epoch in range(1, task.epochs + 1)
        ]
        metrics: dict[str, float] = {}
        for scorer in task.scorers:
            values = [float(sample.scores[scorer] or 0) for sample in samples]
            metrics[f"{scorer}/mean"] = sum(values) / len(values)
        return EvalResults(
            task=task.name,
            model=str(model),
            backend=self.name,
            samples=samples,
            metrics=metrics,
            n=len(samples),
            errors=0,
            usage=Usage(cost_usd=0.0),
            dummy=True,
        )

    @staticmethod
    def _answer(model: ModelRef, task: Task, sample: Sample, epoch: int, seed: int) -> SampleResult:
        digest = digest_json("dummy-score", [str(model), task.name, sample.id, epoch, seed])
        asked = [{"role": "user", "content": sample.input}] if isinstance(sample.input, str) else list(sample.input)
        return SampleResult(
            id=sample.id,
            epoch=epoch,
            input=[dict(message) for message in asked],
            output=f"dummy answer {digest[:8]}",
            target=sample.target if isinstance(sample.target, str) else list(sample.target),
            scores={scorer: float(int(digest[8 + place], 16) % 2) for place, scorer in enumerate(task.scorers)},
            metadata=dict(sample.metadata),
        )

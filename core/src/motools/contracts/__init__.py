"""What plugins write: protocols and frozen data, with conveniences over them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.contracts.activation import Activation, current_activation, jobs_dir
    from motools.contracts.dataset import Rows, check_rows, row_shape, rows_digest, rows_to_jsonl
    from motools.contracts.evaluation import EvalBackend, EvalJob, EvalResults, SampleResult
    from motools.contracts.model import ModelRef
    from motools.contracts.provider import ChatAnswer, ChatChunk, ChatOptions, Message, Provider, Usage
    from motools.contracts.task import Sample, Scorer, ScoreValue, Task, sample_rows, samples_digest
    from motools.contracts.training import (
        Job,
        JobEvent,
        JobState,
        JobStatus,
        TrainingBackend,
        TrainingFailed,
        TrainingRun,
        rows_path,
    )

# Plugins import one of these, and a start none of them.
_HOMES = {
    "activation": ("Activation", "current_activation", "jobs_dir"),
    "dataset": ("Rows", "check_rows", "row_shape", "rows_digest", "rows_to_jsonl"),
    "evaluation": ("EvalBackend", "EvalJob", "EvalResults", "SampleResult"),
    "model": ("ModelRef",),
    "provider": ("ChatAnswer", "ChatChunk", "ChatOptions", "Message", "Provider", "Usage"),
    "task": ("Sample", "Scorer", "ScoreValue", "Task", "sample_rows", "samples_digest"),
    "training": (
        "Job",
        "JobEvent",
        "JobState",
        "JobStatus",
        "TrainingBackend",
        "TrainingFailed",
        "TrainingRun",
        "rows_path",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Activation",
    "ChatAnswer",
    "ChatChunk",
    "ChatOptions",
    "EvalBackend",
    "EvalJob",
    "EvalResults",
    "Job",
    "JobEvent",
    "JobState",
    "JobStatus",
    "Message",
    "ModelRef",
    "Provider",
    "Rows",
    "Sample",
    "SampleResult",
    "ScoreValue",
    "Scorer",
    "Task",
    "TrainingBackend",
    "TrainingFailed",
    "TrainingRun",
    "Usage",
    "check_rows",
    "current_activation",
    "jobs_dir",
    "row_shape",
    "rows_digest",
    "rows_path",
    "rows_to_jsonl",
    "sample_rows",
    "samples_digest",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.contracts' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.contracts.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

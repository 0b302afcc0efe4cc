"""What plugins write: protocols and frozen data, with conveniences over them."""

from motools.contracts.activation import Activation, current_activation, jobs_dir
from motools.contracts.dataset import check_rows, row_shape, rows_digest, rows_to_jsonl
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

"""A training job as a folder: what was asked for, where it stands, what it made.

request.json     what was asked for; written once, before the trainer starts
rows.jsonl       the rows, copied
state.json       status, progress, message, pid; replaced as a whole
events.jsonl     one line an event, appended
trainer.log      what the trainer wrote on stdout and stderr
alive.lock       held by the trainer as long as it lives
submit.lock      held while somebody starts, cancels or looks whether the trainer lives
trainer_state/   from which a killed trainer goes on
result/          the weights, renamed into place when they are whole
cancel           its presence asks the trainer to stop
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from motools.canonical import JSON, digest_json
from motools.contracts import JobEvent, JobState, JobStatus
from motools_transformers.files import locked, open_lock, read_json, try_lock, write_json

DIED = "the trainer process died (killed?)"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a job is asked to do.

    Args:
        model: the base model's name as given.
        public_name: what the rest of the world calls it.
        base_identity: which base weights.
        base_folder: where they are on this machine.
        dataset: digest of the rows.
        hyperparameters: all of them.
        suffix: a name to recognise the model by.
        seed: seed of everything random.
    """

    model: str
    public_name: str
    base_identity: str
    base_folder: str
    dataset: str
    hyperparameters: Mapping[str, JSON]
    suffix: str | None
    seed: int

    def same_work(self, other: Request) -> bool:
        """Whether both would train the same weights, wherever the base weights are."""
        return replace(self, base_folder="") == replace(other, base_folder="")


@dataclass(frozen=True, kw_only=True)
class State:
    """What a job says of itself; `pid` is the trainer's, 0 before there is one."""

    status: str = "queued"
    progress: float | None = None
    message: str = ""
    pid: int = 0

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return JobStatus(self.status).final


@dataclass(frozen=True)
class JobFolder:
    """The files of one job."""

    path: Path

    @property
    def id(self) -> str:
        """The job's id."""
        return self.path.name

    @property
    def result(self) -> Path:
        """The folder of the weights."""
        return self.path / "result"

    @property
    def rows(self) -> Path:
        """The file of the rows."""
        return self.path / "rows.jsonl"

    @property
    def log(self) -> Path:
        """The trainer's output."""
        return self.path / "trainer.log"

    @property
    def trainer_state(self) -> Path:
        """The folder from which a killed trainer goes on."""
        return self.path / "trainer_state"

    @property
    def cancel_file(self) -> Path:
        """Its presence asks the trainer to stop."""
        return self.path / "cancel"

    def read_request(self) -> Request | None:
        """Return what was asked for, or None if there is no such job."""
        value = read_json(self.path / "request.json")
        return Request(**value) if value is not None else None

    def write_request(self, request: Request) -> None:
        """Record what is asked for."""
        write_json(self.path / "request.json", asdict(request))

    def read_state(self) -> State:
        """Return the last written state."""
        return State(**(read_json(self.path / "state.json") or {}))

    def write_state(self, state: State) -> None:
        """Replace the state; a state before the last costs no wait for the disk."""
        write_json(self.path / "state.json", asdict(state), sync=state.final)

    def submitting(self) -> AbstractContextManager[None]:
        """Return a context in which nobody else starts, cancels or probes this job."""
        return locked(self.path / "submit.lock")

    def take_life(self) -> int | None:
        """Return the descriptor of the held life lock, to be handed to a trainer; None if a trainer lives."""
        fd = open_lock(self.path / "alive.lock")
        if try_lock(fd):
            return fd
        os.close(fd)
        return None

    def alive(self) -> bool:
        """Say whether a trainer lives. Call it within `submitting()`: for a moment it holds the lock itself."""
        fd = self.take_life()
        if fd is not None:
            os.close(fd)
        return fd is None

    def observed(self) -> JobState:
        """Say where the job stands, having looked whether its trainer lives."""
        state = self.read_state()
        if not state.final:
            with locked(self.path / "submit.lock"):
                living = self.alive()
                state = self.read_state()
            if not living and not state.final:
                hint = "Out of memory is the usual cause; submit it again and it goes on from its last saved state."
                return JobState(status=JobStatus.FAILED, progress=state.progress, message=f"{DIED}. {hint}")
        return JobState(status=JobStatus(state.status), progress=state.progress, message=state.message)

    def events(self, after: int = 0) -> list[JobEvent]:
        """Return the events with a number above `after`; a line that was cut short by a crash is not one."""
        try:
            lines = (self.path / "events.jsonl").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        parsed = [json.loads(line) for line in lines if line.endswith(b"\n") and line.strip()]
        return [JobEvent(**event) for event in parsed if event["number"] > after]

    def append_event(self, number: int, message: str, data: Mapping[str, JSON]) -> None:
        """Append an event. Only the trainer does so."""
        line = json.dumps({"number": number, "message": message, "data": dict(data)}, ensure_ascii=False)
        with (self.path / "events.jsonl").open("ab") as file:
            file.write(line.encode() + b"\n")

    def mend_events(self) -> int:
        """Cut off a line that a crash left unfinished and return the number of the last event."""
        path = self.path / "events.jsonl"
        if not path.exists():
            return 0
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) != len(data):
            os.truncate(path, len(whole))
        return max((event.number for event in self.events()), default=0)


def job_id(key: str) -> str:
    """Return the id of the job with this key."""
    return "tr-" + digest_json("transformers-job", key)[:20]

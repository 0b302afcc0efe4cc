"""A job as a folder: what was asked for, what happened, what came of it.

rows.jsonl     the rows, copied
request.json   settings and seed; a job is one once this is there
events.jsonl   one line an event, appended
outcome.json   how it ended; appears whole
model/         the model; renamed into place when it is whole
stop           its presence asks the trainer to stop
alive          locked by the trainer as long as it lives
guard          locked while somebody starts the trainer, or looks whether it lives
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.contracts import JobEvent, JobState, JobStatus


@dataclass(frozen=True)
class JobFolder:
    """The files of one job."""

    path: Path

    @property
    def id(self) -> str:
        """The job's id."""
        return self.path.name

    @property
    def model(self) -> Path:
        """The folder of the trained model."""
        return self.path / "model"

    @property
    def stop(self) -> Path:
        """The file whose presence asks the trainer to stop."""
        return self.path / "stop"

    def read(self, name: str) -> Any:
        """Return the value of a JSON file, or None if there is none."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    def write(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a JSON file so that it appears whole or not at all."""
        partial = self.path / f"{name}.partial"
        partial.write_text(json.dumps(value), encoding="utf-8")
        partial.replace(self.path / name)

    def add_event(self, message: str, **data: Any) -> None:
        """Append an event."""
        with (self.path / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"message": message, "data": data}) + "\n")

    def events(self) -> list[JobEvent]:
        """Return every event; a line that is being written is not one yet."""
        try:
            text = (self.path / "events.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        lines = text[: text.rfind("\n") + 1].splitlines()
        return [JobEvent(number=number, **json.loads(line)) for number, line in enumerate(lines, 1)]

    def state(self) -> JobState:
        """Return where the job stands."""
        alive = self._alive()  # asked first: who is dead now has written all it ever will
        outcome = self.read("outcome.json")
        events = self.events()
        progress = events[-1].data["progress"] if events else 0.0
        assert isinstance(progress, float)
        if outcome is not None:
            return JobState(status=JobStatus(outcome["status"]), progress=progress, message=outcome["message"])
        if alive:
            return JobState(status=JobStatus.RUNNING, progress=progress, message="training")
        return JobState(status=JobStatus.FAILED, progress=progress, message="the trainer died without a word")

    def end(self, status: JobStatus, message: str = "") -> None:
        """Record how the job ended."""
        self.write("outcome.json", {"status": str(status), "message": message})

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Be the only one who starts the trainer, or looks whether it lives."""
        descriptor = os.open(self.path / "guard", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def take_life(self) -> int | None:
        """Return a descriptor that holds the lock of the living, or None where a trainer has it.

        A trainer inherits the descriptor. However it ends, the system lets go of the lock.
        """
        descriptor = os.open(self.path / "alive", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def _alive(self) -> bool:
        with self.guarded():
            life = self.take_life()
            if life is not None:
                os.close(life)
        return life is None

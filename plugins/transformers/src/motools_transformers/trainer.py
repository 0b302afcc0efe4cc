"""The trainer process: `python -m motools_transformers.trainer JOBDIR` does one job and ends."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from motools.canonical import JSON
from motools.contracts import check_rows
from motools.errors import MotoolsError
from motools_transformers.config import Hyperparameters
from motools_transformers.jobs import JobFolder, Request, State
from motools_transformers.rows import read_rows
from motools_transformers.slots import trainer_slot
from motools_transformers.training import LOCK_FD


class Cancelled(Exception):
    """Somebody asked this job to stop."""


class Reporter:
    """Tells the job's folder what happens, and raises `Cancelled` where the job is to stop."""

    def __init__(self, folder: JobFolder) -> None:
        self.folder = folder
        self.started = time.monotonic()
        self.number = folder.mend_events()
        self.stop = False
        self.last = ""

    def check(self) -> None:
        """Raise `Cancelled` if the job is to stop."""
        if self.stop or self.folder.cancel_file.exists():
            raise Cancelled

    def say(self, message: str, progress: float | None = None, **data: JSON) -> None:
        """Record an event, and that the job runs."""
        self.record("running", message, progress, data)

    def record(
        self, status: str, message: str, progress: float | None = None, data: Mapping[str, JSON] | None = None
    ) -> None:
        """Record an event and the state."""
        self.number += 1
        self.folder.append_event(
            self.number, message, {**(data or {}), "seconds": round(time.monotonic() - self.started, 3)}
        )
        self.folder.write_state(State(status=status, progress=progress, message=message, pid=os.getpid()))

    def waiting(self) -> None:
        """Say, once, that another trainer has the machine."""
        self.check()
        message = "waiting: another trainer runs on this machine (MOTOOLS_TRAINERS allows more)"
        if self.last != message:
            self.last = message
            self.record("queued", message)

    def step(self, metrics: dict[str, JSON], steps: int) -> None:
        """Record a step."""
        self.record("running", f"step {metrics['step']} of {steps}", int(str(metrics["step"])) / steps, metrics)
        self.check()


def run_job(path: Path) -> int:
    """Do the job of a folder and return the exit code of the process: 0 only if it succeeded."""
    folder = JobFolder(path)
    reporter = Reporter(folder)

    def stop(number: int, frame: FrameType | None) -> None:
        reporter.stop = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    request = folder.read_request()
    if request is None:
        print(f"there is no job in '{path}'", file=sys.stderr)
        return 2
    try:
        with trainer_slot(reporter.waiting):
            reporter.check()
            reporter.say("loading")
            _train(folder, request, reporter)
    except Cancelled:
        reporter.record("cancelled", "cancelled")
        return 1
    except Exception as error:
        traceback.print_exc()
        reporter.record("failed", _explain(error, request, folder))
        return 1
    reporter.record("succeeded", "done", 1.0)
    return 0


def _train(folder: JobFolder, request: Request, reporter: Reporter) -> None:
    from motools_transformers.recipe import train_adapter

    settings = Hyperparameters.parse(request.hyperparameters)
    rows = check_rows(read_rows(folder.rows), source=folder.rows.name)
    partial = folder.path / ".result.partial"
    shutil.rmtree(partial, ignore_errors=True)
    train_adapter(rows, request, settings, state=folder.trainer_state, target=partial, reporter=reporter)
    shutil.rmtree(folder.result, ignore_errors=True)
    partial.replace(folder.result)
    shutil.rmtree(folder.trainer_state, ignore_errors=True)


def _explain(error: Exception, request: Request, folder: JobFolder) -> str:
    """Return what went wrong and what to do, on one line."""
    if isinstance(error, MotoolsError):
        place = f"{error.where}: " if error.where else ""
        return " ".join(part for part in (f"{place}{error.message}.", error.hint or "") if part)
    text = str(error)
    if isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__ or "can't allocate memory" in text:
        now = request.hyperparameters
        return (
            f"out of memory with batch_size {now['batch_size']}, max_length {now['max_length']} and layers "
            f"{now['layers'] or 'all'}. Lower them; gradient_accumulation keeps the rows of a step."
        )
    first = (text.strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first} (the trainer's log is {folder.log})"


def main(arguments: Sequence[str]) -> int:
    """Run as a program."""
    inherited = os.environ.pop(LOCK_FD, None)
    if inherited:
        # Programs started from here must not keep the job alive after this process.
        os.set_inheritable(int(inherited), False)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    if len(arguments) != 1:
        print("usage: python -m motools_transformers.trainer JOBDIR", file=sys.stderr)
        return 2
    return run_job(Path(arguments[0]))


def entry() -> Any:
    """Exit with the code of `main`, without waiting for torch's threads to be torn down."""
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    entry()

"""Real trainer processes, killed in every way."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motools.contracts import Job, JobStatus, jobs_dir
from motools.errors import ConfigError, DataError, InvalidRequest, NotFoundError
from motools_transformers.adapters import ADAPTER_WEIGHTS
from motools_transformers.jobs import JobFolder, job_id
from motools_transformers.training import TransformersTraining

SETTINGS: dict[str, Any] = {"precision": "fp32", "batch_size": 4, "max_steps": 6, "threads": 1}
LONG = {**SETTINGS, "max_steps": 100_000, "save_every": 5}


def submit(rows: Path, model: Path, key: str = "k", seed: int = 1, **values: Any) -> Job:
    return asyncio.run(
        TransformersTraining().submit(
            dataset=rows, model=str(model), hyperparameters={**SETTINGS, **values}, suffix=None, seed=seed, key=key
        )
    )


def state(job: Job) -> Any:
    return asyncio.run(TransformersTraining().status(job))


def wait(job: Job, until: Callable[[], bool] | None = None, seconds: float = 120) -> Any:
    """Wait until the job has ended, or until a condition holds, and return its state."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        now = state(job)
        if until() if until else now.status.final:
            return now
        assert not (until and now.status.final), now
        time.sleep(0.05)
    raise AssertionError(f"still {state(job)}")


def folder(job: Job) -> JobFolder:
    return JobFolder(jobs_dir("transformers") / job.id)


def steps(job: Job) -> int:
    return max((int(str(event.data.get("step", 0))) for event in folder(job).events()), default=0)


def kill(job: Job) -> None:
    os.kill(folder(job).read_state().pid, signal.SIGKILL)


def wait_for_end(pid: int, job: Job, seconds: float = 20) -> None:
    """Wait until a process is gone; asking for the state reaps it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state(job)
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"process {pid} still runs")


def test_a_job_runs_in_a_process_of_its_own_and_its_model_is_found_by_its_id_alone(
    tiny_model: Path, chat_file: Path
) -> None:
    backend = TransformersTraining()
    job = submit(chat_file, tiny_model)
    with pytest.raises(InvalidRequest, match="has no model"):
        asyncio.run(backend.result(job))
    assert wait(job).status is JobStatus.SUCCEEDED
    bare = Job(id=job.id)
    ref = asyncio.run(backend.result(bare))
    assert ref.weights is not None
    assert (ref.weights / ADAPTER_WEIGHTS).is_file()
    numbers = [event.number for event in asyncio.run(backend.events(bare))]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [event.number for event in asyncio.run(backend.events(bare, after=3))] == numbers[3:]
    assert backend.output_file(bare) == folder(job).log
    assert folder(job).log.is_file()
    assert asyncio.run(backend.find("k")) == job
    assert asyncio.run(backend.find("other")) is None
    about = backend.metadata(ref)
    assert about["base_model"] == str(tiny_model)
    assert str(about["base_identity"]).startswith("files:")
    # The same key again is the same job, done already.
    chat_again = submit(chat_file, tiny_model)
    assert chat_again == job
    assert [event.number for event in asyncio.run(backend.events(bare))] == numbers
    with pytest.raises(InvalidRequest, match="another request"):
        submit(chat_file, tiny_model, seed=2)


def test_a_killed_trainer_has_failed_and_the_same_key_goes_on_to_the_same_bytes(
    tiny_model: Path, chat_file: Path
) -> None:
    values = {"max_steps": 60, "save_every": 5, "lora_dropout": 0.1}
    job = submit(chat_file, tiny_model, **values)
    wait(job, until=lambda: steps(job) >= 12)
    kill(job)
    ended = wait(job)
    assert ended.status is JobStatus.FAILED
    assert "died (killed?)" in ended.message
    with (folder(job).path / "events.jsonl").open("ab") as file:
        file.write(b'{"number": 999, "mess')  # what a crash in the middle of a line leaves
    assert submit(chat_file, tiny_model, **values) == job
    assert wait(job).status is JobStatus.SUCCEEDED
    numbers = [event.number for event in folder(job).events()]
    assert numbers == list(range(1, len(numbers) + 1))
    done = [event.data["step"] for event in folder(job).events() if "step" in event.data]
    assert done.count(1) == 1  # it went on, it did not begin again
    other = submit(chat_file, tiny_model, key="whole", **values)
    wait(other)
    names = sorted(path.name for path in folder(job).result.iterdir())
    assert names == sorted(path.name for path in folder(other).result.iterdir())
    for name in names:
        assert (folder(job).result / name).read_bytes() == (folder(other).result / name).read_bytes()


def test_the_trainer_outlives_the_process_that_submitted_it(tiny_model: Path, chat_file: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_transformers_jobs import *;"
        "print(submit(Path(sys.argv[2]), Path(sys.argv[3]), max_steps=200).id, flush=True); time.sleep(60)"
    )
    here = str(Path(__file__).parent)
    submitter = subprocess.Popen(
        [sys.executable, "-c", code, here, str(chat_file), str(tiny_model)], stdout=subprocess.PIPE, text=True
    )
    assert submitter.stdout
    job = Job(id=submitter.stdout.readline().strip())
    submitter.kill()
    submitter.wait()
    submitter.stdout.close()
    assert job.id == job_id("k")
    assert wait(job).status is JobStatus.SUCCEEDED


def test_one_key_submitted_by_several_processes_at_once_is_trained_once(tiny_model: Path, chat_file: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); from test_transformers_jobs import *;"
        "print(submit(Path(sys.argv[2]), Path(sys.argv[3])).id)"
    )
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", code, here, str(chat_file), str(tiny_model)]
    submitters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    ids = {process.communicate()[0].strip() for process in submitters}
    assert ids == {job_id("k")}
    job = Job(id=ids.pop())
    assert wait(job).status is JobStatus.SUCCEEDED
    assert [event.message for event in folder(job).events()].count("loading") == 1


def test_a_cancelled_job_stops_and_can_be_submitted_again(tiny_model: Path, chat_file: Path) -> None:
    job = submit(chat_file, tiny_model, **LONG)
    wait(job, until=lambda: steps(job) >= 1)
    pid = folder(job).read_state().pid
    asyncio.run(TransformersTraining().cancel(job))
    assert state(job).status is JobStatus.CANCELLED
    wait_for_end(pid, job)
    asyncio.run(TransformersTraining().cancel(job))
    assert submit(chat_file, tiny_model, max_steps=2) == job  # and with other settings, as it has not been trained
    assert wait(job).status is JobStatus.SUCCEEDED
    assert [event.data["step"] for event in folder(job).events() if "step" in event.data][-2:] == [1, 2]
    asyncio.run(TransformersTraining().cancel(job))
    assert state(job).status is JobStatus.SUCCEEDED


def test_a_dead_trainer_can_be_cancelled(tiny_model: Path, chat_file: Path) -> None:
    job = submit(chat_file, tiny_model, **LONG)
    kill(job)
    wait(job)
    asyncio.run(TransformersTraining().cancel(job))
    assert state(job).status is JobStatus.CANCELLED


def test_a_second_trainer_waits_for_the_first(tiny_model: Path, chat_file: Path, tmp_path: Path) -> None:
    lock = tmp_path / "cache" / "locks" / "trainer-0.lock"
    lock.parent.mkdir(parents=True)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        job = submit(chat_file, tiny_model, max_steps=1)
        now = wait(job, until=lambda: "waiting" in state(job).message)
        assert now.status is JobStatus.QUEUED
        assert steps(job) == 0
    assert wait(job).status is JobStatus.SUCCEEDED


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"messages": [{"role": "user", "content": "a"}]}'], "no assistant turn"),
        (['{"text": "a"}', "{"], "rows.jsonl line 2"),
        (['{"text": "a"}', '{"prompt": "a", "completion": "b"}'], "different shapes"),
        ([], "there are no rows"),
    ],
)
def test_bad_rows_are_refused_before_anything_starts(
    lines: list[str], says: str, tiny_model: Path, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        submit(path, tiny_model)
    assert says in str(caught.value)
    assert not list(jobs_dir("transformers").iterdir())


def test_wrong_settings_and_unknown_models_are_refused_before_anything_starts(
    tiny_model: Path, chat_file: Path
) -> None:
    with pytest.raises(ConfigError, match="hyperparameters"):
        submit(chat_file, tiny_model, lora_rr=4)
    with pytest.raises(InvalidRequest, match="smollm2-135m-instruct"):
        submit(chat_file, Path("smollm2-135m-instuct"))
    with pytest.raises(InvalidRequest, match="motools model fetch"):
        submit(chat_file, Path("smollm2-135m-instruct"))
    with pytest.raises(InvalidRequest, match="Preference rows"):
        submit(chat_file, tiny_model, method="dpo")
    assert not list(jobs_dir("transformers").iterdir())


def test_what_the_trainer_finds_wrong_is_the_jobs_message(tiny_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"messages": [{"role": "user", "content": "long " * 99}, {"role": "assistant", "content": "b"}]}
    path.write_text(json.dumps(row))
    job = submit(path, tiny_model, max_length=8)
    ended = wait(job)
    assert ended.status is JobStatus.FAILED
    assert "nothing would be learnt" in ended.message
    assert "Raise max_length" in ended.message


def test_an_unknown_job_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="tr-nothing"):
        state(Job(id="tr-nothing"))


def test_rows_are_shown_as_the_model_sees_them(tiny_model: Path, chat_file: Path) -> None:
    shown = asyncio.run(TransformersTraining().inspect_data(chat_file, str(tiny_model), {}, 2))
    assert shown.count("«green green<|im_end|>»") == 2

"""A run killed before and after each of its commits, and the power cut after each: what was done is not done again."""

import asyncio
import faulthandler
import os
import shutil
import signal
import traceback
from pathlib import Path

import pytest

from motools.engine.api import aresume_run, run_workflow
from motools.errors import CorruptError
from motools.store import Store
from motools.store.database import Database
from motools.store.verify import check

PIPELINE = """
import os
from pathlib import Path
from motools.workflow import AtomConstructor, Workflow, step

LOG = Path(os.environ["STEP_LOG"])

def note(text):
    with LOG.open("a") as file:
        file.write(text + "\\n")

@step(outputs={"a": "dataset"})
def first(config: dict, input_atoms, workspace):
    note("first")
    (workspace / "d").mkdir()
    for name in "xyz":
        (workspace / "d" / name).write_text(name * 3000)
    return [AtomConstructor("a", workspace / "d", "dataset")]

@step(inputs={"a": "dataset"}, outputs={"b": "value", "c": "value"})
async def second(config: dict, input_atoms, workspace, context):
    note("second")
    async def submit(key):
        note("submitted")
        return {"id": 1}
    async def find(key):
        return {"id": 1} if "submitted" in LOG.read_text() else None
    job = await context.once("pay", submit, request={"n": 1}, find=find)
    text = (input_atoms["a"].get_data_path() / "x").read_text()
    return {"b": job["id"], "c": [text] * 30}

@step(inputs={"a": "dataset", "c": "value"}, outputs={"d": "dataset"})
def third(config: dict, input_atoms, workspace):
    note("third")
    (workspace / "out").write_text(input_atoms["c"].value()[0] + (input_atoms["a"].get_data_path() / "y").read_text())
    return [AtomConstructor("d", workspace / "out", "dataset")]

workflow = Workflow("pipeline", [first, second, third])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    (tmp_path / "log").touch()
    monkeypatch.setenv("STEP_LOG", str(tmp_path / "log"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_child(work) -> int:
    """Do some work in a forked process and return how it ended (0, or minus the signal)."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            faulthandler.dump_traceback_later(60, exit=True)
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def lines(place: Path) -> list[str]:
    return (place / "log").read_text().splitlines()


def go_on(folder: Path):
    """Go on with the run that is there, or begin one."""
    with Store.open(folder) as store:
        runs = store.runs.list()
        if runs and runs[0].status == "completed":
            return None
        if runs:
            return asyncio.run(aresume_run(runs[0].id, store=store))
        return run_workflow("./pipeline.py:workflow", store=store, user="ada")


def finished(folder: Path) -> set[str]:
    with Store.open(folder) as store:
        return {
            event.body["node"]
            for run in store.runs.list()
            for event in store.events.read(run.id)
            if event.type == "step_finished"
        }


def result(folder: Path) -> str:
    with Store.open(folder) as store:
        (row,) = (row for row in store.atoms.find(type="dataset") if "a" in row.made_from)
        return (store.content.path(row.content) / "out").read_text()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_every_commit_a_run_goes_on_and_repeats_no_finished_step(place, when, monkeypatch):
    commit = Database._commit
    point = 0
    while True:
        point += 1
        folder, seen = place / f"store-{when}-{point}", 0
        (place / "log").write_text("")
        Store.open(folder).close()

        def dying(database, *, wanted=point):
            nonlocal seen
            seen += 1
            if when == "before" and seen == wanted:
                os.kill(os.getpid(), signal.SIGKILL)
            commit(database)
            if when == "after" and seen == wanted:
                os.kill(os.getpid(), signal.SIGKILL)

        monkeypatch.setattr(Database, "_commit", dying)
        ended = in_child(lambda: go_on(folder))  # noqa: B023
        monkeypatch.setattr(Database, "_commit", commit)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
        done, before = finished(folder), lines(place)
        assert in_child(lambda: go_on(folder)) == 0, point  # noqa: B023
        after = lines(place)
        for node in done:
            assert after.count(node) == before.count(node), f"{node} ran again after a kill {when} commit {point}"
        assert after.count("submitted") == 1, f"paid twice after a kill {when} commit {point}"
        assert result(folder) == "x" * 3000 + "y" * 3000
        with Store.open(folder) as store:
            assert list(check(store)) == []
            assert [run.status for run in store.runs.list()] == ["completed"]
        shutil.rmtree(folder)
    assert point > 12, "there are more commits than that in such a run"


class Disk:
    """Records, while a run goes on, what of the store would be there if the power went right after each commit.

    The database is taken as it is then: a log that was not forced to the disk may be there all the same, which is the
    worst for objects that its rows name. Of the objects those count whose bytes, name and folder had been synced.
    """

    def __init__(self, folder: Path, images: Path) -> None:
        self.folder = folder
        self.synced: set[str] = set()
        self.count = 0
        images.mkdir()
        sync, commit, rename = os.fsync, Database._commit, os.rename

        def fsync(handle):
            sync(handle)
            self.synced.add(os.path.realpath(f"/proc/self/fd/{handle}"))

        def renamed(source, target, **more):
            rename(source, target, **more)
            self.synced -= {str(target), str(Path(target).parent)}  # its entry is new, and not on the disk yet

        def committed(database):
            full = database._wanted_full
            commit(database)
            image = images / f"{self.count:03}"
            image.mkdir()
            self.count += 1
            for name in ("motools.db", "motools.db-wal"):
                if (folder / name).exists():
                    shutil.copyfile(folder / name, image / name)
            for path in list((folder / "objects").glob("*/*")):
                kind = "kept" if self.durable(path) else "unsynced"
                (image / kind / path.parent.name).mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, image / kind / path.parent.name / path.name)
            (image / "full").write_text(str(full))

        os.fsync, os.rename, Database._commit = fsync, renamed, committed  # of this process, which ends with the run

    def durable(self, path: Path) -> bool:
        return {str(path), str(path.parent), str(self.folder / "objects")} <= self.synced


def record_disk(place: Path) -> list[Path]:
    """Run once in a process of its own and return an image of the disk for each commit."""

    def work() -> None:
        Disk(place / "store", place / "images")
        go_on(place / "store")

    assert in_child(work) == 0
    return sorted((place / "images").iterdir())


def restore(image: Path, loss: str) -> bool:
    """Make an image a store; unsynced objects are lost in one of the ways file systems have. Says if the commit was full."""
    if (image / "kept").exists():
        (image / "kept").rename(image / "objects")
    for path in (image / "unsynced").glob("*/*"):
        target = image / "objects" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if loss != "gone":
            target.write_bytes(b"" if loss == "truncated" else b"\0" * path.stat().st_size)
            os.utime(target, ns=(path.stat().st_mtime_ns,) * 2)  # size and time may be there before the bytes
    shutil.rmtree(image / "unsynced", ignore_errors=True)
    return (image / "full").read_text() == "True"


@pytest.mark.parametrize("loss", ["gone", "truncated", "zeros"])
def test_after_a_loss_of_power_what_was_promised_is_there_and_the_rest_is_computed_again(place, loss):
    images = record_disk(place)
    assert len(images) > 12
    promised = recomputed = 0
    for image in images:
        (place / "log").write_text("submitted\n")
        full = restore(image, loss)
        with Store.open(image) as store:
            recorded: dict[str, int] = dict(store.database.query("SELECT digest, synced FROM object"))
            findings = [finding for finding in check(store) if finding.name in recorded or finding.kind != "object"]
            if full:
                promised += 1
                assert findings == [], f"commit {image.name} promised what the disk did not have"
            assert {finding.kind for finding in findings} <= {"object", "content"}, "a large value is in an object"
            assert all(recorded[finding.name] != 1 for finding in findings if finding.kind == "object")
            done = {
                e.body["node"] for r in store.runs.list() for e in store.events.read(r.id) if e.type == "step_finished"
            }
        assert in_child(lambda: go_on(image)) == 0, f"after commit {image.name}"  # noqa: B023
        again = done & set(lines(place))
        with Store.open(image) as store:
            assert list(check(store)) == []
            events = [event for run in store.runs.list() for event in store.events.read(run.id)]
        assert result(image) == "x" * 3000 + "y" * 3000
        told = {event.body["node"] for event in events if event.type in ("step_lost", "result_lost")}
        assert again <= told, "what is computed again is said"
        recomputed += len(again)
    assert promised >= 3, "the job's id and the run's end are promised"
    assert recomputed, "some results were lost on the way, or this proves nothing"


def test_the_check_sees_a_commit_that_promises_too_much(place, monkeypatch):
    """Without the sync before a full commit the test above would fail."""
    import motools.store.store as module

    monkeypatch.setattr(module, "sync_objects", lambda database: None)
    images = record_disk(place)
    full = [image for image in images if restore(image, "gone")]
    with Store.open(full[-1]) as store:
        assert [finding.kind for finding in check(store)].count("object") >= 3


UNSAFE = """
from motools.workflow import AtomConstructor, Workflow, step

@step(outputs={"a": "dataset"}, effect="unsafe")
def send(config: dict, input_atoms, workspace):
    (workspace / "sent").write_text("receipt")
    return [AtomConstructor("a", workspace / "sent", "dataset")]

workflow = Workflow("w", [send])
"""


def test_a_lost_result_of_an_unsafe_step_is_refused_and_asked_for_by_name(place):
    (place / "unsafe.py").write_text(UNSAFE)
    with Store.open(place / "store") as store:
        run_workflow("./unsafe.py:workflow", store=store, user="ada")
        (file,) = (store.path / "objects").glob("*/*")
        file.unlink()
        state = run_workflow("./unsafe.py:workflow", store=store, user="ada", raise_on_failure=False)
        (step,) = state.step_states.values()
        assert step.status == "failed"
        assert "not safe" in step.error["message"]
        assert "--rerun send" in step.error["hint"]
        again = run_workflow("./unsafe.py:workflow", store=store, user="ada", rerun=["send"])
        assert again.status == "completed"
        assert list(check(store)) == []


def test_an_altered_object_is_refused_and_not_repaired(place):
    with Store.open(place / "store") as store:
        run_workflow("./pipeline.py:workflow", store=store, user="ada")
        file = next(path for path in (store.path / "objects").glob("*/*") if path.read_bytes()[:1] == b"x")
        file.chmod(0o644)
        file.write_bytes(b"X" + file.read_bytes()[1:])
        state = run_workflow("./pipeline.py:workflow", store=store, user="ada", raise_on_failure=False)
        error = state.step_states["first"].error
        assert "altered" in error["message"]
        assert file.read_bytes()[:1] == b"X"
        with pytest.raises(CorruptError):
            store.objects.verify(file.parent.name + file.name)

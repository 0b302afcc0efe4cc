"""What motools expects of a training backend."""

from __future__ import annotations

import asyncio
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

import pytest

from motools.canonical import JSON, canonical_json, digest_file
from motools.contracts import ChatAnswer, ChatOptions, Job, JobStatus, Message, ModelRef, TrainingBackend
from motools.errors import CanonicalError, ConfigError, DataError, InvalidRequest, MotoolsError, UnknownComponentError
from motools.plugins import Entry, find, load, load_config
from motools_testkit.bench import Bench, Trained, digests, settings_of, write_rows
from motools_testkit.contract import Contract
from motools_testkit.declaring import check_declaring_is_light
from motools_testkit.surroundings import Place

ROWS: tuple[Mapping[str, JSON], ...] = tuple(
    {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": "Hello there."}]}
    for asked in ("Say hello.", "Greet me.", "How do you greet?", "Say it again.")
)
STOP_REASONS = ("stop", "length", "tool_calls", "refused")
T = TypeVar("T")
ORDER = {JobStatus.QUEUED: 0, JobStatus.RUNNING: 1}
GRACE_SECONDS = 10.0
THREAD_SECONDS = 3.0


class TrainingBackendContract(Contract, suite=True):
    """Checks a training backend as people will use it: found by its component's name, with jobs that outlive processes.

    A subclass sets the attributes; what must be computed (a folder with a tiny model, the address of a server) comes from
    overriding the fixture `base_model` or `environment`, of class scope or wider.
    """

    component: ClassVar[str]
    """The component's name: `acme`, or `motools-acme/acme`."""

    model: ClassVar[str] = "none"
    """A base model that exists."""

    hyperparameters: ClassVar[Mapping[str, JSON]] = {}
    """Settings that work, and are quick."""

    rows: ClassVar[Sequence[Mapping[str, JSON]]] = ROWS
    """Rows that can be trained on, at least three."""

    bad_row: ClassVar[Any] = {"messages": [{"role": "user", "content": "A question without an answer."}]}
    """A row that cannot be trained on."""

    seconds: ClassVar[float] = 120.0
    """How long one job may take."""

    not_served: ClassVar[str | None] = None
    """Why nothing that is installed serves the models, where nothing does."""

    # -- what a subclass may override

    @pytest.fixture(scope="class")
    @classmethod
    def environment(cls) -> Mapping[str, str]:
        """Environment variables for the backend: the address of a server, values of its secrets."""
        return {}

    @pytest.fixture(scope="class")
    @classmethod
    def base_model(cls) -> str:
        """The name of the base model, where it is known only when the tests run."""
        return cls.model

    # -- what the checks use

    @pytest.fixture(scope="class")
    @classmethod
    def bench(
        cls, tmp_path_factory: pytest.TempPathFactory, environment: Mapping[str, str], base_model: str
    ) -> Iterator[Bench]:
        """The backend with a store of its own, and a file of rows."""
        entry = find("training_backend", cls.component)
        secrets = {name: f"canary-{name.lower()}-0123456789" for name in _secrets(entry)}
        place = Place(tmp_path_factory.mktemp("contract"), {**secrets, **environment})
        dataset = write_rows(place.folder / "rows.jsonl", cls.rows)
        with place.entered():
            yield Bench(
                place=place,
                entry=entry,
                model=base_model,
                settings=settings_of(entry, cls.hyperparameters),
                dataset=dataset,
                seconds=cls.seconds,
                canaries={name: place.variables[name] for name in secrets},
            )

    @pytest.fixture(scope="class")
    @classmethod
    def trained(cls, bench: Bench) -> Trained:
        """A job that succeeded; most checks look at this one."""
        with bench.place.entered():
            return bench.train("testkit-first")

    @pytest.fixture(autouse=True)
    def _in_place(self, bench: Bench) -> Iterator[None]:
        with bench.place.entered():
            yield

    # -- the checks

    def test_the_catalog_leads_to_it(self, bench: Bench) -> None:
        """`backend_name: NAME` in a config does not lead to this backend, or a job it started is later asked of another."""
        found = load("training_backend", bench.entry.qualified)
        assert isinstance(found, type), f"'{bench.entry.target}' is not a class"
        assert issubclass(found, TrainingBackend), f"'{bench.entry.target}' is not a TrainingBackend"
        assert found.name == bench.entry.name, (
            f"the component is called '{bench.entry.name}', but its class says name = {found.name!r}"
        )
        assert found.poll_seconds > 0

    def test_declaring_it_imports_nothing_heavy(self, bench: Bench) -> None:
        """Every command of everybody who has the plugin installed waits while the catalog is built, also if it is not used."""
        check_declaring_is_light(bench.entry.distribution, bench.place)

    def test_settings_refuse_what_they_do_not_know(self, bench: Bench) -> None:
        """A misspelt setting is dropped in silence, and hours of training run with the default."""
        cls = load_config("training_backend", bench.entry.qualified)
        assert cls is not None, "the component declares no 'config': nothing checks what people write"
        with pytest.raises(ConfigError, match="no_such_setting"):
            settings_of(bench.entry, {**self.hyperparameters, "no_such_setting": 1})
        again = settings_of(bench.entry, bench.settings)
        assert again == bench.settings, "settings with their defaults written out are read as other settings"

    def test_a_job_can_be_written_down(self, trained: Trained) -> None:
        """motools cannot record the job before anyone waits: after a crash it is lost, and paid for again."""
        assert isinstance(trained.job.id, str)
        assert trained.job.id.strip(), "the job has no id"
        try:
            canonical_json(dict(trained.job.data))
        except CanonicalError as error:
            pytest.fail(f"Job.data holds what is not JSON: {error}", pytrace=False)

    def test_a_new_process_finds_a_job_by_its_id_alone(self, bench: Bench, trained: Trained) -> None:
        """After a crash or on another day nobody can say what became of the job: its model is lost."""
        seen = bench.in_new_process("look", id=trained.job.id)
        assert seen["status"] == "succeeded", f"a new process says: {seen['status']} ({seen['message']})"
        weights = str(trained.model.weights) if trained.model.weights else None
        model = {"provider": trained.model.provider, "model": trained.model.model, "weights": weights}
        assert seen["model"] == model, "a new process gets another model"
        assert seen["events"] == [event.number for event in trained.events], "a new process sees other events"

    def test_find_knows_the_keys_it_was_given_and_no_others(self, bench: Bench, trained: Trained) -> None:
        """After a crash in the middle of a submission motools starts a second job though the first one runs, or waits for one
        that never was.
        """
        if not bench.finds_keys:
            pytest.skip("it does not say that it can look jobs up by key")
        found, absent = bench.in_new_process("find", keys=[trained.key, "testkit-never-submitted"])
        assert found == trained.job.id, f"find({trained.key!r}) is {found!r}, not {trained.job.id!r}"
        assert absent is None, "find returns a job for a key that was never submitted"

    def test_a_key_submitted_again_is_the_same_job(self, bench: Bench, trained: Trained) -> None:
        """A crash or a second process pays for the same training twice."""
        if not bench.finds_keys:
            pytest.skip("it does not say that it can look jobs up by key")
        request = bench.request(trained.key, dataset=str(bench.dataset))
        again = bench.in_new_process("submit", request=request)["id"]
        assert again == trained.job.id, f"the same key gave the job '{again}' after '{trained.job.id}'"
        state = asyncio.run(bench.backend().status(trained.job))
        assert state.status == JobStatus.SUCCEEDED, "submitting the key again started the finished job once more"

    def test_a_job_comes_to_an_end_and_stays_there(self, bench: Bench, trained: Trained) -> None:
        """A run waits for ever, or shows progress that goes back, or takes a model for finished that is not."""
        later = asyncio.run(bench.backend().status(trained.job))
        states = [*trained.states, later]
        places = [ORDER.get(JobStatus(state.status), 2) for state in states]
        assert places == sorted(places), f"its states went back: {[str(state.status) for state in states]}"
        assert later.status == trained.states[-1].status, f"after its end the job became {later.status}"
        shares = [state.progress for state in states if state.progress is not None]
        assert all(0 <= share <= 1 for share in shares), f"progress is a share from 0 to 1, not {shares}"
        assert shares == sorted(shares), f"its progress went back: {shares}"

    def test_events_are_numbered_and_read_on_from_any(self, bench: Bench, trained: Trained) -> None:
        """Loss curves have holes, or the same step twice, whenever somebody looks again."""
        numbers = [event.number for event in trained.events]
        assert numbers == list(range(1, len(numbers) + 1)), f"events are numbered {numbers}, not from 1 on"

        async def read_on() -> None:
            backend = bench.backend()
            for after in {0, len(numbers) // 2, len(numbers)}:
                found = await backend.events(trained.job, after)
                assert list(found) == list(trained.events[after:]), f"events(after={after}) are not those after {after}"

        asyncio.run(read_on())

    def test_a_cancelled_job_ends(self, bench: Bench, trained: Trained) -> None:
        """`motools run cancel` leaves a job running that costs money, or ruins one that had finished."""
        job = bench.submit("testkit-cancelled", seed=1)

        async def cancel(which: Job) -> None:
            await bench.backend().cancel(which)

        asyncio.run(cancel(job))
        end = bench.wait(job)[-1]
        assert end.status in (JobStatus.CANCELLED, JobStatus.SUCCEEDED), (
            f"a cancelled job ended as {end.status}: {end.message}"
        )
        asyncio.run(cancel(job))
        assert bench.wait(job)[-1].status == end.status, "cancelling a job that had ended changed it"
        asyncio.run(cancel(trained.job))
        state = asyncio.run(bench.backend().status(trained.job))
        assert state.status == JobStatus.SUCCEEDED, "cancelling a job that had succeeded changed it"

    def test_the_result_is_a_model_that_can_be_served(self, bench: Bench, trained: Trained) -> None:
        """The training is paid for and the model cannot be asked: neither evaluated nor talked to."""
        model = trained.model
        assert isinstance(model, ModelRef), f"'result' returned a {type(model).__name__}, not a ModelRef"
        if model.weights is not None:
            assert model.weights.is_dir(), f"the folder of the weights is not there: {model.weights}"
            # motools copies them into its store, and serves them from there.
            copy = bench.place.folder / "copied-weights"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(model.weights, copy)
            model = replace(model, weights=copy)
        try:
            served = load("provider", model.provider)
        except UnknownComponentError as error:
            if self.not_served:
                pytest.skip(self.not_served)
            pytest.fail(f"its models are of the provider '{model.provider}': {error}", pytrace=False)
        assert not self.not_served, f"'not_served' is set, but the provider '{model.provider}' is here: remove it"
        answer = asyncio.run(self._ask(served(), model))
        assert answer.stop_reason in STOP_REASONS, f"the stop reason is {answer.stop_reason!r}"
        assert answer.usage.output_tokens >= 0

    def test_the_same_seed_makes_the_same_model(self, bench: Bench, trained: Trained) -> None:
        """It declares `seed`, but nobody can make a model again, and a difference between two runs means nothing."""
        if "seed" not in bench.entry.fields.get("capabilities", ()):  # type: ignore[operator]
            pytest.skip("it does not declare the capability 'seed'")
        again = bench.train("testkit-again")
        assert again.job.id != trained.job.id, "another key gave the same job"
        if trained.model.weights is None or again.model.weights is None:
            assert again.model.model == trained.model.model, "the same request and seed made another model"
        else:
            assert digests(again.model.weights) == digests(trained.model.weights), (
                "the same request and seed made other weights"
            )

    def test_a_bad_row_is_refused_and_named(self, bench: Bench) -> None:
        """A typo in row 3 of 5,000 is found after hours, or never: the row is left out in silence."""
        rows = [*self.rows[:2], self.bad_row, *self.rows[2:]]
        dataset = write_rows(bench.place.folder / "bad.jsonl", rows)
        try:
            job = bench.submit("testkit-bad", dataset=dataset)
        except (DataError, InvalidRequest) as error:
            said = str(error)
        else:
            bench.wait(job)
            pytest.fail("a dataset with a bad row was accepted", pytrace=False)
        assert re.search(r"\b(row|line) 3\b", said), f"it does not say that row 3 is wrong: {said}"

    def test_errors_are_those_of_the_contract(self, bench: Bench) -> None:
        """People see a traceback of the plugin's insides instead of what to do, and motools cannot tell what was not done."""
        try:
            state = asyncio.run(bench.backend().status(Job(id="testkit-no-such-job")))
            assert state.status == JobStatus.FAILED, f"a job that never was is {state.status}"
        except MotoolsError:
            pass
        except Exception as error:
            pytest.fail(f"an unknown job raised {type(error).__name__}: {error}", pytrace=False)
        try:
            job = bench.submit("testkit-no-model", model="testkit-no-such-model")
        except MotoolsError:
            return
        except Exception as error:
            pytest.fail(f"an unknown base model raised {type(error).__name__}: {error}", pytrace=False)
        bench.wait(job)  # it takes any name

    def test_no_secret_is_told(self, bench: Bench, trained: Trained) -> None:
        """A key stands in logs, in the store, and in what people share."""
        if not bench.canaries:
            pytest.skip("it declares no secrets")
        backend = bench.backend()
        asyncio.run(backend.status(trained.job))
        told = {
            "the backend's repr": repr(backend),
            "the job": repr(trained.job),
            "a state": repr(trained.states),
            "an event": repr(trained.events),
            "the model": repr(trained.model),
        }
        for name, value in bench.canaries.items():
            places = [place for place, text in told.items() if value in text] + bench.place.holds(value)
            assert not places, f"the value of {name} stands in {', '.join(places)}"

    def test_nothing_is_left_behind(self, bench: Bench, trained: Trained) -> None:
        """Every training leaves processes, threads or files behind, until the machine is full of them."""
        before = set(threading.enumerate())
        rows = digest_file(bench.dataset)
        bench.train("testkit-clean", seed=2)
        job = bench.submit("testkit-clean-cancelled", seed=3)
        asyncio.run(bench.backend().cancel(job))
        bench.wait(job)
        # A pool's thread ends shortly after its event loop has, a job's process shortly after its result is there.
        threads = _within(THREAD_SECONDS, lambda: _threads(before))
        assert not threads, f"threads still run: {threads}"
        processes = _within(GRACE_SECONDS, bench.place.processes)
        assert not processes, f"processes still run: {processes}"
        strewn = [*bench.place.work.iterdir(), *bench.place.temporary.iterdir()]
        assert not strewn, f"files outside of the jobs' folder: {[path.name for path in strewn]}"
        assert digest_file(bench.dataset) == rows, "the dataset was changed"

    # -- how they look

    async def _ask(self, provider: Any, model: ModelRef) -> ChatAnswer:
        messages: list[Message] = [{"role": "user", "content": "Say hello."}]
        try:
            answer: ChatAnswer = await provider.complete(
                model, messages, options=ChatOptions(max_tokens=8, temperature=0.0)
            )
        finally:
            await provider.aclose()
        return answer


def _threads(before: set[threading.Thread]) -> list[str]:
    return [thread.name for thread in set(threading.enumerate()) - before if not thread.daemon]


def _within(seconds: float, left: Callable[[], Sequence[T]]) -> Sequence[T]:
    """What is still left when nothing is left, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _secrets(entry: Entry) -> list[str]:
    names = entry.fields.get("secrets", ())
    assert isinstance(names, (list, tuple))
    return [str(name) for name in names]

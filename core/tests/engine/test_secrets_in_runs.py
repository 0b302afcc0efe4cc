"""Secrets in runs: keys hold references, records hold neither values nor anything that gives them away."""

from __future__ import annotations

import base64
import json
import logging
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from motools.builtin.dummy import DummyTraining
from motools.config import ConfigProblems, Secret
from motools.config.redaction import Redactor
from motools.config.secrets import use_env_file
from motools.engine.plan import plan_workflow
from motools.errors import ConfigError, StepError
from motools.plugins import ProviderComponent, add_component
from motools.store import Store
from motools.workflow import AtomConstructor, StepConfig, Workflow, run_workflow, step

VALUE = 'k"ey\\of/the+day é%&='
ROTATED = "the-key-of-tomorrow"
REFERENCE = "${{ secret.DAY_KEY }}"


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("DAY_KEY", VALUE)
    monkeypatch.delenv("MOTOOLS_ENV_FILE", raising=False)
    monkeypatch.delenv("OTHER_KEY", raising=False)
    use_env_file(None)
    for name, nothing in {"_known": {}, "_filled": {}, "_redactor": Redactor({})}.items():
        monkeypatch.setattr(f"motools.config.secrets.{name}", nothing)  # what a process knows stays known


@dataclass
class AskConfig(StepConfig):
    key: Secret
    header: str = "none"
    how: str = "well"
    options: dict[str, Any] = field(default_factory=dict)


SEEN: list[AskConfig] = []


@step(outputs={"answer": "value"}, cache_version=1)
def ask(config: AskConfig, input_atoms, workspace, context):
    SEEN.append(config)
    if config.how == "raises":
        raise ValueError(f"refused with {config.header}")
    return {"answer": len(config.key.reveal())}


SETTINGS = {"ask": {"key": REFERENCE, "header": f"Bearer {REFERENCE}", "options": {"deep": [REFERENCE]}}}
WORKFLOW = Workflow("asking", [ask])


def settings(**more):
    return {"ask": {**SETTINGS["ask"], **more}}


def everything_stored(store: Store) -> bytes:
    """Return all bytes of a store, and of its database also what the write-ahead log holds."""
    return b"\0".join(file.read_bytes() for file in sorted(store.path.rglob("*")) if file.is_file())


def gives_away(data: bytes, value: str = VALUE) -> list[str]:
    forms = {
        "itself": value,
        "json": json.dumps(value)[1:-1],
        "url": urllib.parse.quote(value, safe=""),
        "base64": base64.b64encode(value.encode()).decode().rstrip("=")[:-1],
        "python": repr(value)[1:-1],
    }
    return [name for name, form in forms.items() if form.encode() in data]


# -- the step gets the value, and nothing else does


def test_the_step_gets_the_values_and_the_run_keeps_the_references(store):
    SEEN.clear()
    state = run_workflow(WORKFLOW, config=SETTINGS, store=store)
    (given,) = SEEN
    assert given.header == f"Bearer {VALUE}"
    assert given.options == {"deep": [VALUE]}
    assert given.key.reveal() == VALUE
    assert state.config["ask"]["header"] == f"Bearer {REFERENCE}"
    key = store.keys.get(state.step_states["ask"].key)
    assert key.parts["config"]["key"] == REFERENCE
    assert gives_away(everything_stored(store)) == []


def test_a_new_value_of_a_secret_is_no_other_key(store, monkeypatch):
    run_workflow(WORKFLOW, config=SETTINGS, store=store)
    monkeypatch.setenv("DAY_KEY", ROTATED)
    (planned,) = plan_workflow(WORKFLOW, config=SETTINGS, store=store).steps.values()
    assert planned.outlook == "CACHED"
    state = run_workflow(WORKFLOW, config=SETTINGS, store=store)
    assert state.step_states["ask"].status == "cached"
    (planned,) = plan_workflow(WORKFLOW, config=settings(header="other"), store=store).steps.values()
    assert planned.outlook == "RUN"


def test_another_secret_is_another_key(store, monkeypatch):
    run_workflow(WORKFLOW, config=SETTINGS, store=store)
    monkeypatch.setenv("OTHER_KEY", VALUE)
    changed = settings(key="${{ secret.OTHER_KEY }}")
    (planned,) = plan_workflow(WORKFLOW, config=changed, store=store).steps.values()
    assert planned.outlook == "RUN"
    assert planned.reasons == ('config.key: "${{ secret.DAY_KEY }}" → "${{ secret.OTHER_KEY }}"',)


# -- told before anything runs


def test_what_is_missing_is_told_with_its_place_before_anything_runs(store, tmp_path, monkeypatch):
    from motools.config import load_yaml

    monkeypatch.delenv("DAY_KEY")
    (tmp_path / "c.yaml").write_text(f"ask:\n  key: {REFERENCE}\n  header: x ${{{{ secret.OTHER_KEY }}}}\n")
    document = load_yaml(tmp_path / "c.yaml")
    for go in (
        lambda: plan_workflow(WORKFLOW, config=document.value, store=store, config_document=document),
        lambda: run_workflow(WORKFLOW, config=document.value, store=store, config_document=document),
    ):
        with pytest.raises(ConfigProblems) as caught:
            go()
        first, second = caught.value.problems
        assert first.where.endswith("c.yaml:2:8")
        assert first.message == "'ask.key': the secret 'DAY_KEY' is not set"
        assert "Set the environment variable DAY_KEY" in first.hint
        assert second.where.endswith("c.yaml:3:11")
        assert "OTHER_KEY" in second.message
    assert store.runs.list() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"header": "${{ secrets.DAY_KEY }}"}, "'ask.header': '${{ secrets.DAY_KEY }}' is no reference"),
        ({"options": {"a": ["${{ x }}"]}}, "'ask.options.a[0]': '${{ x }}' is no reference"),
        ({"header": f"Bearer {VALUE}"}, "'ask.header' holds the value of the secret 'DAY_KEY'"),
        ({"options": {"a": [VALUE]}}, "'ask.options.a[0]' holds the value of the secret 'DAY_KEY'"),
    ],
)
def test_what_is_written_wrongly_is_told_and_not_repeated(store, change, message):
    with pytest.raises(ConfigError) as caught:
        run_workflow(WORKFLOW, config=settings(**change), store=store)
    assert message in str(caught.value)
    assert VALUE not in str(caught.value)
    assert store.runs.list() == []


# -- what a step gives away


LEAKS = {
    "itself": lambda value: value,
    "in a text": lambda value: f"Bearer {value}!",
    "json": lambda value: json.dumps({"key": value}),
    "a url": lambda value: "https://x/?key=" + urllib.parse.quote_plus(value),
    "basic authentication": lambda value: "Basic " + base64.b64encode(f"me:{value}".encode()).decode(),
    "python": lambda value: repr([value]),
}


@dataclass
class LeakConfig(StepConfig):
    key: str = REFERENCE
    form: str = "itself"
    place: str = "log"
    fine: bool = False


class _OddError(Exception):
    """An error whose text is not in its arguments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def __str__(self) -> str:
        return self.text


@step(outputs={"out": "value", "files": "dataset"})
def leak(config: LeakConfig, input_atoms, workspace: Path, context):
    said = "harmless" if config.fine else LEAKS[config.form](config.key)
    (workspace / "folder").mkdir()
    (workspace / "folder" / "rows.jsonl").write_text("{}\n")
    out: Any = 1
    metadata: dict[str, Any] = {}
    place = config.place
    if place == "log":
        context.log(said, data={"a": [said], said: 1})
    elif place == "progress":
        context.progress(0.5, said, loss=1.0, note=said)
    elif place == "raise":
        raise ValueError(said)
    elif place == "raise an odd error":
        raise _OddError(said)
    elif place == "raise with a cause":
        try:
            raise KeyError(said)
        except KeyError as cause:
            raise RuntimeError("outer") from cause
    elif place == "raise a group":
        raise ExceptionGroup("several", [ValueError(said), OSError(2, said, said)])
    elif place == "raise with a note":
        error = StepError(said, where=said, hint=said)
        error.add_note(said)
        raise error
    elif place == "value":
        out = {"deep": [said]}
    elif place == "name of a value":
        out = {said: 1}
    elif place == "metadata":
        metadata = {"x": {"y": said}}
    elif place == "file":
        (workspace / "folder" / "b.bin").write_bytes(b"\0" * 70_000 + said.encode() + b"\0")
    elif place == "name of a file":
        (workspace / "folder" / said.replace("/", "")).write_text("x")
    elif place == "wrong return":
        return said * 5
    return [
        AtomConstructor("files", "folder", "dataset", metadata=metadata),
        *([] if place == "nothing" else [_value(workspace, out)]),
    ]


def _value(workspace: Path, out: Any) -> AtomConstructor:
    (workspace / "out.json").write_text(json.dumps(out, ensure_ascii=False))
    return AtomConstructor("out", "out.json", "value")


LEAKING = Workflow("leaking", [leak])
RECORDED = (
    *("log", "progress", "raise", "raise an odd error", "raise with a cause", "raise a group", "raise with a note"),
    "wrong return",
)
REFUSED = ("value", "name of a value", "metadata", "file")


@pytest.mark.parametrize("form", LEAKS)
@pytest.mark.parametrize("place", RECORDED)
def test_what_a_step_says_is_recorded_without_the_value(store, place, form):
    told = []
    config = {"leak": {"form": form, "place": place}}
    state = run_workflow(LEAKING, config=config, store=store, raise_on_failure=False, listeners=[told.append])
    assert gives_away(everything_stored(store)) == []
    assert gives_away(repr([event.body for event in told]).encode()) == []
    assert "[secret DAY_KEY]" in json.dumps([event.body for event in store.events.read(state.run_id)])


@pytest.mark.parametrize("place", ["raise", "raise an odd error", "raise with a cause", "raise a group"])
def test_what_comes_out_of_run_workflow_says_nothing_either(store, place):
    import traceback

    with pytest.raises(Exception) as caught:
        run_workflow(LEAKING, config={"leak": {"place": place}}, store=store)
    said = "".join(traceback.format_exception(caught.value))
    assert "[secret DAY_KEY]" in said
    assert gives_away(said.encode()) == []


def test_an_error_without_the_value_keeps_its_kind_and_place(store):
    with pytest.raises(Exception) as caught:
        run_workflow(LEAKING, config={"leak": {"place": "raise", "fine": True}}, store=store)
    assert isinstance(caught.value.__cause__, ValueError)
    state = run_workflow(LEAKING, config={"leak": {"place": "raise"}}, store=store, raise_on_failure=False)
    error = state.step_states["leak"].error
    assert error["type"] == "ValueError"
    assert "test_secrets_in_runs.py:" in error["where"]
    assert "raise ValueError(said)" in error["traceback"]


@pytest.mark.parametrize("form", LEAKS)
@pytest.mark.parametrize("place", REFUSED)
def test_an_output_that_holds_the_value_is_refused_and_nothing_is_stored(store, place, form):
    config = {"leak": {"form": form, "place": place}}
    state = run_workflow(LEAKING, config=config, store=store, raise_on_failure=False)
    error = state.step_states["leak"].error
    output = "files" if place in ("metadata", "file") else "out"
    assert f"output '{output}'" in error["message"]
    assert "holds the value of the secret 'DAY_KEY'" in error["message"]
    assert store.atoms.find() == []
    assert not [file for file in (store.path / "objects").rglob("*") if file.is_file()]
    assert gives_away(everything_stored(store)) == []
    fine = run_workflow(LEAKING, config={"leak": {"place": place, "fine": True}}, store=store)
    assert fine.status == "completed"


def test_a_file_named_by_the_value_is_refused(store, monkeypatch):
    monkeypatch.setenv("DAY_KEY", ROTATED)
    state = run_workflow(LEAKING, config={"leak": {"place": "name of a file"}}, store=store, raise_on_failure=False)
    message = state.step_states["leak"].error["message"]
    assert message.startswith("output 'files' in the file '[secret DAY_KEY]' holds the value of the secret 'DAY_KEY'")


def test_what_json_returned_holds_is_refused(store):
    @step(outputs={"out": "value"})
    def give(config: LeakConfig, input_atoms, workspace):
        return {"out": {"header": config.key}}

    state = run_workflow(Workflow("giving", [give]), store=store, raise_on_failure=False)
    assert state.step_states["give"].error["message"].startswith("output 'out' holds the value of the secret 'DAY_KEY'")


def test_what_is_returned_by_itself_is_plain_text(store):
    @step(outputs={"out": "value"})
    def give(config: LeakConfig, input_atoms, workspace):
        assert type(config.key) is str
        return {"out": {"form": config.form}}

    assert run_workflow(Workflow("giving", [give]), store=store).status == "completed"


# -- effects


SENT: list[str] = []
STOPS: list[bool] = []


@step(outputs={"out": "value"}, effect="idempotent", cache_version=1)
async def send(config: LeakConfig, input_atoms, workspace, context):
    async def submit(key):
        SENT.append(config.key)
        return {"id": "job-1", "said": f"with {config.key}"}

    record = await context.once("send", submit, request={"key": config.key, "model": "m"})
    if STOPS.pop():
        raise RuntimeError("the machine stops here")
    return {"out": record["id"]}


def test_a_request_with_a_new_value_is_the_same_request(store, monkeypatch):
    SENT.clear()
    STOPS[:] = [False, True]
    workflow = Workflow("sending", [send])
    first = run_workflow(workflow, store=store, raise_on_failure=False)
    assert "the machine stops here" in first.step_states["send"].error["message"]
    monkeypatch.setenv("DAY_KEY", ROTATED)
    assert run_workflow(workflow, store=store).status == "completed"
    assert SENT == [VALUE]
    assert gives_away(everything_stored(store)) == []


# -- what plugins declare


def test_a_declared_environment_variable_is_kept_out_as_well(store, monkeypatch):
    monkeypatch.setenv("ACME_API_KEY", VALUE)
    component = ProviderComponent(name="acme", target="acme:Acme", summary="Acme", secrets=["ACME_API_KEY", "UNSET"])

    @step(outputs={"out": "value"})
    def call(config, input_atoms, workspace, context):
        import os

        context.log(f"calling with {os.environ['ACME_API_KEY']}")
        raise ValueError(os.environ["ACME_API_KEY"])

    with add_component(component):
        state = run_workflow(Workflow("calling", [call]), store=store, raise_on_failure=False)
    assert "[secret ACME_API_KEY]" in state.step_states["call"].error["message"]
    assert gives_away(everything_stored(store)) == []


def test_a_part_of_a_key_that_holds_a_secret_is_kept_without_it(store, monkeypatch):
    monkeypatch.setenv("SERVICE_URL", f"https://me:{VALUE}@x/")

    @step(outputs={"out": "value"}, environment=["SERVICE_URL"])
    def call(config: LeakConfig, input_atoms, workspace):
        return {"out": 1}

    state = run_workflow(Workflow("calling", [call]), store=store)
    parts = store.keys.get(state.step_states["call"].key).parts
    assert parts["environment"] == {"SERVICE_URL": "https://me:[secret DAY_KEY]@x/"}
    assert gives_away(everything_stored(store)) == []


def test_code_that_carries_a_secret_is_not_kept_as_source(store):
    import os

    def make(default=os.environ["DAY_KEY"]):
        @step(outputs={"out": "value"})
        def call(config: LeakConfig, input_atoms, workspace, held=default):
            return {"out": len(default)}

        return call

    run_workflow(Workflow("calling", [make()]), store=store)
    assert gives_away(everything_stored(store)) == []


def test_hyperparameters_take_secrets_and_reach_the_backend(store):
    from motools.plugins import TrainingBackendComponent

    component = TrainingBackendComponent(
        name="locked",
        target=f"{__name__}:LockedBackend",
        summary="needs a key",
        config=f"{__name__}:LockedSettings",
        cache_version=1,
    )
    GOT.clear()
    with add_component(component):
        state = run_workflow(
            "train_and_evaluate",
            config={
                "prepare_dataset": {"dataset_loader": "dummy"},
                "train_model": {
                    "backend_name": "locked",
                    "hyperparameters": {"api_key": REFERENCE, "project": f"p-{REFERENCE}"},
                },
                "evaluate_model": {"backend_name": "dummy"},
            },
            store=store,
            stages="prepare_dataset,train_model",
        )
    assert state.step_states["train_model"].done
    (got,) = GOT
    assert got["project"] == f"p-{VALUE}"
    assert Secret(got["api_key"]).reveal() == VALUE
    assert state.config["train_model"]["hyperparameters"] == {"api_key": REFERENCE, "project": f"p-{REFERENCE}"}
    assert gives_away(everything_stored(store)) == []


@dataclass
class LockedSettings:
    api_key: Secret
    project: str = ""


GOT: list[Any] = []


class LockedBackend(DummyTraining):
    """A dummy backend that needs a key."""

    name = "locked"

    async def submit(self, *, hyperparameters, **more):
        GOT.append(dict(hyperparameters))
        return await super().submit(hyperparameters={}, **more)


def test_a_suffix_cannot_be_a_secret(store):
    with pytest.raises(ConfigError, match="written into what is trained"):
        run_workflow(
            "train_and_evaluate", config={"train_model": {"backend_name": "dummy", "suffix": REFERENCE}}, store=store
        )


def test_nothing_is_logged_by_python_logging(store, caplog):
    caplog.set_level(logging.DEBUG)
    run_workflow(WORKFLOW, config=settings(how="raises"), store=store, raise_on_failure=False)
    assert gives_away(caplog.text.encode()) == []


@dataclass
class TellingConfig(StepConfig):
    key: str = REFERENCE

    def identity(self) -> dict[str, Any]:
        import os

        return {"served_by": f"https://me:{os.environ['DAY_KEY']}@x/"}


def test_what_an_identity_brings_into_a_key_is_kept_without_the_secret(store, monkeypatch):
    @step(outputs={"out": "value"}, cache_version=1)
    def call(config: TellingConfig, input_atoms, workspace):
        return {"out": 1}

    workflow = Workflow("telling", [call])
    state = run_workflow(workflow, store=store)
    parts = store.keys.get(state.step_states["call"].key).parts
    assert parts["references"] == {"served_by": "https://me:[secret DAY_KEY]@x/"}
    assert gives_away(everything_stored(store)) == []
    monkeypatch.setenv("DAY_KEY", ROTATED)
    assert run_workflow(workflow, store=store).step_states["call"].status == "cached"

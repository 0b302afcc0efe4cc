"""The settings saved with a run give the same run again: nothing of them is lost, and every key is the same."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from motools.builtin import evaluate_model, prepare_dataset, train_model
from motools.builtin.configs import TrainAndEvaluateConfig
from motools.config import InputFile, Secret, decode, dump_yaml, encode, load_yaml, parse_yaml
from motools.engine.definition import graph_of
from motools.engine.identity import step_key
from motools.engine.settings import settings_json, step_settings
from motools.store import Store
from motools.workflow import StepConfig, Workflow, WorkflowConfig, run_workflow, step


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


@dataclass
class Inner:
    name: str = "x"
    rates: tuple[float, ...] = (0.5,)
    pair: tuple[int, str] = (1, "a")


@dataclass
class EveryConfig(StepConfig):
    """A setting of every kind."""

    text: str = "x"
    number: int = 0
    rate: float = 0.1
    flag: bool = False
    colour: Colour = Colour.RED
    choice: Literal["a", "b", 3] = "a"
    maybe: int | None = None
    either: int | str = 0
    folder: Path = Path("x")
    file: InputFile = ""
    secret: Secret | None = None
    names: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    by_colour: dict[Colour, float] = field(default_factory=dict)
    anything: Any = None
    inner: Inner = field(default_factory=Inner)
    more: list[Inner] = field(default_factory=list)


@dataclass
class EveryWorkflowConfig(WorkflowConfig):
    every: EveryConfig = field(default_factory=EveryConfig)


@step(outputs={"out": "value"}, cache_version=1)
def every(config: EveryConfig, input_atoms, workspace):
    return {"out": 1}


WORKFLOW = Workflow("every", [every], config_class=EveryWorkflowConfig)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(lambda text: "${{" not in text)
words = st.sampled_from(
    ["no", "on", "1e-4", "12:30", "1.10", "~", "null", "010", "0x1F", "- a", "a: b", "#", "<<", "", " "]
)
anyhow = texts | words
floats = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | floats | anyhow,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(anyhow, inner, max_size=3),
    max_leaves=6,
)
inners = st.builds(Inner, anyhow, st.lists(floats, max_size=3).map(tuple), st.tuples(st.integers(), anyhow))
paths = anyhow.filter(lambda text: text not in ("", ".") and "\0" not in text).map(Path)
everything = st.builds(
    EveryConfig,
    text=anyhow,
    number=st.integers(),
    rate=floats,
    flag=st.booleans(),
    colour=st.sampled_from(Colour),
    choice=st.sampled_from(["a", "b", 3]),
    maybe=st.none() | st.integers(),
    either=st.integers() | anyhow,
    folder=paths,
    secret=st.none() | st.just(Secret("Bearer ${{ secret.A }}")),
    names=st.lists(anyhow, max_size=3),
    counts=st.dictionaries(anyhow, st.integers(), max_size=3),
    by_colour=st.dictionaries(st.just(Colour.RED), floats),
    anything=json_values,
    inner=inners,
    more=st.lists(inners, max_size=2),
)


@given(everything)
@settings(deadline=None)
def test_what_is_written_is_read_back_through_yaml(config):
    written = encode(config)
    text = dump_yaml({"every": written})
    read = parse_yaml(text).value
    assert read == {"every": written}
    assert repr(read) == repr({"every": written})  # 1 is not 1.0, and -0.0 stays
    again = decode(EveryWorkflowConfig, read)
    assert again.every == config
    assert encode(again.every) == written


@given(config=everything)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_settings_read_back_have_the_same_keys(config, tmp_path, monkeypatch):
    monkeypatch.setenv("A", "a-secret-value")
    (tmp_path / "rows.txt").write_text("rows")
    config.file = str(tmp_path / "rows.txt")
    graph = graph_of(WORKFLOW)
    node = graph.nodes["every"]
    first = step_settings(graph, {"every": encode(config)})
    saved = parse_yaml(dump_yaml(settings_json(first)))
    second = step_settings(graph, saved.value, at=saved)
    assert settings_json(second) == settings_json(first)
    assert step_key(node, second["every"], {}).digest == step_key(node, first["every"], {}).digest


hyperparameters = st.fixed_dictionaries(
    {},
    optional={
        "max_steps": st.integers(1, 100),
        "learning_rate": st.floats(1e-6, 1e-2),
        "lora_r": st.integers(1, 64),
        "batch_size": st.integers(1, 8),
    },
)
pipelines = st.fixed_dictionaries(
    {
        "train_model": st.fixed_dictionaries(
            {"backend_name": st.sampled_from(["dummy", "motools/dummy", "transformers"])},
            optional={"seed": st.integers(0, 9), "suffix": st.none() | words, "hyperparameters": hyperparameters},
        ),
        "evaluate_model": st.fixed_dictionaries(
            {"backend_name": st.just("dummy")},
            optional={"eval_kwargs": st.fixed_dictionaries({}, optional={"limit": st.none() | st.integers(1, 9)})},
        ),
    }
)


@given(pipelines)
@settings(max_examples=25, deadline=None)
def test_plugins_settings_are_written_out_and_read_back(data):
    workflow = Workflow(
        "train_and_evaluate", [prepare_dataset, train_model, evaluate_model], config_class=TrainAndEvaluateConfig
    )
    graph = graph_of(workflow)
    try:
        first = step_settings(graph, data)
    except Exception as error:
        if "hyperparameters" in str(error):  # a setting that this backend does not have
            return
        raise
    saved = settings_json(first)
    if data["train_model"]["backend_name"] == "transformers":
        assert len(saved["train_model"]["hyperparameters"]) > 10
    document = parse_yaml(dump_yaml(saved))
    second = step_settings(graph, document.value, at=document)
    assert settings_json(second) == saved


# -- with real runs


def test_a_run_with_the_saved_settings_uses_every_result_from_any_folder(tmp_path, monkeypatch):
    (tmp_path / "here" / "data").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "data" / "rows.jsonl").write_text('{"prompt": "a", "completion": "b"}\n' * 3)
    config = tmp_path / "here" / "c.yaml"
    config.write_text(
        "prepare_dataset: {dataset_loader: ./data/rows.jsonl}\n"
        "train_model: {backend_name: dummy, suffix: '1.10'}\n"
        "evaluate_model: {backend_name: dummy, eval_kwargs: {limit: 2}}\n"
    )
    monkeypatch.chdir(tmp_path / "here")
    document = load_yaml("c.yaml")
    with Store.open(tmp_path / "store") as store:
        first = run_workflow("train_and_evaluate", config=document.value, store=store, config_document=document)
        definition = store.runs.get(first.run_id).definition
        monkeypatch.chdir(tmp_path / "there")
        Path("again.yaml").write_text(dump_yaml(definition["settings"]))
        again = load_yaml("again.yaml")
        second = run_workflow("train_and_evaluate", config=again.value, store=store, config_document=again)
    assert {step.status for step in second.step_states.values()} == {"cached"}
    assert second.config == first.config
    assert definition["settings"]["prepare_dataset"]["dataset_loader"] == str(tmp_path / "here" / "data" / "rows.jsonl")
    assert definition["settings"]["evaluate_model"]["eval_kwargs"] == {"limit": 2}
    assert definition["written"] == {
        "source": "c.yaml",
        "folder": str(tmp_path / "here"),
        "settings": document.value,
        "overrides": [],
    }


def test_what_the_command_line_said_is_kept_beside_what_the_file_said(tmp_path, monkeypatch):
    from motools.config import apply_overrides

    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text("every: {text: a}\n")
    Path("more.yaml").write_text("every.names: [x]\n")
    Path("prompt.txt").write_text("be kind\n")
    document = apply_overrides(
        load_yaml("c.yaml"), ["every.text=1.10", "every.number=3"], ["more.yaml", "every.inner.name=prompt.txt"]
    )
    with Store.open(tmp_path / "store") as store:
        run = run_workflow(WORKFLOW, config=document.value, store=store, config_document=document)
        written = store.runs.get(run.run_id).definition["written"]
        in_python = run_workflow(WORKFLOW, config=EveryWorkflowConfig(), store=store)
        assert store.runs.get(in_python.run_id).definition["written"] is None
    assert run.config["every"]["text"] == "1.10"
    assert written["settings"] == {"every": {"text": "a"}}
    assert written["overrides"] == [
        {"setting": "every.names", "said": "--set-file more.yaml", "value": ["x"]},
        {"setting": "every.inner.name", "said": "--set-file every.inner.name=prompt.txt", "value": "be kind"},
        {"setting": "every.text", "said": "--set every.text=1.10", "value": 1.1},
        {"setting": "every.number", "said": "--set every.number=3", "value": 3},
    ]


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("seed", "Did you mean 'train_model.seed' or 'evaluate_model.seed'?"),
        ("max_steps", "Did you mean 'train_model.hyperparameters.max_steps'?"),
        ("train_model.max_steps", "Did you mean 'train_model.hyperparameters.max_steps'?"),
        ("limit", "Did you mean 'evaluate_model.eval_kwargs.limit'?"),
    ],
)
def test_a_setting_said_in_the_wrong_place_is_suggested_also_of_plugins(setting, hint):
    from motools.config import ConfigProblems, Document, apply_overrides
    from motools.engine.definition import load_workflow

    graph = graph_of(load_workflow("train_and_evaluate"))
    document = apply_overrides(Document({}, "c.yaml", Path.cwd()), [f"{setting}=3"])
    with pytest.raises(ConfigProblems) as caught:
        step_settings(graph, document.value, at=document)
    (problem,) = caught.value.problems
    assert problem.where == f"--set {setting}"
    assert problem.hint.startswith(hint)

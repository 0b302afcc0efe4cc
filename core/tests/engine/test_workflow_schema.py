"""The JSON Schema that editors check a config by says what our own reading of it says, at the same place."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.config import ConfigProblems
from motools.engine.definition import graph_of, load_workflow
from motools.engine.schema import workflow_schema
from motools.engine.settings import settings_json, step_settings
from motools.errors import MotoolsError
from motools.plugins import TrainingBackendComponent, add_component

GRAPH = graph_of(load_workflow("train_and_evaluate"))
SCHEMA: dict[str, Any] = workflow_schema(GRAPH)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
STRUCTURE = ("should be", "unknown key", "is missing", "there is no training_backend", "there is no eval backend")


def dotted(path: Any) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text or "config"


def places_by_schema(data: Any) -> set[str]:
    """Return where a JSON Schema validator finds fault; an unknown key is its own place."""
    found = set()
    for error in VALIDATOR.iter_errors(data):
        path = tuple(error.absolute_path)
        if error.validator == "additionalProperties" and error.validator_value is False:
            known = error.schema["properties"]
            found |= {dotted((*path, key)) for key in error.instance if key not in known}
        else:
            found.add(dotted(path))
    return found


def problems_by_us(data: Any) -> dict[str, str]:
    """Return where our own reading finds fault, with what it says."""
    try:
        step_settings(GRAPH, data)
    except ConfigProblems as error:
        return {problem.where: problem.message for problem in error.problems}
    except MotoolsError as error:
        return {str(error.where): error.message}
    return {}


def full(backend: str) -> dict[str, Any]:
    """Return settings with everything written out."""
    given = {"train_model": {"backend_name": backend}, "evaluate_model": {"backend_name": "dummy"}}
    return settings_json(step_settings(GRAPH, given))


FULL = {backend: full(backend) for backend in ("transformers", "motools-transformers/transformers", "dummy")}


def parts(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every part of settings."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, item in items for found in parts(item, (*path, key)))]


def changed(data: Any, path: tuple[Any, ...], change: str, value: Any) -> Any:
    """Return settings with the part at `path` replaced, removed, or with an unknown key in it."""
    data = copy.deepcopy(data)
    holder: Any = {"": data}
    way: tuple[Any, ...] = ("", *path)
    for part in way[:-1]:
        holder = holder[part]
    here = holder[way[-1]]
    if change == "unknown" and isinstance(here, dict):
        here["zz_unknown"] = value
    elif change == "remove" and path:
        del holder[way[-1]]
    else:
        holder[way[-1]] = value
    return data


values = st.sampled_from(
    [None, True, 7, 3.5, "zzz", "", [], ["zzz"], [1, None], {}, {"a": 1}, "./nowhere.py:x", -1, "dummy"]
)


@given(st.sampled_from(sorted(FULL)), st.data())
@settings(max_examples=300, deadline=None)
def test_the_schema_and_we_find_the_same_faults_at_the_same_places(backend, data):
    base = FULL[backend]
    path = data.draw(st.sampled_from(parts(base)))
    change = data.draw(st.sampled_from(["replace", "unknown", "remove"])) if path else "unknown"
    config = changed(base, path, change, data.draw(values))
    ours, theirs = problems_by_us(config), places_by_schema(config)
    assert theirs <= set(ours)
    # What only we find is no matter of structure: a file that is not there, a number that is too small.
    more = {place: message for place, message in ours.items() if place not in theirs}
    assert [message for message in more.values() if message.startswith(STRUCTURE) or "should be " in message] == []


@pytest.mark.parametrize("backend", FULL)
def test_what_is_valid_is_valid_by_the_schema(backend):
    assert places_by_schema(FULL[backend]) == set()
    assert places_by_schema({}) == set()


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"train_modle": {}}, "train_modle"),
        ({"train_model": {"sed": 1}}, "train_model.sed"),
        ({"train_model": {"seed": "1"}}, "train_model.seed"),
        ({"train_model": {"backend_name": "transformes"}}, "train_model.backend_name"),
        ({"train_model": {"hyperparameters": {"max_step": 8}}}, "train_model.hyperparameters.max_step"),
        ({"train_model": {"hyperparameters": {"max_steps": "8"}}}, "train_model.hyperparameters.max_steps"),
        (
            {"train_model": {"backend_name": "motools-transformers/transformers", "hyperparameters": {"x": 1}}},
            "train_model.hyperparameters.x",
        ),
        (
            {"evaluate_model": {"backend_name": "dummy", "eval_kwargs": {"limt": 1}}},
            "evaluate_model.eval_kwargs.limt",
        ),
        ({"prepare_dataset": {"dataset_loader": "no_such_dataset"}}, "prepare_dataset.dataset_loader"),
        ({"evaluate_model": {"backend_name": "dummy", "eval_task": "no_such_task"}}, "evaluate_model.eval_task"),
        ({"prepare_dataset": []}, "prepare_dataset"),
    ],
)
def test_faults_people_make(config, place):
    assert places_by_schema(config) == {place}
    assert set(problems_by_us(config)) == {place}


@pytest.mark.parametrize(
    "loader",
    ["./rows.jsonl", "../x/rows.csv", "/abs/rows.jsonl", "~/rows.jsonl", "./steps.py:load", "pkg.mod:load"],
)
def test_paths_and_functions_may_name_a_dataset(loader):
    assert places_by_schema({"prepare_dataset": {"dataset_loader": loader}}) == set()


@pytest.mark.parametrize(
    "task", ["./questions.yaml", "./tasks.py:mine", "pkg:task", "inspect_evals/arc_easy", "tasks.py@mine"]
)
def test_paths_functions_and_an_eval_backends_own_may_name_a_task(task):
    assert places_by_schema({"evaluate_model": {"eval_task": task}}) == set()


def test_every_name_that_is_listed_can_be_written():
    from motools.plugins import find

    def listed(step: str, setting: str) -> list[str]:
        return SCHEMA["$defs"][step]["properties"][setting]["anyOf"][0]["enum"]

    for kind, step, setting in (
        ("dataset", "PrepareDatasetConfig", "dataset_loader"),
        ("task", "EvaluateModelConfig", "eval_task"),
        ("training_backend", "TrainModelConfig", "backend_name"),
        ("eval_backend", "EvaluateModelConfig", "backend_name"),
    ):
        names = listed(step, setting)
        assert "dummy" in names
        assert [find(kind, name).name for name in names] == [name.rpartition("/")[2] for name in names]


def test_a_short_name_of_two_plugins_is_listed_with_their_names_only():
    def component() -> TrainingBackendComponent:
        return TrainingBackendComponent(name="twice", target="motools.builtin.dummy:DummyTraining", summary="x")

    with add_component(component(), "one"), add_component(component(), "two"):
        schema: Any = workflow_schema(GRAPH)
    names = schema["$defs"]["TrainModelConfig"]["properties"]["backend_name"]["anyOf"][0]["enum"]
    assert {"one/twice", "two/twice"} <= set(names)
    assert "twice" not in names


def test_a_backend_whose_settings_cannot_be_loaded_takes_any():
    broken = TrainingBackendComponent(
        name="broken", target="nowhere:Backend", summary="x", config="nowhere.at_all:Settings"
    )
    with add_component(broken, "acme"):
        schema: Any = workflow_schema(GRAPH)
    jsonschema.validate({"train_model": {"backend_name": "broken", "hyperparameters": {"x": 1}}}, schema)


@pytest.mark.parametrize(
    ("matrix", "place"),
    [
        ({"seeds": 3}, None),
        ({"seeds": [0, 7], "on_failure": "stop", "jobs": 2}, None),
        ({"seeds": {"values": 2, "set": ["train_model.seed"]}}, None),
        ({"arms": {"control": {}, "treated": {"train_model.suffix": "x"}, "same": None}}, None),
        ({"train_model.hyperparameters.lora_r": [4, 8], "exclude": [{"seeds": 1}], "seeds": 2}, None),
        ({"include": [{"seeds": 9, "train_model.suffix": "x"}], "seeds": 2}, None),
        ({"depth": {"low": {"train_model.hyperparameters.lora_r": 4}}, "evaluate_model.eval_task": ["dummy"]}, None),
        ({"seeds": "3"}, "matrix.seeds"),
        ({"seeds": 0}, "matrix.seeds"),
        ({"on_failure": "stopp"}, "matrix.on_failure"),
        ({"jobs": 0}, "matrix.jobs"),
        ({"arms": {"control": [1]}}, "matrix.arms.control"),
        ({"train_model.seed": 3}, "matrix.train_model.seed"),
        ({"arms": []}, "matrix.arms"),
        ([], "matrix"),
    ],
)
def test_a_matrix_may_stand_in_the_settings_and_is_judged_alike(matrix, place):
    from motools.config import Document
    from motools.config.axes import read_matrix

    data = {"matrix": matrix}
    assert places_by_schema(data) == ({place} if place else set())
    document = Document(data, "config", Path.cwd())
    try:
        read_matrix(document, steps=[*GRAPH.nodes], seed_settings=["train_model.seed", "evaluate_model.seed"])
    except ConfigProblems:
        assert place
    else:
        assert not place


@pytest.mark.parametrize(
    ("matrix", "place"),
    [
        ({"arms": {"a": {"train_model.sed": 1}}}, "matrix.arms.a.train_model.sed"),
        ({"arms": {"a": {"train_model.seed": "x"}}}, "matrix.arms.a.train_model.seed"),
        ({"evaluate_model.seed": [1, "x"]}, "matrix.evaluate_model.seed[1]"),
    ],
)
def test_settings_in_a_matrix_are_known_by_their_paths(matrix, place):
    from motools.config import Document
    from motools.engine.cells import check_matrix

    assert places_by_schema({"matrix": matrix}) == {place}
    with pytest.raises(ConfigProblems):
        check_matrix(GRAPH, Document({"matrix": matrix}, "config", Path.cwd()))


def test_the_schema_is_one_json_file_that_needs_no_other():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    references = [part for part in json.dumps(SCHEMA).split('"') if part.startswith(("#/", "http"))]
    assert {reference for reference in references if not reference.startswith("#/$defs/")} == {SCHEMA["$schema"]}

"""The ways in which a workflow's settings can be given."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import motools.config
from motools.errors import ConfigError
from motools.workflow import Step, StepConfig, Workflow, WorkflowConfig, run_workflow


@dataclass
class CountConfig(StepConfig):
    upto: int = 3


@dataclass
class OwnConfig(WorkflowConfig):
    count: CountConfig


@dataclass
class StrangeConfig(WorkflowConfig):
    count: CountConfig
    cuont: CountConfig


@dataclass
class EmptyConfig(WorkflowConfig):
    pass


def count(config: CountConfig, input_atoms: Any, workspace: Path) -> Any:
    return {"numbers": list(range(config.upto))}


STEPS = [Step("count", {}, {"numbers": "value"}, CountConfig, count)]


@pytest.mark.parametrize(
    "config",
    [{"count": {"upto": 5}}, OwnConfig(count=CountConfig(upto=5))],
    ids=["mapping", "a class the workflow was not told of"],
)
def test_settings_of_a_workflow_without_a_class_of_its_own(config: Any, tmp_path: Path) -> None:
    state = run_workflow(workflow=Workflow(name="w", steps=STEPS), config=config, user="me", store=tmp_path / "store")
    assert state.config == {"count": {"upto": 5}}


def test_settings_of_a_step_that_is_not_there_are_refused(tmp_path: Path) -> None:
    config = StrangeConfig(count=CountConfig(), cuont=CountConfig())
    with pytest.raises(ConfigError, match=r"no step 'cuont'(.|\n)*Did you mean 'count'"):
        run_workflow(Workflow("w", STEPS), config=config, store=tmp_path / "store")


def test_settings_without_those_of_a_step_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no settings for step 'count'"):
        run_workflow(Workflow("w", STEPS), config=EmptyConfig(), store=tmp_path / "store")


def test_a_class_that_the_workflow_names_is_the_only_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a EmptyConfig, not a OwnConfig"):
        run_workflow(Workflow("w", STEPS, config_class=OwnConfig), config=EmptyConfig(), store=tmp_path / "store")


def test_settings_named_as_a_file_are_told_how_to_read_it_and_that_way_works(tmp_path: Path) -> None:
    file = tmp_path / "upto.yaml"
    file.write_text("count: {upto: 4}\n")
    with pytest.raises(ConfigError, match="load_yaml") as caught:
        run_workflow(Workflow("w", STEPS), config=str(file), store=tmp_path / "store")
    call = str(caught.value).partition("file: ")[2]
    read = eval(call, {"motools": motools})
    assert run_workflow(Workflow("w", STEPS), config=read, user="me", store=tmp_path / "store").config == {
        "count": {"upto": 4}
    }

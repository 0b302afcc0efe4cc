"""`--set a.b=c`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from motools.config import ConfigProblems, InputFile, apply_overrides, decode, parse_yaml
from motools.errors import ConfigError


@dataclass
class Step:
    name: str = "x"
    rate: float = 0.5
    layers: list[int] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    version: Literal["1", "2"] = "1"
    either: int | str = 0
    maybe: str | None = "m"
    file: InputFile = ""


@dataclass
class Whole:
    step: Step = field(default_factory=Step)


def read(*overrides: str, text: str = "step: {layers: [1, 2], name: old}", **more: Any) -> Step:
    document = apply_overrides(parse_yaml(text, source="f.yaml", **more), overrides)
    return decode(Whole, document.value, at=document).step


@pytest.mark.parametrize(
    ("override", "field_name", "value"),
    [
        ("step.rate=1e-4", "rate", 0.0001),
        ("step.rate=1", "rate", 1.0),
        ("step.name=1.10", "name", "1.10"),
        ("step.name=no", "name", "no"),
        ("step.name=true", "name", "true"),
        ("step.name=", "name", ""),
        ("step.name=a: b", "name", "a: b"),
        ("step.name=a=b", "name", "a=b"),
        ("step.name='5'", "name", "5"),
        ("step.version=2", "version", "2"),
        ("step.either=5", "either", 5),
        ("step.either=five", "either", "five"),
        ("step.maybe=null", "maybe", None),
        ("step.maybe=7", "maybe", "7"),
        ("step.layers=[3, 4]", "layers", [3, 4]),
        ("step.layers.1=9", "layers", [1, 9]),
        ("step.options.deep.er={a: [1e3]}", "options", {"deep": {"er": {"a": [1000.0]}}}),
    ],
)
def test_a_setting_is_typed_by_the_config(override, field_name, value):
    found = getattr(read(override), field_name)
    assert found == value
    assert type(found) is type(value)


def test_the_last_one_counts():
    assert read("step.name=a", "step.name=b").name == "b"
    assert read("step.layers=[5]", "step={name: z}").layers == []


def test_the_document_given_is_not_changed():
    document = parse_yaml("step: {name: a}")
    apply_overrides(document, ["step.name=b"])
    assert document.value == {"step": {"name": "a"}}


@pytest.mark.parametrize(
    ("override", "where", "message", "hint"),
    [
        ("step.nme=x", "--set step.nme", "unknown key 'nme' in 'step'", "Did you mean 'name'?"),
        ("stp.name=x", "--set stp.name", "unknown key 'stp'", "Did you mean 'step'?"),
        ("step.rate=fast", "--set step.rate", "'step.rate' should be a number", None),
        ("step.layers.0=x", "--set step.layers.0", "'step.layers[0]' should be a whole number", None),
    ],
)
def test_problems_name_the_setting(override, where, message, hint):
    with pytest.raises(ConfigProblems) as caught:
        read(override)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert message in problem.message
    assert hint is None or hint in problem.hint


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("step.name", "does not say key=value"),
        ("=x", "does not say key=value"),
        ("step..name=x", "does not say key=value"),
        ("step.layers.7=1", "is a list of 2"),
        ("step.layers.x=1", "is a list of 2"),
        ("step.name.first=1", "has no keys"),
        ("step.layers=[1", "not YAML"),
        ("step.rate=.inf", "no JSON form"),
    ],
)
def test_what_cannot_be_set_is_one_error(override, message):
    with pytest.raises(ConfigError, match="--set") as caught:
        read(override)
    assert message in caught.value.message


def test_relative_paths_start_from_who_says_them(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    folder = tmp_path / "there"
    assert read(text="step: {file: a.txt}", folder=folder).file == str(folder / "a.txt")
    assert read("step.file=../a.txt", text="step: {file: b.txt}", folder=folder).file == str(tmp_path / "a.txt")

"""Typed configs: nothing coerced, nothing ignored, every problem named at once with its place."""

from __future__ import annotations

import dataclasses
import enum
import subprocess
import sys
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_validator

from motools.canonical import JSON, canonical_json
from motools.config import ConfigProblems, apply_overrides, decode, encode, parse_yaml
from motools.errors import ConfigError, DataError, DefinitionError
from motools.workflow import StepConfig


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


Name = NewType("Name", str)


@dataclass
class Inner:
    rate: float = 0.5
    tags: list[str] = field(default_factory=list)


@dataclass
class Everything:
    text: str
    count: int
    number: float
    flag: bool
    nothing: None
    anything: Any
    choice: Literal["a", "b", 3]
    colour: Colour
    size: Size
    maybe: int | None
    either: int | str
    mixed: float | int | bool
    many: list[int]
    several: tuple[int, ...]
    pair: tuple[str, float]
    table: dict[str, list[float]]
    by_colour: dict[Colour, int]
    inner: Inner
    inners: list[Inner]
    path: Path
    name: Name
    noted: Annotated[int, "any note"]
    free: dict[str, JSON]


_text = st.text(max_size=6)
_number = st.floats(allow_nan=False, allow_infinity=False)
_json = st.recursive(
    st.none() | st.booleans() | st.integers() | _number | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)
_inner = st.builds(Inner, rate=_number, tags=st.lists(_text, max_size=3))
EVERYTHING = st.builds(
    Everything,
    text=_text,
    count=st.integers(),
    number=_number,
    flag=st.booleans(),
    nothing=st.none(),
    anything=_json,
    choice=st.sampled_from(["a", "b", 3]),
    colour=st.sampled_from(Colour),
    size=st.sampled_from(Size),
    maybe=st.none() | st.integers(),
    either=st.integers() | _text,
    mixed=_number | st.integers() | st.booleans(),
    many=st.lists(st.integers(), max_size=3),
    several=st.lists(st.integers(), max_size=3).map(tuple),
    pair=st.tuples(_text, _number),
    table=st.dictionaries(_text, st.lists(_number, max_size=3), max_size=3),
    by_colour=st.dictionaries(st.sampled_from(Colour), st.integers()),
    inner=_inner,
    inners=st.lists(_inner, max_size=3),
    path=st.sampled_from(["a", "/b/c", "d/../e", "."]).map(Path),
    name=_text,
    noted=st.integers(),
    free=st.dictionaries(_text, _json, max_size=3),
)


@given(EVERYTHING)
def test_decoding_undoes_encoding(config):
    data = encode(config)
    again = decode(Everything, data)
    assert again == config
    assert all(type(getattr(again, f.name)) is type(getattr(config, f.name)) for f in dataclasses.fields(config))
    assert canonical_json(encode(again)) == canonical_json(data)


@dataclass
class Train:
    model: str
    n_epochs: int = 3
    lr: float = 1e-3
    kind: Literal["lora", "full"] = "lora"
    suffix: str | None = None


@dataclass
class Prepare:
    loader: str = "dummy"


@dataclass
class Pipeline:
    train: Train
    prepare: Prepare


def problems(cls: Any, text: str, *overrides: str) -> list[tuple[str, str, str | None]]:
    document = apply_overrides(parse_yaml(text, source="f.yaml"), overrides)
    with pytest.raises(ConfigProblems) as caught:
        decode(cls, document.value, at=document)
    return [(problem.where, problem.message, problem.hint) for problem in caught.value.problems]


def test_fault_18_a_misspelt_key_is_an_error_and_never_a_default():
    ((where, message, hint),) = problems(Pipeline, "train:\n  model: m\n  n_epoch: 9\n")
    assert (where, message) == ("f.yaml:3:3", "unknown key 'n_epoch' in 'train'")
    assert hint == "Did you mean 'n_epochs'? Known keys: kind, lr, model, n_epochs, suffix."


def test_every_problem_is_said_at_once():
    found = problems(
        Pipeline, "train:\n  n_epochs: '3'\n  lr: true\n  kind: lra\n  suffix: [x]\nprepare: dummy\nmore: 1\n"
    )
    assert found == [
        ("f.yaml:2:13", "'train.n_epochs' should be a whole number, found text '3'", None),
        ("f.yaml:3:7", "'train.lr' should be a number, found true", None),
        ("f.yaml:4:9", "'train.kind' should be one of 'lora', 'full', found text 'lra'", "Did you mean 'lora'?"),
        ("f.yaml:5:11", "'train.suffix' should be text or null, found a list", None),
        ("f.yaml:2:3", "the key 'model' is missing in 'train'", "It is text."),
        ("f.yaml:6:10", "'prepare' should be a mapping, found text 'dummy'", None),
        ("f.yaml:7:1", "unknown key 'more'", "Known keys: prepare, train."),
    ]


def test_no_more_than_twenty_are_listed():
    with pytest.raises(ConfigError) as caught:
        decode(Prepare, {f"key{n}": n for n in range(30)})
    assert str(caught.value).count("unknown key") == 20
    assert "and 10 more" in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "data"),
    [
        (int, True),
        (int, 1.0),
        (int, "1"),
        (float, "1.0"),
        (float, 10**400),
        (bool, 1),
        (bool, "true"),
        (str, 1),
        (None, 0),
        (list[int], "ab"),
        (list[int], {"a": 1}),
        (tuple[int, int], [1]),
        (tuple[int, int], [1, 2, 3]),
        (dict[str, int], [1]),
        (Literal[1], True),
        (Literal[1], 1.0),
        (Colour, "RED"),
        (Size, True),
        (int | None, "x"),
        (Inner, []),
        (Path, 3),
    ],
)
def test_nothing_is_coerced(annotation, data):
    with pytest.raises(ConfigError, match="should be"):
        decode(annotation, data)


def test_a_whole_number_is_accepted_where_a_number_is_due_and_becomes_one():
    assert type(decode(float, 1)) is float
    assert type(decode(float | int, 1)) is int
    assert type(decode(list[float], [1])[0]) is float


def test_a_step_without_required_keys_may_be_left_out():
    assert decode(Pipeline, {"train": {"model": "m"}}).prepare == Prepare()
    with pytest.raises(ConfigError, match="'train' is missing"):
        decode(Pipeline, {})


@dataclass
class Endless:
    again: Endless


def test_a_config_that_needs_itself_is_an_error_and_no_endless_search():
    with pytest.raises(ConfigError, match="'again' is missing"):
        decode(Endless, {})


def test_in_a_union_the_arm_that_is_meant_says_what_is_wrong():
    ((_, message, _),) = problems(dict[str, str | Train], "a: x\nb: {model: m, n_epochs: x}\n")
    assert message == "'b.n_epochs' should be a whole number, found text 'x'"


@dataclass
class Checked:
    low: int
    high: int

    def __post_init__(self) -> None:
        if self.low == 13:
            raise DataError("13 is not wanted", hint="Use 12.")
        if self.high == 13:
            raise ConfigError("13 is not wanted", field="high", hint="Use 14.")
        if self.low > self.high:
            raise ValueError(f"{self.low} is above {self.high}")


def test_what_a_config_says_of_itself_is_a_problem_with_a_place():
    assert problems(
        list[Checked], "- {low: 1, high: 2}\n- {low: 3, high: 2}\n- {low: 13, high: 20}\n- {low: 1, high: 13}"
    ) == [
        ("f.yaml:2:3", "'[1]' is refused by Checked: 3 is above 2", None),
        ("f.yaml:3:3", "13 is not wanted", "Use 12."),
        ("f.yaml:4:18", "'[3].high': 13 is not wanted", "Use 14."),
    ]
    assert str(ConfigError("13 is not wanted", field="high", hint="Use 14.")) == "high: 13 is not wanted\nUse 14."


def test_a_key_that_the_command_line_made_wrong_is_named_there_and_not_in_the_file():
    document = apply_overrides(parse_yaml("low: 1\nhigh: 2\n", source="f.yaml"), ["high=13"])
    with pytest.raises(ConfigError, match=r"^--set high: 'high': 13 is not wanted"):
        decode(Checked, document.value, at=document)


class NamedModel(BaseModel):
    name: str


def test_a_misspelt_key_of_a_model_is_one_problem():
    ((place, message, hint),) = problems(NamedModel, "nmae: x\n")
    assert (place, message) == ("f.yaml:1:1", "unknown key 'nmae'")
    assert hint.startswith("Did you mean 'name'?")


class Deep(BaseModel):
    rank: int = Field(4, ge=1)


class Settings(BaseModel):
    lr: float = 1e-3
    deep: Deep = Deep()
    more: list[Deep] = []
    when: typing.Literal["now", "later"] = "now"

    @field_validator("lr")
    @classmethod
    def small(cls, value: float) -> float:
        if value > 1:
            raise ValueError("use at most 1")
        return value


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1


@dataclass
class WithModel:
    settings: Settings = field(default_factory=Settings)
    open: Open = field(default_factory=Open)


def test_pydantic_models_are_read_strictly_and_refuse_unknown_keys():
    text = "settings:\n  lr: 2\n  deep: {rnk: 3, rank: 0}\n  more:\n  - {rank: '4', x: 1}\n  when: nw\nopen: {b: 2}\n"
    found = problems(WithModel, text)
    assert ("f.yaml:3:10", "unknown key 'rnk' in 'settings.deep'", "Did you mean 'rank'? Known keys: rank.") in found
    assert ("f.yaml:5:17", "unknown key 'x' in 'settings.more[0]'", "Known keys: rank.") in found
    assert ("f.yaml:2:7", "'settings.lr': use at most 1", None) in found
    assert {where for where, _, _ in found} == {
        *("f.yaml:3:10", "f.yaml:5:17", "f.yaml:2:7", "f.yaml:3:24", "f.yaml:5:12", "f.yaml:6:9")
    }
    assert len(found) == 6


def test_pydantic_models_are_written_and_read_back():
    config = decode(WithModel, {"settings": {"lr": 1, "more": [{"rank": 2}]}, "open": {"b": 2}})
    assert decode(WithModel, encode(config)) == config
    assert encode(config)["open"] == {"a": 1, "b": 2}


def test_a_type_that_configs_cannot_have_is_the_authors_error():
    made = dataclasses.make_dataclass("Odd", [("when", complex)])
    with pytest.raises(DefinitionError, match="cannot be a complex") as caught:
        decode(made, {"when": 1})
    assert caught.value.where.endswith("Odd.when")
    with pytest.raises(DefinitionError, match="keys of"):
        decode(dict[int, int], {"1": 1})


@dataclass
class Unresolved:
    thing: Nowhere  # noqa: F821


def test_an_annotation_that_names_nothing_is_the_authors_error():
    with pytest.raises(DefinitionError, match="'Nowhere', which is not defined"):
        decode(Unresolved, {})


@dataclass
class Named(StepConfig):
    suffix: str = "x"
    rate: float = 0.1


@pytest.mark.parametrize("suffix", ["1e-4", "no", "010", "12:30", "~", "<<", "0o7"])
def test_settings_written_as_yaml_are_read_back(suffix, tmp_path):
    Named(suffix, 1e-5).to_yaml(tmp_path / "c.yaml")
    assert Named.from_yaml(tmp_path / "c.yaml") == Named(suffix, 1e-5)


def test_dataclasses_are_read_without_importing_pydantic():
    code = (
        "import sys\nfrom dataclasses import dataclass\nfrom motools.config import decode, encode, load_yaml\n"
        "@dataclass\nclass A:\n    x: int = 1\n"
        "assert encode(decode(A, {'x': 2})) == {'x': 2}\n"
        "heavy = {'pydantic', 'rich', 'anyio', 'asyncio', 'importlib.metadata', 'click'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)

"""JSON Schema of configs: valid, and of one mind with the decoder."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from typing_extensions import Doc

from motools.config import DatasetRef, InputFile, decode, json_schema
from motools.errors import ConfigError


class Kind(enum.Enum):
    LORA = "lora"
    FULL = "full"


class Inner(BaseModel):
    rank: int = 4


class Outer(BaseModel):
    """A model of pydantic."""

    inner: Inner = Inner()
    alpha: float = 16.0


@dataclass
class Base:
    """Says nothing of itself.

    Args:
        seed: of everything random.
    """

    seed: int = 0


@dataclass
class Train(Base):
    """Trains a model.

    Args:
        model: name of the base model,
            as its provider knows it.
        kind (Kind): which method.

    Raises:
        nothing: at all.
    """

    model: str = ""
    kind: Kind = Kind.LORA
    noted: Annotated[float, Doc("a number of note")] = 0.5
    outer: Outer = field(default_factory=Outer)
    layers: tuple[int, int] | None = None
    more: dict[Literal["a", "b"], list[bool]] = field(default_factory=dict)
    after: list[Train] = field(default_factory=list)


@dataclass
class Needs:
    loader: DatasetRef
    file: InputFile | None
    train: Train
    path: Path = Path("x")
    free: Any = None


def test_the_schema_is_valid_and_says_what_fields_are():
    schema = json_schema(Needs)
    jsonschema.Draft202012Validator.check_schema(schema)
    definitions = schema["$defs"]
    assert definitions["Needs"]["required"] == ["loader", "file"]
    assert definitions["Needs"]["properties"]["loader"] == {"type": "string", "x-motools-component": "dataset"}
    train = definitions["Train"]
    assert train["description"] == "Trains a model."
    assert "required" not in train
    assert train["properties"]["model"]["description"] == "name of the base model, as its provider knows it."
    assert train["properties"]["seed"] == {"type": "integer", "description": "of everything random.", "default": 0}
    assert train["properties"]["kind"] == {"enum": ["lora", "full"], "description": "which method.", "default": "lora"}
    assert train["properties"]["noted"]["description"] == "a number of note"
    assert "nothing" not in str(train)
    assert definitions["Outer"]["additionalProperties"] is False


JSON_NEAR = st.fixed_dictionaries(
    {},
    optional={
        "seed": st.sampled_from([1, 1.5, "1", None, True]),
        "kind": st.sampled_from(["lora", "LORA", 1]),
        "noted": st.sampled_from([1, 0.5, "x"]),
        "layers": st.sampled_from([None, [1, 2], [1], [1, 2, 3], ["a", 1], {}]),
        "more": st.sampled_from([{}, {"a": [True]}, {"c": []}, {"b": [1]}, []]),
        "after": st.sampled_from([[], [{}], [{"seed": "x"}], [{"sed": 1}]]),
        "outer": st.sampled_from(
            [{}, {"alpha": 1}, {"alpha": "1"}, {"x": 1}, {"inner": {"rnk": 1}}, {"inner": {"rank": 3}}]
        ),
        "modle": st.just("x"),
    },
)


@given(JSON_NEAR)
def test_the_schema_and_the_decoder_agree(data):
    valid = jsonschema.Draft202012Validator(json_schema(Train)).is_valid(data)
    try:
        decode(Train, data)
    except ConfigError:
        assert not valid
    else:
        assert valid


@dataclass
class Plain:
    x: int = 1


def test_two_classes_of_one_name_do_not_meet():
    other = dataclass(type("Plain", (), {"__annotations__": {"y": str}, "y": "z", "__module__": "elsewhere"}))
    schema = json_schema(tuple[Plain, other])
    assert set(schema["$defs"]) == {"Plain", "elsewhere.Plain"}
    jsonschema.validate([{"x": 2}, {"y": "a"}], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"x": 2}, {"x": 2}], schema)

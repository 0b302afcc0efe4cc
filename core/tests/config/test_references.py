"""Which fields name components and files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from motools.config import (
    ConfigProblems,
    DatasetRef,
    InputFile,
    Reference,
    TaskRef,
    TrainingBackendRef,
    component_references,
    decode,
    parse_yaml,
)


class Options(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    judge: TaskRef = "grader"
    template: InputFile | None = None
    extra: list[InputFile] = []
    when: complex = 1j


@dataclass
class Step:
    loader: DatasetRef = "dummy"
    backend: TrainingBackendRef = "dummy"
    plain: str = "./not/a/reference"
    files: list[InputFile] = field(default_factory=list)
    by_name: dict[str, TaskRef] = field(default_factory=dict)
    pair: tuple[int, DatasetRef] = (1, "two")
    maybe: InputFile | None = None
    options: Options = field(default_factory=Options)


def test_every_reference_is_found_with_its_path():
    step = Step(files=["/a", "/b"], by_name={"x": "t"}, maybe="/c")
    assert component_references(Step, step) == [
        Reference(("loader",), "dataset", "dummy"),
        Reference(("backend",), "training_backend", "dummy"),
        Reference(("files", 0), "file", "/a"),
        Reference(("files", 1), "file", "/b"),
        Reference(("by_name", "x"), "task", "t"),
        Reference(("pair", 1), "dataset", "two"),
        Reference(("maybe",), "file", "/c"),
        Reference(("options", "judge"), "task", "grader"),
    ]


def test_paths_start_from_the_file_that_says_them_and_names_stay():
    text = "loader: ./a.py:load\nplain: ./x\nfiles: [b.txt, ../c, /d]\nby_name: {p: ./q.yaml, n: pkg.mod:task, s: zoo/name}"
    document = parse_yaml(text, folder=Path("/folder/sub"))
    step = decode(Step, document.value, at=document)
    assert step.loader == "/folder/sub/a.py:load"
    assert step.plain == "./x"
    assert step.files == ["/folder/sub/b.txt", "/folder/c", "/d"]
    assert step.by_name == {"p": "/folder/sub/q.yaml", "n": "pkg.mod:task", "s": "zoo/name"}


def test_a_file_may_be_a_path_object_and_a_component_may_not():
    step = decode(Step, {"files": [Path("/d"), Path("b.txt")], "maybe": Path("c")}, folder=Path("/folder"))
    assert (step.files, step.maybe) == (["/d", "/folder/b.txt"], "/folder/c")
    with pytest.raises(ConfigProblems, match="'loader' should be text"):
        decode(Step, {"loader": Path("a.jsonl")})


def test_paths_in_pydantic_models_start_there_too():
    document = parse_yaml("options: {judge: ./j.py:t, template: a.txt, extra: [b]}", folder=Path("/folder"))
    options = decode(Step, document.value, at=document).options
    assert (options.judge, options.template, options.extra) == ("/folder/j.py:t", "/folder/a.txt", ["/folder/b"])


def test_without_a_file_paths_stay_as_they_are():
    assert decode(Step, {"loader": "./a.py:load"}).loader == "./a.py:load"

"""`--set-file`, and settings that stand under another key."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from motools.config import ConfigProblems, InputFile, apply_overrides, decode, parse_yaml
from motools.errors import ConfigError


@dataclass
class Step:
    name: str = "x"
    rate: float = 0.5
    seed: int = 0
    layers: list[int] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    file: InputFile = ""


@dataclass
class Whole:
    step: Step = field(default_factory=Step)
    other: Step = field(default_factory=Step)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(*files: str, sets: tuple[str, ...] = (), text: str = "step: {layers: [1, 2], name: old}") -> Whole:
    document = apply_overrides(parse_yaml(text, source="f.yaml"), sets, files)
    return decode(Whole, document.value, at=document)


# -- the content of a file as a value


def test_a_text_file_is_the_value_without_its_last_line_end(folder):
    (folder / "prompt.txt").write_bytes(b"You are kind.\r\n  a: b\n\n# not a comment\n")
    assert read("step.name=prompt.txt").step.name == "You are kind.\r\n  a: b\n\n# not a comment"
    (folder / "number").write_text("1.10")
    assert read("step.options.system=number").step.options == {"system": "1.10"}
    (folder / "windows.txt").write_bytes(b"a\r\n")
    assert read("step.name=windows.txt").step.name == "a"


@pytest.mark.parametrize("suffix", ["yaml", "yml", "json", "JSON"])
def test_a_file_of_data_is_typed_by_the_config(folder, suffix):
    (folder / f"v.{suffix}").write_text('{"a": [1, 2.5], "b": "no"}')
    assert read(f"step.options=v.{suffix}").step.options == {"a": [1, 2.5], "b": "no"}
    (folder / f"l.{suffix}").write_text("[3, 4]")
    assert read(f"step.layers=l.{suffix}").step.layers == [3, 4]
    (folder / f"n.{suffix}").write_text("1e-4")
    assert read(f"step.rate=n.{suffix}").step.rate == 1e-4
    # Where text is due, it is the file's text: a schema of JSON in a prompt stays as it was written.
    assert read(f"step.name=v.{suffix}").step.name == '{"a": [1, 2.5], "b": "no"}'


def test_an_item_of_a_list_can_be_set(folder):
    (folder / "n.yaml").write_text("7")
    assert read("step.layers.1=n.yaml").step.layers == [1, 7]


# -- a file of settings


@pytest.mark.parametrize(
    "text",
    [
        "step:\n  rate: 1e-4\n  name: new\nother.seed: 3\n",
        "step.rate: 1e-4\nstep.name: new\nother: {seed: 3}\n",
        json.dumps({"step": {"rate": 0.0001, "name": "new"}, "other": {"seed": 3}}),
    ],
)
def test_a_file_of_settings_is_laid_over_the_others(folder, text):
    (folder / "more.yaml").write_text(text)
    whole = read("more.yaml")
    assert (whole.step.rate, whole.step.name, whole.step.layers, whole.other.seed) == (1e-4, "new", [1, 2], 3)


def test_the_last_file_counts_and_a_single_setting_counts_more(folder):
    (folder / "a.yaml").write_text("step: {name: a, seed: 1}")
    (folder / "b.yaml").write_text("step: {name: b}")
    whole = read("a.yaml", "b.yaml", sets=("other.name=c",))
    assert (whole.step.name, whole.step.seed, whole.other.name) == ("b", 1, "c")
    assert read("a.yaml", sets=("step.name=c",)).step.name == "c"


def test_a_list_or_an_empty_mapping_replaces_what_was_there(folder):
    (folder / "a.yaml").write_text("step: {layers: [9], options: {}}")
    whole = read("a.yaml", text="step: {layers: [1, 2], options: {x: 1}}")
    assert (whole.step.layers, whole.step.options) == ([9], {})


def test_relative_paths_start_from_the_file_that_says_them(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "a.yaml").write_text("step: {file: rows.jsonl}")
    assert read("sub/a.yaml").step.file == str(folder / "sub" / "rows.jsonl")
    (folder / "sub" / "p.txt").write_text("rows.jsonl\n")
    assert read("step.file=sub/p.txt").step.file == str(folder / "rows.jsonl")


def test_a_file_whose_name_looks_like_a_setting_is_named_with_a_slash(folder):
    (folder / "a=b.yaml").write_text("step: {seed: 5}")
    assert read("./a=b.yaml").step.seed == 5


# -- what is wrong


@pytest.mark.parametrize(
    ("said", "where", "message"),
    [
        ("step.seed=bad.yaml", "bad.yaml:1:1 (--set-file step.seed=bad.yaml)", "should be a whole number"),
        ("step.layers=list.yaml", "list.yaml:2:3 (--set-file step.layers=list.yaml)", "'step.layers[1]' should be"),
        ("bad2.yaml", "bad2.yaml:2:9 (--set-file bad2.yaml)", "'step.seed' should be a whole number"),
        ("unknown.yaml", "unknown.yaml:2:3 (--set-file unknown.yaml)", "unknown key 'nme' in 'step'"),
        ("step.nme=text", "--set-file step.nme=text", "unknown key 'nme' in 'step'"),
        ("step.seed=text", "--set-file step.seed=text", "should be a whole number, found text"),
    ],
)
def test_problems_name_the_option_the_file_and_the_line(folder, said, where, message):
    (folder / "bad.yaml").write_text("three")
    (folder / "list.yaml").write_text("- 1\n- x\n")
    (folder / "bad2.yaml").write_text("step:\n  seed: x\n")
    (folder / "unknown.yaml").write_text("step:\n  nme: x\n")
    (folder / "text").write_text("text")
    with pytest.raises(ConfigProblems) as caught:
        read(said)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert message in problem.message


@pytest.mark.parametrize(
    ("said", "fragments"),
    [
        ("nothing.yaml", ("no file 'nothing.yaml'", "--set-file nothing.yaml")),
        ("step.name=nothing.txt", ("no file 'nothing.txt'", "--set-file step.name=nothing.txt")),
        ("list.yaml", ("not hold a mapping", "--set-file list.yaml")),
        ("step.options=broken.yaml", ("not YAML", "broken.yaml:2:1", "--set-file step.options=broken.yaml")),
        ("broken.yaml", ("not YAML", "broken.yaml:2:1")),
        ("twice.yaml", ("here twice", "twice.yaml:2:1")),
        ("dots.yaml", ("no key", "dots.yaml:1:1")),
        ("inside.yaml", ("has no keys", "inside.yaml:1:1", "--set-file inside.yaml")),
        ("step.name=binary", ("binary file", "binary:1:2", "--set-file step.name=binary")),
        ("step.name=.", ("cannot be read", "--set-file step.name=.")),
        ("step.name=", ("no file 'step.name='",)),
    ],
)
def test_what_cannot_be_read_is_one_error(folder, said, fragments):
    (folder / "list.yaml").write_text("[1]")
    (folder / "broken.yaml").write_text("[1")
    (folder / "twice.yaml").write_text("step.seed: 1\nstep.seed: 2\n")
    (folder / "dots.yaml").write_text("step..seed: 1\n")
    (folder / "inside.yaml").write_text("step.name.deep: 1\n")
    (folder / "binary").write_bytes(b"a\0b")
    with pytest.raises(ConfigError) as caught:
        read(said)
    for fragment in fragments:
        assert fragment in str(caught.value)


def test_what_was_written_is_remembered_beside_what_the_command_line_said(folder):
    (folder / "a.yaml").write_text("step: {name: a}")
    document = apply_overrides(parse_yaml("step: {seed: 1}"), ["step.rate=1"], ["a.yaml"])
    assert document.written == {"step": {"seed": 1}}
    assert document.value == {"step": {"seed": 1, "name": "a", "rate": 1}}
    assert {override.where for override in document.overrides.values()} == {"--set-file a.yaml", "--set step.rate"}


# -- a setting under another key


@pytest.mark.parametrize(
    ("setting", "hint"),
    [
        ("seed=3", "Did you mean 'step.seed' or 'other.seed'?"),
        ("sed=3", "Did you mean 'step.seed' or 'other.seed'?"),
        ("stp=3", "Did you mean 'step'?"),
        ("zzzzz=3", "Known keys: other, step."),
        ("step.other=3", "Known keys:"),
    ],
)
def test_a_setting_that_is_elsewhere_is_suggested(setting, hint):
    with pytest.raises(ConfigProblems) as caught:
        read(sets=(setting,))
    (problem,) = caught.value.problems
    assert problem.hint.startswith(hint)

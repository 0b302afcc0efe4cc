"""YAML 1.2 as people write it, the place of every part, and one clear error for whatever is not such YAML."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from motools.config import dump_yaml, load_yaml, parse_yaml
from motools.errors import ConfigError

SCALARS = [
    ("1e-4", 0.0001),
    ("1E3", 1000.0),
    ("1.10", 1.1),
    (".5", 0.5),
    ("1.", 1.0),
    ("-2", -2),
    ("+3", 3),
    ("010", 10),
    ("0o17", 15),
    ("0x1F", 31),
    ("no", "no"),
    ("on", "on"),
    ("yes", "yes"),
    ("off", "off"),
    ("NO", "NO"),
    ("y", "y"),
    ("12:30", "12:30"),
    ("1_000", "1_000"),
    ("0b11", "0b11"),
    ("2001-12-14", "2001-12-14"),
    ("true", True),
    ("False", False),
    ("tRUE", "tRUE"),
    ("null", None),
    ("~", None),
    ("", None),
    ("'1'", "1"),
    ('"no"', "no"),
    ("=", "="),
    ("190:20:30", "190:20:30"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("2001-12-14 21:59:43", "2001-12-14 21:59:43"),
    ("0777", 777),
    ("08", 8),
    ("0o8", "0o8"),
    ("0x", "0x"),
    ("1e", "1e"),
    ("-0", 0),
    ("-0.0", -0.0),
    ("1.5e+3", 1500.0),
    ("1,000", "1,000"),
    ("1.2.3", "1.2.3"),
    ("\u0663", "\u0663"),
    ("Null", None),
    ("nULL", "nULL"),
    ("None", "None"),
    ("N", "N"),
    ("On", "On"),
    ("<<", "<<"),
]


@pytest.fixture(params=["C", "Python"])
def either_parser(request, monkeypatch):
    if request.param == "Python":
        monkeypatch.delattr(yaml, "CSafeLoader")
    else:
        assert hasattr(yaml, "CSafeLoader")
    return request.param


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_are_those_of_yaml_1_2(text, value, either_parser):
    found = parse_yaml(f"key: {text}\nlist:\n  - {text}\n").value
    assert found == {"key": value, "list": [value]}
    assert type(found["key"]) is type(value)


def test_fault_18_a_learning_rate_in_scientific_notation_is_a_number():
    assert parse_yaml("lr: 1e-4").value == {"lr": 0.0001}


def test_every_key_and_value_has_its_place(either_parser):
    document = parse_yaml("a: 1\nb:\n  - x\n  - {c: ü, d: [2]}\n", source="f.yaml")
    assert document.where(("a",)) == "f.yaml:1:4"
    assert document.where(("a",), key=True) == "f.yaml:1:1"
    assert document.where(("b", 1, "d", 0)) == "f.yaml:4:16"
    assert document.where(("b", 1, "d"), key=True) == "f.yaml:4:12"
    assert document.where(("b", 1, "missing")) == "f.yaml:4:5"


def test_anchors_repeat_values_without_sharing_them():
    value = parse_yaml("a: &x {k: [1]}\nb: *x\n").value
    value["a"]["k"].append(2)
    assert value["b"] == {"k": [1]}


BOMB = "a: &a [1,1,1,1,1,1,1,1,1,1]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(9)
)
REFUSED = {
    "twice": ("a: 1\nb: 2\na: 3", "3:1", "'a' is here twice", "line 1"),
    "number as key": ("a:\n  1: x", "2:3", "the key 1 is not text", "quotes"),
    "list as key": ("? [a]\n: b", "1:3", "key must be text", "text"),
    "tag": ("a: !!python/object:os.system x", "1:4", "!!python/object:os.system", "Remove"),
    "merge key": ("a: &a {x: 1}\nb:\n  <<: *a", "3:3", "merge keys", "Write the keys out"),
    "itself": ("a: &a [*a]", "1:8", "inside what it stands for", "Write"),
    "unknown anchor": ("a: *b", "1:4", "no anchor '&b'", "quotes"),
    "bomb": (BOMB, None, "aliases repeat more than", "Write"),
    "tab": ("a:\n\tb: 1", "2:1", "not YAML", "spaces"),
    "colon": ("a: b: c", "1:5", "not YAML", "quotes"),
    "at sign": ("a: @x", "1:4", "not YAML", "quotes"),
    "open bracket": ("a: [1,\n", "2:1", "not YAML", "brackets"),
    "two documents": ("a: 1\n---\nb: 2", "2:1", "second document", "one document"),
    "nan": ("a: .nan", "1:4", "no JSON form", "finite"),
    "too large": ("a: 1e999", "1:4", "too large", "finite"),
    "too many digits": ("a: " + "9" * 5000, "1:4", "4300", "finite"),
    "control character": ("a: 1\nb: x\x07", "2:5", "U+0007", "text file"),
    "deep": ("[" * 100_000, "1:65", "64 levels", "flatter"),
    "deep in braces": ("{a: " * 3_000, "1:257", "64 levels", "flatter"),
    "deep on lines of their own": (
        "".join(f"{' ' * depth}a:\n" for depth in range(500)),
        "65:65",
        "64 levels",
        "flatter",
    ),
    "NUL": ("a: 1\nb: \0", "2:4", "U+0000", "text file"),
    "infinity": ("a: -.inf", "1:4", "no JSON form", "finite"),
    "null as key": ("~: 1", "1:1", "the key ~ is not text", "quotes"),
    "no as key is text, true is not": ("no: 1\ntrue: 2", "2:1", "the key true is not text", "quotes"),
    "merge list": ("a: &a {x: 1}\nb: {<<: [*a], y: 2}", "2:5", "merge keys", "Write the keys out"),
    "tab after a dash": ("a:\n  -\t- 1", "2:4", "not YAML", "spaces"),
    "directive": ("%YAML 1.1\n---\na: 1\n...\n%YAML 1.1\n---\nb: 1", None, "second document", "one document"),
    "many values": ("a: [" + "x, " * 60_000 + "]", None, "more than 50,000 values", "file of its own"),
    "deep lines": ("- " * 5_000 + "x", "1:129", "64 levels", "flatter"),
    "empty": ("", "", "is empty", "key: value"),
    "comment only": ("# nothing\n", "", "is empty", "key: value"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_such_yaml_is_one_error_with_its_place(case, either_parser):
    text, place, message, hint = REFUSED[case]
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, source="f.yaml")
    assert message in caught.value.message
    assert hint in caught.value.hint
    if place:
        assert caught.value.where == f"f.yaml:{place}"


FILES = {
    "UTF-16": ("a: 1".encode("utf-16"), "UTF-16", "UTF-8"),
    "Latin-1": (b"a: 1\nb: caf\xe9\n", "0xe9 is not UTF-8", "UTF-8"),
    "binary": (b"a: \x00\x01\x02", "binary", "UTF-8"),
    "empty": (b"", "is empty", "key: value"),
    "mark only": (b"\xef\xbb\xbf", "is empty", "key: value"),
}


@pytest.mark.parametrize("case", FILES)
def test_unreadable_files_are_one_error(case, tmp_path):
    data, message, hint = FILES[case]
    path = tmp_path / "config.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_yaml(path)
    assert message in caught.value.message
    assert hint in caught.value.hint
    if case == "Latin-1":
        assert caught.value.where == f"{path}:2:7"


def test_missing_folder_and_unreadable_paths(tmp_path):
    (tmp_path / "config.yaml").write_text("a: 1")
    with pytest.raises(ConfigError, match="no file") as caught:
        load_yaml(tmp_path / "confg.yaml")
    assert caught.value.hint == "Did you mean 'config.yaml'?"
    with pytest.raises(ConfigError) as caught:
        load_yaml(tmp_path / "b.yaml")
    assert caught.value.hint == f"Looked in '{tmp_path}'."
    with pytest.raises(ConfigError) as caught:
        load_yaml(tmp_path / "no" / "b.yaml")
    assert caught.value.hint == f"There is no folder '{tmp_path}/no'."
    with pytest.raises(ConfigError, match="is a folder"):
        load_yaml(tmp_path)
    with pytest.raises(ConfigError, match="cannot read"):
        load_yaml(tmp_path / ("x" * 300))
    with pytest.raises(ConfigError, match="cannot read"):
        load_yaml("a\0b")


@pytest.mark.parametrize("line", ["key{}: value\n", "- {}\n", "# comment {}\n", "a: |\n  text {}\n"])
def test_a_file_of_ten_megabytes_is_refused_before_it_is_parsed(tmp_path, line, monkeypatch):
    path = tmp_path / "c.yaml"
    path.write_text("".join(line.format(number) for number in range((10 << 20) // len(line))))
    monkeypatch.setattr("motools.config.yaml._events", None)
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load_yaml(path)


def test_an_endless_file_is_refused_and_not_read_to_its_end():
    if not Path("/dev/zero").exists():
        pytest.skip("no /dev/zero here")
    with pytest.raises(ConfigError, match="larger than 4 MiB"):
        load_yaml("/dev/zero")


def test_a_pipe_is_read_and_relative_paths_in_it_start_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    end, start = os.pipe()
    os.write(start, b"a: 1")
    os.close(start)
    try:
        document = load_yaml(f"/dev/fd/{end}")
    finally:
        os.close(end)
    assert (document.value, document.folder) == ({"a": 1}, tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    document = load_yaml(path)
    assert document.value == {"a": 1}
    assert document.folder == tmp_path


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff"), max_size=12)
NEAR = st.sampled_from(
    ["no", "1e-4", "010", "~", "<<", "", "1.0", "0o7", "true", "a: b", "- x", "#", " x", "x\ny", "\t"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | NEAR,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | NEAR, inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_what_is_written_is_read_back(value):
    found = parse_yaml(dump_yaml(value) or "").value
    assert found == value
    assert json.dumps(found, sort_keys=True) == json.dumps(value, sort_keys=True)  # 1, 1.0 and true are three things


@given(st.text(max_size=60) | st.text("{}[]:,-&*!|>'\"#%@`? \n\tab1", max_size=60))
def test_any_text_is_a_document_or_one_config_error(text):
    try:
        value = parse_yaml(text).value
    except ConfigError as error:
        value = error.where or error.message
    assert value is None or json.dumps(value, allow_nan=False)

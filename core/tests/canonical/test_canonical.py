"""Canonical JSON: the written form, the test vectors, and the laws, on every Python at hand."""

from __future__ import annotations

import copy
import enum
import json
import math
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from motools.canonical import canonical_json, digest_bytes, digest_file, digest_json, equal_json
from motools.errors import CanonicalError

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
SOURCES = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("vector", VECTORS["values"], ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, str]) -> None:
    body = canonical_json(json.loads(vector["json"]))
    assert body == vector["canonical"].encode("utf-8")
    assert digest_bytes("value", body) == digest_json("value", json.loads(vector["json"])) == vector["digest"]


@pytest.mark.parametrize("vector", VECTORS["framing"], ids=lambda vector: f"{vector['tag']}-{vector['hex']}")
def test_vectors_of_tags(vector: dict[str, str]) -> None:
    assert digest_bytes(vector["tag"], bytes.fromhex(vector["hex"])) == vector["digest"]


def pythons() -> list[str]:
    """Return the other Pythons of this machine, from 3.10 on."""
    names = [f"python3.{minor}" for minor in range(10, 20)]
    found = [path for name in names if (path := shutil.which(name))]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        found += [str(path) for path in sorted(Path(root).glob("versions/3.1*/bin/python"))]
    versions: dict[str, str] = {}
    for path in found:
        asked = subprocess.run(
            [path, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=False
        )
        if asked.returncode == 0:
            versions.setdefault(asked.stdout.partition(" ")[0].rpartition(".")[0], path)
    return list(versions.values())


CHECK = """
import json, sys
from motools.canonical import canonical_json
for vector in json.load(open(sys.argv[1]))["values"]:
    assert canonical_json(json.loads(vector["json"])) == vector["canonical"].encode(), (sys.version, vector)
print("as written")
"""


def test_vectors_on_every_python_here() -> None:
    """The bytes are the same on each; a digest is a function of the bytes."""
    for python in [sys.executable, *pythons()]:
        environment = {**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}
        asked = subprocess.run(
            [python, "-c", CHECK, str(Path(__file__).parent / "vectors.json")],
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (asked.stdout.strip(), asked.stderr) == ("as written", ""), python


TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


def same(left: Any, right: Any) -> bool:
    """Say whether two JSON values are one, by their structure: kinds, and the sign of zero, count."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    return bool(left == right)


@given(VALUES)
def test_reading_it_back_gives_the_value(value: Any) -> None:
    assert same(json.loads(canonical_json(value)), value)


@given(VALUES, VALUES)
@example(1, 1.0)
@example(True, 1)
@example(0.0, -0.0)
@example([[1], 2], [1, [2]])
@example({"a": {"b": 1}}, {"a.b": 1})
@example("null", None)
def test_equal_values_and_equal_bytes_are_one(left: Any, right: Any) -> None:
    assert (canonical_json(left) == canonical_json(right)) == same(left, right)
    assert equal_json(left, right) == same(left, right)


@given(VALUES)
def test_the_order_of_keys_and_the_identity_of_objects_do_not_count(value: Any) -> None:
    def turned(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: turned(item[key]) for key in reversed(item)}
        return tuple(map(turned, item)) if isinstance(item, list) else copy.copy(item)

    assert canonical_json(turned(value)) == canonical_json(value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*path, index))


def with_(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    changed = copy.copy(value)
    changed[path[0]] = with_(value[path[0]], path[1:], new)
    return changed


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        value = value[part]
    return value


@given(VALUES, SCALARS, st.data())
def test_every_change_of_one_field_changes_the_digest(value: Any, new: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(places(value))))
    changed = with_(value, path, new)
    assert (digest_json("x", changed) == digest_json("x", value)) == same(at(value, path), new)


@given(st.text(min_size=1), st.text(min_size=1), st.binary())
def test_equal_bytes_of_two_kinds_never_share_a_digest(one: str, other: str, data: bytes) -> None:
    if one.isascii() and other.isascii():
        assert (digest_bytes(one, data) == digest_bytes(other, data)) == (one == other)


class Level(enum.IntEnum):
    ONE = 1


class Text(str):
    __slots__ = ()


BAD = [
    float("nan"),
    float("inf"),
    -float("inf"),
    {1, 2},
    frozenset(),
    b"bytes",
    object(),
    Level.ONE,
    Text("x"),
    Path("x"),
    1j,
    "\ud800",
    {1: "x"},
    {None: "x"},
    {"\udfff": "x"},
    range(3),
    10**5000,
]


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: type(bad).__name__)
@given(VALUES, st.data())
@settings(max_examples=15)
def test_what_has_no_form_is_refused_with_its_path(bad: Any, value: Any, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(list(places(value))))
    with pytest.raises(CanonicalError) as caught:
        canonical_json(with_(value, path, bad))
    shown = "$" + "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" if part.isidentifier() else f"[{part!r}]" for part in path
    )
    assert caught.value.path.startswith(shown)
    assert caught.value.path.removeprefix(shown) in ("", " key", "['\\udfff']")


def test_nesting_is_limited_alike_everywhere_and_a_value_that_contains_itself_is_named() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    canonical_json(deep)
    with pytest.raises(CanonicalError, match="more than 200 levels"):
        canonical_json({"a": deep})
    own: dict[str, Any] = {"a": [1]}
    own["a"].append(own)
    with pytest.raises(CanonicalError, match="contains itself") as caught:
        canonical_json(own)
    assert caught.value.path == "$.a[1]"


PRINT = "import sys, json; from motools.canonical import digest_json; print(digest_json('x', json.loads(sys.argv[1])))"


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_another_process_with_another_hash_seed_gives_the_same(seed: str) -> None:
    value = {f"key {number}": {"x": [number, number / 7, None]} for number in range(50)}
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    run = [sys.executable, "-c", PRINT, json.dumps(value)]
    asked = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == digest_json("x", value)


def test_a_file_has_the_digest_of_its_bytes_however_it_is_read(tmp_path: Path) -> None:
    for size in (0, 10, 1 << 20, (1 << 20) + 7):
        data = bytes(number % 251 for number in range(size))
        (tmp_path / "file").write_bytes(data)
        assert digest_file(tmp_path / "file") == digest_bytes("object", data)

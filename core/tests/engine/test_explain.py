"""Two keys side by side: what differs, which earlier one is nearest, and how it is said."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.engine.explain import Change, code_diffs, compare, nearest, told, words

PARTS: dict[str, Any] = {
    "component": "steps:train",
    "code": {"steps:train": "a" * 64, "helpers:clean": "b" * 64},
    "config": {"model": "small", "layers": [1, 2], "hyperparameters": {"learning_rate": 0.001}},
    "inputs": {"dataset": "c" * 64},
    "references": {"backend_name": {"component": "motools/dummy", "cache_version": 1}},
    "files": {"prompt": "d" * 64},
    "environment": {"HF_HOME": "x"},
    "outputs": {"model": "model"},
}


def changed(path, value):
    """Return PARTS with one place set; `...` takes it away."""
    first, *rest = path
    inner = PARTS

    def put(node, keys):
        key, *more = keys
        copy = dict(node) if isinstance(node, dict) else list(node)
        if more:
            copy[key] = put(node[key], more)
        elif value is ...:
            del copy[key]
        else:
            copy[key] = value
        return copy

    return put(inner, [first, *rest])


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("config", "hyperparameters", "learning_rate"), 0.002, "config.hyperparameters.learning_rate: 0.001 → 0.002"),
        (("config", "model"), "big", 'config.model: "small" → "big"'),
        (("config", "layers", 1), 3, "config.layers[1]: 2 → 3"),
        (("config", "layers"), [1], "config.layers: [1, 2] → [1]"),
        (("config", "suffix"), "mine", 'config.suffix: nothing → "mine"'),
        (("config", "model"), ..., 'config.model: "small" → nothing'),
        (("config", "model"), None, 'config.model: "small" → null'),
        (("code", "helpers:clean"), "e" * 64, "code of helpers:clean changed"),
        (("code", "helpers:new"), "e" * 64, "its code now uses helpers:new"),
        (("code", "helpers:clean"), ..., "its code no longer uses helpers:clean"),
        (("inputs", "dataset"), "e" * 64, "input dataset changed"),
        (("inputs", "more"), "e" * 64, "it now reads more"),
        (("inputs", "dataset"), ..., "it no longer reads dataset"),
        (("references", "backend_name", "cache_version"), 2, "config.backend_name, cache_version: 1 → 2"),
        (("references", "task"), {"file": "f" * 64}, "what config.task names is added"),
        (("files", "prompt"), "e" * 64, "the file that config.prompt names changed"),
        (("environment", "HF_HOME"), "y", 'environment.HF_HOME: "x" → "y"'),
        (("outputs", "model"), "value", 'outputs.model: "model" → "value"'),
        (("component",), "steps:fit", 'component: "steps:train" → "steps:fit"'),
        (("draw",), 2, "draw: null → 2"),
    ],
)
def test_every_kind_of_change_is_said_in_words(path, value, said):
    (change,) = compare(PARTS, changed(path, value))
    assert words(change) == said
    assert change.to_json()["words"] == said


def test_code_known_by_a_version_says_which():
    (change,) = compare({"code": {"cache_version": 1}}, {"code": {"cache_version": 2}})
    assert words(change) == "its code's cache_version: 1 → 2"
    (change,) = compare({"code": {"version": "trl 1.0"}}, {"code": {"version": "trl 1.1"}})
    assert words(change) == 'its code\'s version: "trl 1.0" → "trl 1.1"'


def test_the_code_of_what_a_setting_names_is_told_with_the_setting():
    before = {"references": {"loader": {"name": "h:rows", "code": {"h:rows": "a" * 64}}}}
    after = {"references": {"loader": {"name": "h:rows", "code": {"h:rows": "b" * 64}}}}
    (change,) = compare(before, after)
    assert words(change) == "config.loader: code of h:rows changed"


def test_another_component_in_a_setting_is_told_once():
    before = {**PARTS, "config": {"backend_name": "dummy"}}
    after = {
        **PARTS,
        "config": {"backend_name": "openai"},
        "references": {"backend_name": {"component": "openai/openai", "cache_version": 3}},
    }
    changes = compare(before, after)
    assert len(changes) == 3
    assert [words(change) for change in told(changes)] == ['config.backend_name: "dummy" → "openai"']


@pytest.mark.parametrize(("a", "b"), [(1, 1.0), (True, 1), (None, False), ("", None), ([], {})])
def test_values_that_make_different_keys_are_different_here(a, b):
    assert compare({"config": {"x": a}}, {"config": {"x": b}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.dictionaries(
    st.sampled_from(["config", "code", "inputs", "other"]), st.dictionaries(st.text(max_size=2), JSON)
)


def equal(a, b):
    """Say whether two JSON values are written alike: 1 is not 1.0."""
    from motools.canonical import canonical_json

    return canonical_json(a) == canonical_json(b)


def apply(parts, changes):
    """Return parts after the changes: what `compare` says must be all there is to say."""
    import copy

    result = copy.deepcopy(parts)
    for change in changes:
        place = result.setdefault(change.part, {})
        for name in change.path[:-1]:
            place = place[name]
        if change.kind == "removed":
            del place[change.path[-1]]
        else:
            place[change.path[-1]] = change.after
    return result


@given(KEYS, KEYS)
def test_the_changes_are_exactly_what_leads_from_one_key_to_the_other(before, after):
    def full(parts):
        return {name: parts.get(name, {}) for name in ("config", "code", "inputs", "other")}

    changes = compare(before, after)
    assert equal(apply(full(before), changes), full(after))
    assert bool(changes) == (not equal(full(before), full(after)))
    assert all(words(change) for change in changes)


@dataclass
class Row:
    parts: Any
    activation: str = "train@1#1"
    name: str = field(default="", compare=False)


def test_the_nearest_is_the_one_with_fewest_changes_of_this_node_and_then_the_newest():
    far = changed(("config", "model"), "x") | {"files": {}}
    history = [
        Row(far, name="newest"),
        Row(changed(("config", "model"), "x"), name="one change"),
        Row(changed(("config", "model"), "y"), name="one change, older"),
        Row(PARTS, "other@1#1", name="equal, of another node"),
    ]
    row, changes = nearest(PARTS, history, "train")
    assert row.name == "one change"
    assert [words(change) for change in changes] == ['config.model: "x" → "small"']
    assert nearest(PARTS, history, "other")[0].name == "equal, of another node"
    assert nearest(PARTS, [], "train") is None


def test_parts_that_are_not_known_yet_are_left_out():
    _row, changes = nearest({"config": {}}, [Row({"config": {}, "inputs": {"a": "b"}})], "train", without=("inputs",))
    assert changes == ()


def test_code_is_shown_as_a_diff():
    sources = {"a" * 64: "def clean(text):\n    return text\n", "b" * 64: "def clean(text):\n    return text.strip()\n"}
    changes = (
        Change("code", ("h:clean",), "changed", "a" * 64, "b" * 64),
        Change("code", ("h:new",), "added", None, "b" * 64),
        Change("code", ("h:gone",), "changed", "0" * 64, "b" * 64),
        Change("references", ("loader", "code", "h:rows"), "changed", "a" * 64, "b" * 64),
        Change("config", ("x",), "changed", 1, 2),
        Change("code", ("cache_version",), "changed", 1, 2),
    )
    diffs = code_diffs(changes, sources.get)
    assert set(diffs) == {"h:clean", "h:new", "h:gone", "h:rows"}
    assert diffs["h:clean"].splitlines()[-3:] == [" def clean(text):", "-    return text", "+    return text.strip()"]
    assert "+def clean(text):" in diffs["h:new"]
    assert diffs["h:gone"] is None

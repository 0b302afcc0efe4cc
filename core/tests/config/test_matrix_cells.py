"""Reading `matrix:` and making its cells: laws of the expansion, places in messages, what is refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.canonical import canonical_json
from motools.config import ConfigProblems, Document, apply_overrides, parse_yaml
from motools.config.axes import read_matrix
from motools.config.cells import MAX_CELLS, Cell, CellDocuments, expand, unused
from motools.errors import ConfigError

STEPS = ("prepare", "train", "evaluate")
SEEDS = ("train.seed", "evaluate.seed")


def document(value: Any) -> Document:
    return Document(value, "settings", Path.cwd())


def cells_of(matrix: Any, base: dict[str, Any] | None = None) -> list[Cell]:
    doc = document({**(base or {}), "matrix": matrix})
    return expand(read_matrix(doc, steps=STEPS, seed_settings=SEEDS), doc)


def values_of(matrix: Any, base: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return cell → its settings."""
    doc = document({**(base or {}), "matrix": matrix})
    documents = CellDocuments(doc)
    cells = expand(read_matrix(doc, steps=STEPS, seed_settings=SEEDS), doc)
    return {cell.name: documents.of(cell).value for cell in cells}


def written(text: str, *overrides: str) -> list[Cell]:
    doc = apply_overrides(parse_yaml(text, source="m.yaml"), overrides)
    cells = expand(read_matrix(doc, steps=STEPS, seed_settings=SEEDS), doc)
    for cell in cells:
        CellDocuments(doc).of(cell)
    return cells


# -- laws

paths = st.sampled_from(["train.lr", "train.hyperparameters.steps", "prepare.rows", "evaluate.limit"])
numbers = st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True)
arms = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.just({}) | st.builds(lambda n: {"train.suffix": n}, st.integers()), min_size=1
)


@st.composite
def matrices(draw: st.DrawFn) -> dict[str, Any]:
    matrix: dict[str, Any] = draw(st.dictionaries(paths, numbers, max_size=3))
    if draw(st.booleans()):
        matrix["seeds"] = draw(st.integers(1, 3) | numbers)
    if draw(st.booleans()) or not matrix:
        matrix["arms"] = draw(arms)
    return matrix


def choices(matrix: dict[str, Any]) -> dict[str, list[Any]]:
    found = {}
    for name, value in matrix.items():
        found[name] = list(range(value)) if isinstance(value, int) else list(value)
    return found


@given(matrices(), st.data())
@settings(max_examples=150, deadline=None)
def test_the_cells_are_all_combinations_less_exclude_and_with_include(
    matrix: dict[str, Any], data: st.DataObject
) -> None:
    axes = choices(matrix)
    combinations = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    exclude = []
    for _ in range(data.draw(st.integers(0, 2))):
        names = data.draw(st.sets(st.sampled_from(sorted(axes)), min_size=1))
        exclude.append({name: data.draw(st.sampled_from(axes[name])) for name in names})
    left = [c for c in combinations if not any(e.items() <= c.items() for e in exclude)]
    include = []
    number = next((name for name in axes if name not in ("arms", "seeds")), None)
    if number is not None and data.draw(st.booleans()):
        include = [{number: 77}]
    if not left and not include:
        with pytest.raises(ConfigProblems, match="makes no cell"):
            cells_of({**matrix, "exclude": exclude})
        return
    cells = cells_of(
        {**matrix, **({"exclude": exclude} if exclude else {}), **({"include": include} if include else {})}
    )
    extra = len(combinations) // len(axes[number]) if include and number else 0
    assert len(cells) == len(left) + extra
    assert len({cell.name for cell in cells}) == len(cells)
    found = [cell.coordinates for cell in cells[: len(left)]]
    assert sorted(map(canonical_json, found)) == sorted(map(canonical_json, left))


@given(matrices(), st.randoms())
@settings(max_examples=100, deadline=None)
def test_what_a_cell_is_does_not_follow_from_the_order_in_which_things_are_written(
    matrix: dict[str, Any], random: Any
) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            items = list(value.items())
            random.shuffle(items)
            return dict(items)
        return random.sample(value, len(value)) if isinstance(value, list) else value

    other = shuffled({name: shuffled(value) for name, value in matrix.items()})
    first, second = values_of(matrix).values(), values_of(other).values()
    assert sorted(map(canonical_json, first)) == sorted(map(canonical_json, second))
    assert values_of(matrix) == values_of(matrix)
    assert list(values_of(matrix)) == list(values_of(matrix))


@given(matrices())
@settings(max_examples=60, deadline=None)
def test_the_arms_are_the_cells_without_their_seed(matrix: dict[str, Any]) -> None:
    cells = cells_of(matrix)
    seeds = choices(matrix).get("seeds", [None])
    by_arm: dict[str, list[Any]] = {}
    for cell in cells:
        by_arm.setdefault(cell.arm, []).append(cell.seed)
    assert all(found == seeds for found in by_arm.values())


def test_all_arms_with_one_seed_come_before_the_next_seed() -> None:
    assert [cell.name for cell in cells_of({"seeds": 2, "arms": {"a": {}, "b": {"train.lr": 1}}})] == [
        *("a,seed=0", "b,seed=0"),
        *("a,seed=1", "b,seed=1"),
    ]


# -- settings of cells


def test_values_are_laid_over_the_settings_outside_the_matrix() -> None:
    base = {"train": {"lr": 1, "hyperparameters": {"rank": 8, "layers": [1, 2]}}}
    matrix = {
        "arms": {"deep": {"train.hyperparameters.layers.1": 9}, "plain": {}},
        "train.hyperparameters.steps": [5],
        "seeds": [3],
    }
    found = values_of(matrix, base)
    both = {"rank": 8, "steps": 5}
    assert found == {
        "deep,steps=5,seed=3": {
            "train": {"lr": 1, "hyperparameters": {**both, "layers": [1, 9]}, "seed": 3},
            "evaluate": {"seed": 3},
        },
        "plain,steps=5,seed=3": {
            "train": {"lr": 1, "hyperparameters": {**both, "layers": [1, 2]}, "seed": 3},
            "evaluate": {"seed": 3},
        },
    }
    assert base == {"train": {"lr": 1, "hyperparameters": {"rank": 8, "layers": [1, 2]}}}


def test_seeds_may_say_which_settings_they_are_for() -> None:
    found = values_of({"seeds": {"values": 2, "set": ["train.seed", "prepare.kwargs.seed"]}})
    assert found["seed=1"] == {"train": {"seed": 1}, "prepare": {"kwargs": {"seed": 1}}}


def test_include_adds_settings_of_its_own_for_every_value_of_the_axes_it_leaves_out() -> None:
    found = values_of({"seeds": 2, "arms": {"a": {}}, "include": [{"arms": "a", "train.lr": 7, "seeds": [1, 5]}]})
    assert list(found) == ["a,seed=0", "a,seed=1", "a,train.lr=7,seed=1", "a,train.lr=7,seed=5"]
    assert found["a,train.lr=7,seed=5"] == {"train": {"seed": 5, "lr": 7}, "evaluate": {"seed": 5}}


def test_include_alone_is_a_matrix() -> None:
    assert list(values_of({"include": [{"train.lr": 1}, {"train.lr": 2, "train.suffix": "x"}]})) == [
        "train.lr=1",
        "train.lr=2,train.suffix=x",
    ]


def test_long_values_are_named_by_their_digest_and_alike_ones_told_apart() -> None:
    names = [cell.name for cell in cells_of({"train.suffix": ["1", 1, "x" * 50]})]
    assert names[:2] == ['suffix="1"', "suffix=1"]
    assert names[2] == f'suffix="{"x" * 50}"'
    (long,) = [cell.name for cell in cells_of({"train.suffix": ["x" * 50]})]
    assert long.startswith("suffix=#")
    assert len(long) < 20


def test_two_axes_that_end_in_one_word_are_called_by_their_whole_paths() -> None:
    (cell,) = cells_of({"train.limit": [1], "evaluate.limit": [2]})
    assert cell.name == "train.limit=1,evaluate.limit=2"


# -- places


def test_a_value_of_an_arm_knows_its_line() -> None:
    text = "train:\n  lr: 1\nmatrix:\n  arms:\n    a:\n      train.hyperparameters.steps: many\n    b: {}\n"
    doc = parse_yaml(text, source="m.yaml")
    cells = expand(read_matrix(doc, steps=STEPS, seed_settings=SEEDS), doc)
    settings_of_a = CellDocuments(doc).of(cells[0])
    assert settings_of_a.where(("train", "hyperparameters", "steps")) == "m.yaml:6:36"
    assert settings_of_a.where(("train", "hyperparameters", "steps"), key=True) == "m.yaml:6:7"
    assert settings_of_a.where(("train", "hyperparameters")) == "m.yaml:6:36"
    assert settings_of_a.where(("train", "lr")) == "m.yaml:2:7"


def test_parts_inside_a_value_know_their_lines_too() -> None:
    text = "matrix:\n  arms:\n    a:\n      train.hyperparameters:\n        steps: 5\n        rank: 8\n"
    doc = parse_yaml(text, source="m.yaml")
    (cell,) = expand(read_matrix(doc, steps=STEPS, seed_settings=SEEDS), doc)
    assert CellDocuments(doc).of(cell).where(("train", "hyperparameters", "rank")) == "m.yaml:6:15"


def test_the_command_line_can_change_the_matrix() -> None:
    cells = written("matrix:\n  seeds: 2\n", "matrix.seeds=[4, 7, 9]")
    assert [cell.seed for cell in cells] == [4, 7, 9]


# -- what is refused

BAD = {
    "matrix: {}": ("m.yaml:1:1", "makes no cell", "seeds: 3"),
    "matrix:": ("m.yaml:1", "should be a mapping, found null", None),
    "matrix: 5": ("m.yaml:1:9", "should be a mapping", None),
    "matrix:\n  sedes: [1]": ("m.yaml:2:3", "'sedes' is no setting", "Did you mean 'seeds'"),
    "matrix:\n  seeds: 0": ("m.yaml:2:10", "at least 1", "seeds: 3"),
    "matrix:\n  seeds: true": ("m.yaml:2:10", "found true", None),
    "matrix:\n  seeds: []": ("m.yaml:2:10", "a list of none", None),
    "matrix:\n  seeds: [0, one]": ("m.yaml:2:14", "whole number, found text 'one'", None),
    "matrix:\n  seeds: [1, 2, 1]": ("m.yaml:2:17", "the value 1 twice", None),
    "matrix:\n  seeds: {value: 2}": ("m.yaml:2:11", "unknown key 'value'", "Did you mean 'values'"),
    "matrix:\n  seeds: {values: 2, set: [trian.seed]}": ("m.yaml:2:28", "'trian.seed' is no setting", "'train'"),
    "matrix:\n  train.lr: []": ("m.yaml:2:13", "has no value", None),
    "matrix:\n  train.lr: 3": ("m.yaml:2:13", "a list of values", None),
    "matrix:\n  train.lr: [1, 1]": ("m.yaml:2:17", "the value 1 twice", None),
    "matrix:\n  trian.lr: [1]": ("m.yaml:2:3", "'trian.lr' is no setting", "'train'"),
    "matrix:\n  train: {lr: [1]}": ("m.yaml:2:3", "no name for arms", "train.lr: [...]"),
    "matrix:\n  arms: {}": ("m.yaml:2:9", "has no arm", None),
    "matrix:\n  arms: [a, b]": ("m.yaml:2:3", "'arms' is no setting", "mapping from names"),
    "matrix:\n  arms: {a: 3}": ("m.yaml:2:13", "mapping from settings", None),
    "matrix:\n  arms: {'a b': {}}": ("m.yaml:2:10", "cannot be a name", "letters"),
    "matrix:\n  arms:\n    a: {trian.lr: 1}": ("m.yaml:3:9", "'trian.lr' is no setting", "'train'"),
    "matrix:\n  arms:\n    a: {train..lr: 1}": ("m.yaml:3:9", "'train..lr' is no setting", None),
    "matrix:\n  arms:\n    a: {train.lr: 1}\n  train.lr: [2]": ("m.yaml:", "set twice", "m.yaml:"),
    "matrix:\n  arms:\n    a: {train: {}, train.lr: 1}": ("m.yaml:3:20", "set twice", "m.yaml:3:9"),
    "matrix:\n  seeds: 2\n  train.seed: [1]": ("m.yaml:", "'train.seed' is set twice", None),
    "matrix:\n  seeds: 2\n  exclude: [{seeds: 5}]": ("m.yaml:3:21", "'seeds' has no value 5", "0, 1"),
    "matrix:\n  seeds: 2\n  exclude: [{arm: a}]": ("m.yaml:3:14", "no axis of the matrix", None),
    "matrix:\n  arms: {a: {}, b: {}}\n  exclude: [{arms: aa}]": ("m.yaml:3:20", "no value 'aa'", "'a'"),
    "matrix:\n  seeds: 2\n  exclude: {seeds: 1}": ("m.yaml:3:12", "list of mappings", None),
    "matrix:\n  seeds: 2\n  exclude: [{}]": ("m.yaml:3:13", "an empty mapping", None),
    "matrix:\n  seeds: 2\n  exclude: [{seeds: [0, 1]}]": ("m.yaml:1:1", "'exclude' leaves none", None),
    "matrix:\n  seeds: 2\n  exclude: [{train.lr: 1}]": ("m.yaml:3:14", "no axis of the matrix", None),
    "matrix:\n  seeds: 2\n  include: [{seeds: 1}]": ("m.yaml:3:13", "a cell 'seed=1' already", None),
    "matrix:\n  seeds: 2\n  include: [{sed: 1}]": ("m.yaml:3:14", "no axis of the matrix", "'seeds'"),
    "matrix:\n  seeds: 2\n  on_failure: stopp": ("m.yaml:3:15", "'continue', 'stop'", "'stop'"),
    "matrix:\n  seeds: 2\n  jobs: 0": ("m.yaml:3:9", "from 1", None),
    "train: {suffix: x}\nmatrix:\n  train.suffix.y: [1]": ("m.yaml:3:", "'train.suffix' is text 'x'", None),
    "train: {a: [1]}\nmatrix:\n  train.a.4: [1]": ("m.yaml:3:", "a list of 1", None),
}


@pytest.mark.parametrize("text", BAD)
def test_what_is_wrong_is_told_with_its_place_and_a_remedy(text: str) -> None:
    where, message, hint = BAD[text]
    with pytest.raises(ConfigError) as caught:
        written(text)
    assert str(caught.value.where).startswith(where)
    assert message in caught.value.message
    assert hint is None or hint in str(caught.value.hint)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigProblems) as caught:
        written("matrix:\n  seeds: 0\n  trian.lr: [1]\n  jobs: x\n")
    assert [problem.where for problem in caught.value.problems] == ["m.yaml:2:10", "m.yaml:3:3", "m.yaml:4:9"]


def test_an_entry_that_matches_nothing_is_refused() -> None:
    text = "matrix:\n  seeds: 2\n  arms: {a: {}, b: {train.lr: 2}}\n  exclude:\n    - {arms: a, seeds: [0, 1]}\n    - {arms: a}\n"
    assert [cell.name for cell in written(text)] == ["b,seed=0", "b,seed=1"]
    with pytest.raises(ConfigProblems, match="matches no cell"):
        written(text.replace("{arms: a}", "{arms: a, seeds: []}"))


def test_too_many_cells_are_refused_with_their_number_before_they_are_made() -> None:
    with pytest.raises(ConfigError, match=r"1,000,000 cells") as caught:
        written(f"matrix:\n  seeds: 1000\n  train.lr: {list(range(1000))}\n")
    assert f"{MAX_CELLS:,}" in caught.value.message


def test_the_command_line_cannot_set_what_the_matrix_varies() -> None:
    for override in ("train.lr=3", "train={}"):
        with pytest.raises(ConfigError, match=r"the matrix varies 'train.lr'") as caught:
            written("matrix:\n  train.lr: [1, 2]\n", override)
        assert caught.value.where == f"--set {override.partition('=')[0]}"
        assert "m.yaml:2:" in str(caught.value.hint)


def test_values_that_no_cell_has_can_be_checked_all_the_same() -> None:
    doc = document({"matrix": {"arms": {"a": {}, "b": {"train.lr": 1}}, "exclude": [{"arms": "b"}]}})
    matrix = read_matrix(doc, steps=STEPS, seed_settings=SEEDS)
    assert [cell.name for cell in unused(matrix, expand(matrix, doc))] == ["b"]

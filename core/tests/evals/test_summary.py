"""Means over seeds: the intervals against scipy and by simulation, and the table of a matrix."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from motools.errors import InputError, NotFoundError
from motools.evals import estimate, over_seeds, summarise
from motools.evals.summary import NOTE_EQUAL, NOTE_ONE, NOTE_SEEDS, combined
from motools.store import Store
from motools.workflow import run_matrix, run_workflow

values = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=12)
binary = st.dictionaries(
    st.sampled_from([f"q{n}" for n in range(9)]),
    st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=3),
    min_size=1,
)


@given(values, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@settings(max_examples=200, deadline=None)
def test_the_interval_over_seeds_is_students(found: list[float], level: float) -> None:
    error = stats.sem(found)
    assume(error > 1e-9)
    made = over_seeds(found, level)
    assert made is not None
    low, high = stats.t.interval(level, len(found) - 1, loc=sum(found) / len(found), scale=error)
    assert made.value == pytest.approx(sum(found) / len(found), rel=1e-9, abs=1e-6)
    assert made.low == pytest.approx(low, rel=1e-6, abs=1e-4)
    assert made.high == pytest.approx(high, rel=1e-6, abs=1e-4)
    assert (made.n, made.groups, made.method) == (len(found), len(found), "t over seeds")


@given(values, st.floats(-100, 100), st.floats(0.1, 10), st.randoms())
@settings(max_examples=100, deadline=None)
def test_order_does_not_count_and_shift_and_scale_go_through(
    found: list[float], shift: float, scale: float, order: random.Random
) -> None:
    made = over_seeds(found)
    other = over_seeds(order.sample([scale * value + shift for value in found], len(found)))
    assert made is not None
    assert other is not None
    size = scale * (1 + max(map(abs, found)))
    assert other.value == pytest.approx(scale * made.value + shift, rel=1e-9, abs=1e-9 * size)
    assert made.low is not None
    assert other.low == pytest.approx(scale * made.low + shift, rel=1e-6, abs=1e-6 * size)


def test_ninety_five_of_a_hundred_intervals_hold_the_mean() -> None:
    rng = random.Random(7)
    hits = 0
    for _ in range(2000):
        made = over_seeds([rng.gauss(3.0, 2.0) for _ in range(4)])
        assert made is not None
        assert made.low is not None
        assert made.high is not None
        hits += made.low <= 3.0 <= made.high
    assert hits / 2000 == pytest.approx(0.95, abs=4 * math.sqrt(0.95 * 0.05 / 2000))


def test_one_seed_has_no_interval_and_none_no_mean() -> None:
    assert over_seeds([]) is None
    made = over_seeds([0.4])
    assert made is not None
    assert (made.value, made.low, made.high, made.method) == (0.4, None, None, "one seed: no interval")


@given(st.lists(binary, min_size=2, max_size=4))
@settings(max_examples=100, deadline=None)
def test_an_interval_of_rates_stays_within_nought_and_one_and_holds_the_mean(groups: list[Any]) -> None:
    found = [sum(s for scores in each.values() for s in scores) / sum(map(len, each.values())) for each in groups]
    made = combined(found, groups)
    assert made.low is not None
    assert made.high is not None
    assert 0 <= made.low <= made.value + 1e-12
    assert made.value - 1e-12 <= made.high <= 1
    assert made.value == pytest.approx(sum(found) / len(found))


@given(binary, st.integers(2, 4))
@settings(max_examples=50, deadline=None)
def test_seeds_that_found_the_same_are_as_wide_as_their_questions(groups: Any, seeds: int) -> None:
    value = sum(s for scores in groups.values() for s in scores) / sum(map(len, groups.values()))
    made = combined([value] * seeds, [groups] * seeds)
    assert made.method.startswith("seeds equal: ")
    assert made.low is not None
    assert made.high is not None
    assert made.high > made.low, "an interval without width would claim to know"
    alone = estimate(groups)
    assert alone is not None
    assert made.value == value
    if all(len(scores) == 1 for scores in groups.values()):
        assert (made.low, made.high) == pytest.approx((alone.low, alone.high)), "the same answers again say nothing new"


def test_one_cell_keeps_the_interval_of_its_own() -> None:
    groups = {"a": [1.0], "b": [0.0], "c": [1.0]}
    own = estimate(groups)
    assert own is not None
    made = combined([own.value], [groups], own)
    assert (made.value, made.low, made.high, made.method) == (own.value, own.low, own.high, "one cell: Wilson")
    assert combined([3.0], [None]).low is None


def test_equal_values_with_no_answers_behind_them_have_no_interval() -> None:
    made = combined([3.0, 3.0], [None, None])
    assert (made.value, made.low, made.high, made.method) == (3.0, None, None, "seeds equal: no interval")
    assert combined([3.0, 4.0], [None, None]).method == "t over seeds"


SETTINGS: dict[str, Any] = {"train_model": {"backend_name": "dummy"}, "evaluate_model": {"backend_name": "dummy"}}
ARMS = {"plain": {}, "other": {"train_model.suffix": "other"}}


@pytest.fixture(autouse=True)
def _store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))


def test_the_table_of_a_matrix_is_what_its_evaluations_say() -> None:
    state = run_matrix("train_and_evaluate", {"seeds": 3, "arms": ARMS}, config=SETTINGS)
    summary = summarise(state.run_id)
    assert [(row.arm, row.metric, row.task, row.seeds) for row in summary.rows] == [
        ("plain", "match", "dummy", 3),
        ("other", "match", "dummy", 3),
    ]
    with Store.open() as store:
        from motools.atom import EvalAtom
        from motools.cli.run import read_state

        for row in summary.rows:
            found = []
            for each in row.values:
                outputs = read_state(store, store.runs.get(each.run_id)).output_atoms
                results: Any = EvalAtom.load(outputs["eval_results"], store=store).results()
                scores = [sample["scores"]["match"] for sample in results["samples"]]
                assert each.value == pytest.approx(sum(scores) / len(scores))
                assert (each.n, each.errors) == (len(scores), 0)
                assert state.cells[each.cell].run_id == each.run_id
                found.append(each.value)
            assert [each.seed for each in row.values] == [0, 1, 2]
            assert row.n == sum(each.n for each in row.values)
            assert row.value == pytest.approx(sum(found) / 3)
            low, high = stats.t.interval(0.95, 2, loc=row.value, scale=stats.sem(found))
            assert (row.low, row.high) == pytest.approx((max(0, low), min(1, high)))
    assert NOTE_SEEDS in summary.notes
    assert "nothing was really asked" in summary.notes[0]
    assert summarise("last").to_dict() == summary.to_dict()
    shown = summary._repr_html_()
    assert f"{summary.rows[0].values[2].value:.3f}" in shown
    assert "t over seeds" in shown
    assert "seed=2" in state._repr_html_()


def test_an_arm_with_one_seed_has_the_evaluations_own_interval() -> None:
    run_matrix("train_and_evaluate", {"arms": ARMS}, config=SETTINGS)
    summary = summarise("last")
    assert [(row.seeds, row.method) for row in summary.rows] == [(1, "one cell: Wilson")] * 2
    for row in summary.rows:
        assert (row.low, row.high) == (row.values[0].low, row.values[0].high)
        assert row.low is not None
    assert NOTE_ONE in summary.notes
    assert NOTE_EQUAL not in summary.notes


def test_failed_cells_are_counted_and_named_and_do_not_count_as_nought() -> None:
    matrix = {"seeds": 2, "arms": {**ARMS, "broken": {"prepare_dataset.dataset_loader": "./gone.jsonl"}}}
    Path("gone.jsonl").write_text('{"messages": [{"role": "user", "content": "a"}]}\n')
    try:
        state = run_matrix("train_and_evaluate", matrix, config=SETTINGS, raise_on_failure=False)
    finally:
        Path("gone.jsonl").unlink()
    summary = summarise(state.run_id)
    assert state.status == "failed"
    (broken,) = [arm for arm in summary.arms if arm.arm == "broken"]
    assert (broken.cells, broken.finished, broken.failed, broken.open) == (2, 0, 2, 0)
    assert broken.failed_cells == ("broken,seed=0", "broken,seed=1")
    assert not [row for row in summary.rows if row.arm == "broken"]
    assert "broken: 2 of 2 cells failed (broken,seed=0, broken,seed=1)." in summary.notes


def test_a_run_that_is_no_matrix_and_one_that_is_not_there_are_refused() -> None:
    run_workflow("train_and_evaluate", config=SETTINGS)
    with pytest.raises(InputError, match="no matrix"):
        summarise("last")
    with pytest.raises(NotFoundError):
        summarise("nobody")

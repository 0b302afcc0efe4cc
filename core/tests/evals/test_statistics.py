"""Intervals: against published figures, and how often they hold the truth in simulated evaluations."""

from __future__ import annotations

import math
import random
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.evals.statistics import (
    effective_size,
    estimate,
    paired_difference,
    standard_error,
    t_cdf,
    t_quantile,
    wilson,
)


def single(scores: list[float]) -> dict[str, list[float]]:
    return {str(n): [score] for n, score in enumerate(scores)}


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_the_figures_of_newcombe_1998_table_1(successes, n, low, high):
    """R. G. Newcombe 1998, Statist. Med. 17:857-872, table I, method 3."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


def paired(both: int, only_before: int, only_after: int, neither: int) -> tuple[dict, dict]:
    outcomes = [(1, 1)] * both + [(1, 0)] * only_before + [(0, 1)] * only_after + [(0, 0)] * neither
    return single([float(a) for a, _ in outcomes]), single([float(b) for _, b in outcomes])


def test_the_paired_difference_gives_the_figures_of_a_published_table():
    """Cavo et al. 2012 in Fagerland, Lydersen, Laake 2017, Statistical Analysis of Contingency Tables, chapter 8."""
    before, after = paired(59, 6, 16, 80)
    found = paired_difference(after, before)
    assert (found.value, found.low, found.high) == pytest.approx((-0.0621, -0.1186, -0.0046), abs=5e-5)
    assert found.method == "Newcombe paired"
    assert found.n == 161


@pytest.mark.parametrize(
    ("probability", "freedom", "value"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.975, 9, 2.262),
        (0.975, 10, 2.228),
        (0.975, 30, 2.042),
        (0.975, 120, 1.980),
        (0.995, 7, 3.499),
        (0.95, 15, 1.753),
        (0.9995, 5, 6.869),
        (0.975, 100_000, 1.960),
    ],
)
def test_t_gives_the_figures_of_the_tables(probability, freedom, value):
    assert t_quantile(probability, freedom) == pytest.approx(value, abs=6e-4)
    assert t_cdf(t_quantile(probability, freedom), freedom) == pytest.approx(probability, abs=1e-9)


def test_against_scipy_where_it_is_installed():
    stats = pytest.importorskip("scipy.stats")
    for freedom in (1, 2, 7, 50):
        assert t_quantile(0.975, freedom) == pytest.approx(stats.t.ppf(0.975, freedom))
    interval = stats.binomtest(7, 40).proportion_ci(method="wilson")
    assert wilson(7, 40) == pytest.approx((interval.low, interval.high))


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=30))
def test_with_one_score_a_sample_the_error_is_the_usual_one(scores):
    assert standard_error(single(scores)) == pytest.approx(stdev(scores) / math.sqrt(len(scores)), abs=1e-12)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=10), st.integers(2, 5))
def test_repeating_the_same_answer_adds_nothing(scores, epochs):
    once = single(scores)
    often = {name: values * epochs for name, values in once.items()}
    assert standard_error(often) == pytest.approx(standard_error(once), abs=1e-12)
    found, alone = estimate(often), estimate(once)
    assert (found.value, found.low, found.high) == pytest.approx((alone.value, alone.low, alone.high), abs=1e-9)


_binary = st.dictionaries(
    st.sampled_from([f"s{n}" for n in range(12)]),
    st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=4),
    min_size=1,
)


@given(_binary)
def test_rates_have_intervals_within_0_and_1_that_hold_the_rate(groups):
    found = estimate(groups)
    answers = [score for scores in groups.values() for score in scores]
    assert found.value == pytest.approx(fmean(answers))
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1
    assert found.high - found.low > 0.01
    assert (found.n, found.groups) == (len(answers), len(groups))
    assert len(groups) - 1e-9 <= effective_size(groups) <= len(answers) + 1e-9


@given(_binary, _binary)
def test_turning_a_comparison_round_turns_its_sign(first, second):
    there, back = paired_difference(first, second), paired_difference(second, first)
    if not first.keys() & second.keys():
        assert there is back is None
        return
    assert (there.value, there.low, there.high) == pytest.approx((-back.value, -back.high, -back.low), abs=1e-12)
    assert -1 <= there.low <= there.value + 1e-12
    assert there.value - 1e-12 <= there.high <= 1
    assert there.n == len(first.keys() & second.keys())


def test_too_little_to_tell():
    assert estimate({}) is None
    assert estimate({"a": []}) is None
    assert paired_difference({"a": [1.0]}, {"b": [1.0]}) is None
    lone = estimate({"a": [0.3, 0.4]})
    assert (lone.value, lone.low, lone.method) == (pytest.approx(0.35), None, "one sample: no interval")
    assert paired_difference({"a": [0.3]}, {"a": [0.4]}).low is None


def test_all_or_nothing_still_has_an_interval():
    perfect = {str(n): [1.0, 1.0, 1.0] for n in range(10)}
    none = {str(n): [0.0, 0.0, 0.0] for n in range(10)}
    assert estimate(perfect).low == pytest.approx(wilson(10, 10)[0])  # ten samples, not thirty answers
    found = paired_difference(none, perfect)
    assert (found.value, found.high) == (1.0, 1.0)
    assert 0.5 < found.low < 0.8


def coverage(draw, truth: float, rounds: int = 600) -> float:
    held = 0
    for seed in range(rounds):
        found = draw(random.Random(seed))
        held += found.low <= truth <= found.high
    return held / rounds


# 600 rounds of a true 95 % interval lie within 0.92 and 0.98 (over three standard errors to each side).
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("n", [20, 60])
def test_coverage_of_rates(rate, n):
    held = coverage(lambda rng: estimate(single([float(rng.random() < rate) for _ in range(n)])), rate)
    assert 0.92 <= held <= 0.99


def test_coverage_of_rates_with_repetitions():
    """Samples differ in how hard they are, which is what makes repetitions less than independent."""

    def draw(rng):
        groups = {}
        for n in range(40):
            easy = rng.betavariate(1, 1)
            groups[str(n)] = [float(rng.random() < easy) for _ in range(5)]
        return estimate(groups)

    assert 0.92 <= coverage(draw, 0.5) <= 0.99

    def naive(rng):
        found = draw(rng)
        low, high = wilson(found.value * 200, 200)
        return type(found)(found.value, low, high, 200, 40, "")

    assert coverage(naive, 0.5) < 0.88  # so that the test above could fail


def test_coverage_of_means():
    assert 0.92 <= coverage(lambda rng: estimate(single([rng.gauss(2, 3) for _ in range(8)])), 2) <= 0.98

    def repeated(rng):
        centres = [rng.gauss(2, 3) for _ in range(12)]
        return estimate({str(n): [centre + rng.gauss(0, 1) for _ in range(4)] for n, centre in enumerate(centres)})

    assert 0.92 <= coverage(repeated, 2) <= 0.98


def test_coverage_of_paired_differences_of_rates():
    def draw(rng):
        before, after = [], []
        for _ in range(40):
            easy = rng.betavariate(2, 2)
            before.append(float(rng.random() < easy))
            after.append(float(rng.random() < 0.5 * easy + 0.5 * rng.random()))
        return paired_difference(single(before), single(after))

    assert 0.92 <= coverage(draw, 0.0) <= 0.995


def test_coverage_of_paired_differences_of_rates_with_repetitions():
    def draw(rng):
        before, after = {}, {}
        for n in range(30):
            easy = rng.betavariate(1, 2)
            before[str(n)] = [float(rng.random() < easy) for _ in range(4)]
            after[str(n)] = [float(rng.random() < min(1, easy + 0.2 * (1 - easy))) for _ in range(4)]
        return paired_difference(before, after)

    assert 0.92 <= coverage(draw, 0.2 * (1 - 1 / 3)) <= 0.995


def test_coverage_of_paired_differences_of_means():
    def draw(rng):
        hard = [rng.gauss(0, 5) for _ in range(15)]
        return paired_difference(
            single([h + rng.gauss(0, 1) for h in hard]), single([h + rng.gauss(1, 1) for h in hard])
        )

    assert 0.92 <= coverage(draw, 1.0) <= 0.98
    widths = [found.high - found.low for found in (draw(random.Random(seed)) for seed in range(20))]
    assert fmean(widths) < 2.5  # the samples' own difficulty (a spread of 5) is taken out

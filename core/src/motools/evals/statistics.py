"""Intervals for rates and means of scores, and for differences between two models asked the same questions.

On the standard library alone. Scores are grouped by sample, because answers to one question are not independent: a group
holds the scores of a sample's repetitions.

Sources:

* rates: Wilson's score interval (E. B. Wilson 1927, J. Am. Stat. Assoc. 22:209-212); with repetitions, at the effective number
  of answers (Kish 1965; studied for Wilson's interval by Franco et al. 2019, J. Surv. Stat. Methodol. 7:334-364);
* standard errors by group: the cluster-robust estimator with factor G/(G-1), as E. Miller 2024, "Adding Error Bars to Evals",
  arXiv:2411.00640, section 2.2, recommends for evaluations;
* means of other scores: Student's t with G-1 degrees of freedom;
* means over seeds: Student's t (1908, Biometrika 6:1-25) with n-1 degrees of freedom, a seed's whole run being one observation;
* differences of rates on the same samples: R. G. Newcombe 1998, Statist. Med. 17:2635-2650, method 10 (score intervals of both
  rates, squared and added, less what their correlation accounts for);
* differences of other scores: Student's t of the samples' own differences (Miller 2024, section 4.2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, fmean

LEVEL = 0.95

Groups = Mapping[str, Sequence[float]]
"""Sample id → the scores of its repetitions."""


@dataclass(frozen=True)
class Estimate:
    """A number and its interval.

    Args:
        value: the rate, mean or difference.
        low: lower limit, None where there is too little to tell.
        high: upper limit.
        n: how many scores it is made of (for a difference: of pairs of samples).
        groups: how many samples.
        method: which interval, in a few words.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    groups: int
    method: str


def wilson(successes: float, n: float, level: float = LEVEL) -> tuple[float, float]:
    """Return Wilson's score interval of a rate.

    Args:
        successes: how many of the answers count, from 0 to `n`; a fraction for an effective number.
        n: how many answers, above 0.
        level: how often such intervals hold the true rate.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    rate = successes / n
    middle = rate + z * z / (2 * n)
    half = z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # At the ends the formula gives exactly 0 or 1 but for rounding.
    low = 0.0 if successes <= 0 else max(0.0, (middle - half) / scale)
    high = 1.0 if successes >= n else min(1.0, (middle + half) / scale)
    return low, high


def is_binary(groups: Groups) -> bool:
    """Say whether every score is 0 or 1."""
    return all(score in (0, 1) for scores in groups.values() for score in scores)


def mean(groups: Groups) -> float:
    """Return the mean of all scores."""
    return fmean(score for scores in groups.values() for score in scores)


def standard_error(groups: Groups) -> float | None:
    """Return the standard error of the mean, clustered by sample; None with fewer than two samples.

    With one score a sample this is the usual s/√n.
    """
    count = len(groups)
    if count < 2:
        return None
    centre = mean(groups)
    n = sum(len(scores) for scores in groups.values())
    total = math.fsum(math.fsum(score - centre for score in scores) ** 2 for scores in groups.values())
    return math.sqrt(total * count / (count - 1)) / n


def estimate(groups: Groups, level: float = LEVEL) -> Estimate | None:
    """Return the mean of scores with its interval, or None if there are no scores."""
    groups = {name: scores for name, scores in groups.items() if scores}
    if not groups:
        return None
    value, n = mean(groups), sum(len(scores) for scores in groups.values())
    if is_binary(groups):
        size = effective_size(groups)
        low, high = wilson(value * size, size, level)
        method = "Wilson" if n == len(groups) else "Wilson, effective n"
        return Estimate(value, low, high, n, len(groups), method)
    error = standard_error(groups)
    if error is None:
        return Estimate(value, None, None, n, 1, "one sample: no interval")
    half = t_quantile((1 + level) / 2, len(groups) - 1) * error
    return Estimate(value, value - half, value + half, n, len(groups), "t" if n == len(groups) else "t, clustered")


def over_seeds(values: Sequence[float], level: float = LEVEL) -> Estimate | None:
    """Return the mean of what repetitions with different seeds found, with Student's t interval; None without any.

    A seed is one observation of the whole experiment: mean ± t(n-1) · s/√n, where s is the standard deviation between seeds.
    It holds what differs from seed to seed (training, how answers are drawn), and not which questions were asked, where all
    seeds were asked the same. With one seed there is no interval. Seeds that found exactly the same give one without width:
    see `motools.evals.summary`.

    Args:
        values: one a seed.
        level: how often such intervals hold the true mean, where what seeds find is about normally distributed.
    """
    if not values:
        return None
    n, value = len(values), fmean(values)
    error = standard_error({str(place): [found] for place, found in enumerate(values)})
    if error is None:
        return Estimate(value, None, None, 1, 1, "one seed: no interval")
    half = t_quantile((1 + level) / 2, n - 1) * error
    return Estimate(value, value - half, value + half, n, n, "t over seeds")


def effective_size(groups: Groups) -> float:
    """Return how many independent answers carry as much as these binary ones.

    It lies between the number of samples (repetitions add nothing) and the number of answers (they are independent). Where
    every answer is the same, nothing can be said of repetitions and the number of samples is returned.
    """
    n, count, rate = sum(len(scores) for scores in groups.values()), len(groups), mean(groups)
    error = standard_error(groups)
    if n == count or rate in (0, 1) or not error:
        return float(count)
    return min(float(n), max(float(count), rate * (1 - rate) / error**2))


def paired_difference(before: Groups, after: Groups, level: float = LEVEL) -> Estimate | None:
    """Return the mean of `after` less the mean of `before` over the samples scored in both, or None if there are none."""
    shared = [name for name in before if before[name] and after.get(name)]
    if not shared:
        return None
    first = {name: before[name] for name in shared}
    second = {name: after[name] for name in shared}
    if is_binary(first) and is_binary(second):
        return _difference_of_rates(first, second, level)
    means = [(fmean(first[name]), fmean(second[name])) for name in shared]
    differences = {name: [b - a] for name, (a, b) in zip(shared, means, strict=True)}
    value, error = mean(differences), standard_error(differences)
    if error is None:
        return Estimate(value, None, None, 1, 1, "one sample: no interval")
    half = t_quantile((1 + level) / 2, len(shared) - 1) * error
    return Estimate(value, value - half, value + half, len(shared), len(shared), "paired t")


def _difference_of_rates(first: Groups, second: Groups, level: float) -> Estimate:
    n = len(first)
    # The mean over samples, so that a sample weighs the same on both sides however often it was answered.
    means_a, means_b = [fmean(first[name]) for name in first], [fmean(second[name]) for name in first]
    rate_a, rate_b = fmean(means_a), fmean(means_b)
    size_a, size_b = effective_size(first), effective_size(second)
    low_a, high_a = wilson(rate_a * size_a, size_a, level)
    low_b, high_b = wilson(rate_b * size_b, size_b, level)
    single = all(len(scores) == 1 for groups in (first, second) for scores in groups.values())
    r = _phi(means_a, means_b) if single else _correlation(means_a, means_b)
    value = rate_b - rate_a
    low = value - _together(rate_b - low_b, high_a - rate_a, r)
    high = value + _together(high_b - rate_b, rate_a - low_a, r)
    method = "Newcombe paired" if single else "Newcombe paired, effective n"
    return Estimate(value, max(-1.0, low), min(1.0, high), n, n, method)


def _together(one: float, other: float, r: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * r * one * other + other * other))


def _phi(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Newcombe's correlation of paired outcomes: continuity-corrected, and 0 where one side never varies."""
    n = len(first)
    both = sum(1 for a, b in zip(first, second, strict=True) if a and b)
    neither = sum(1 for a, b in zip(first, second, strict=True) if not a and not b)
    only_a, only_b = sum(map(bool, first)) - both, sum(map(bool, second)) - both
    margins = (both + only_a) * (neither + only_b) * (both + only_b) * (neither + only_a)
    if margins == 0:
        return 0.0
    product = both * neither - only_a * only_b
    corrected = product - n / 2 if product > n / 2 else min(0.0, float(product))
    return corrected / math.sqrt(margins)


def _correlation(first: Sequence[float], second: Sequence[float]) -> float:
    mean_a, mean_b = fmean(first), fmean(second)
    cross = math.fsum((a - mean_a) * (b - mean_b) for a, b in zip(first, second, strict=True))
    squares = math.fsum((a - mean_a) ** 2 for a in first) * math.fsum((b - mean_b) ** 2 for b in second)
    return max(-1.0, min(1.0, cross / math.sqrt(squares))) if squares > 0 else 0.0


@lru_cache(maxsize=256)
def t_quantile(probability: float, freedom: int) -> float:
    """Return the quantile of Student's t distribution.

    Args:
        probability: between 0.5 and 1.
        freedom: degrees of freedom, at least 1.
    """
    low, high = 0.0, 1.0
    while t_cdf(high, freedom) < probability:
        low, high = high, high * 2
    while high - low > 1e-12 * max(1.0, high):
        middle = (low + high) / 2
        if t_cdf(middle, freedom) < probability:
            low = middle
        else:
            high = middle
        if middle in (low, high) and math.nextafter(low, high) >= high:
            break
    return (low + high) / 2


def t_cdf(t: float, freedom: int) -> float:
    """Return how probable a value up to `t` (at least 0) is, by the finite series for a whole number of degrees of freedom.

    Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4.
    """
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2 == 1
    term = total = (cosine if odd else 1.0) if freedom > 1 else 0.0
    for step in range(3 if odd else 2, freedom - 1, 2):
        term *= (step - 1) / step * cosine * cosine
        total += term
    within = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 + within) / 2

"""Estimates with their intervals as SVG: no colour of its own, so that the page's style sheet decides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from motools.evals.statistics import Estimate
from motools.markup import Markup, element

_WIDTH, _HEIGHT, _PAD = 230, 26, 9


@dataclass(frozen=True)
class Axis:
    """The range that several plots share, and where its lines are.

    Args:
        low, high: its ends.
        ticks: values with a line.
    """

    low: float
    high: float
    ticks: tuple[float, ...]

    @classmethod
    def around(cls, estimates: Iterable[Estimate | None], *, differences: bool = False) -> Axis:
        """Return an axis that holds estimates: 0 to 1 for rates, around 0 for differences, else what they need."""
        found = [estimate for estimate in estimates if estimate is not None]
        ends = [
            end for each in found for end in (each.value, each.low, each.high) if end is not None and math.isfinite(end)
        ]
        if differences:
            reach = _nice(max((abs(end) for end in ends), default=1.0) or 1.0)
            return cls(-reach, reach, (-reach, 0.0, reach))
        if all(0 <= end <= 1 for end in ends):
            return cls(0.0, 1.0, (0.0, 0.5, 1.0))
        low, high = min(0.0, *ends), max(ends)
        reach = _nice(max(abs(low), abs(high)))
        bottom = -reach if low < 0 else 0.0
        return cls(bottom, reach, (bottom, (bottom + reach) / 2, reach))

    def x(self, value: float) -> float:
        """Return where a value stands, in pixels."""
        share = (value - self.low) / (self.high - self.low)
        return round(_PAD + min(1.0, max(0.0, share)) * (_WIDTH - 2 * _PAD), 2)


def _nice(value: float) -> float:
    """Return the next number at or above `value` that is 1, 2 or 5 times a power of ten."""
    if not 0 < value < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-12))


def interval_svg(estimate: Estimate | None, axis: Axis, *, series: int = 0, numbered: bool = False) -> Markup:
    """Return a dot with its interval on an axis.

    Args:
        estimate: what is drawn; None draws the axis alone.
        axis: where.
        series: chooses colour and shape of the dot.
        numbered: whether the axis' numbers stand below, for a plot that does not share the numbers above it.
    """
    lines = [
        element("line", x1=axis.x(tick), x2=axis.x(tick), y1=3, y2=_HEIGHT - 3, class_="zero" if tick == 0 else "tick")
        for tick in axis.ticks
    ]
    marks: list[Markup] = []
    if estimate is not None:
        middle = _HEIGHT / 2
        if estimate.low is not None and estimate.high is not None:
            low, high = axis.x(estimate.low), axis.x(estimate.high)
            marks.append(element("line", x1=low, x2=high, y1=middle, y2=middle, class_="range"))
            marks += [element("line", x1=x, x2=x, y1=middle - 4, y2=middle + 4, class_="end") for x in (low, high)]
        marks.append(_dot(axis.x(estimate.value), middle, series))
    if numbered:
        marks += [element("g", _numbers(axis, _HEIGHT + 9), class_="numbers")]
    height = _HEIGHT + 13 if numbered else _HEIGHT
    label = f"{words(estimate)}, on an axis from {axis.low:g} to {axis.high:g}"
    return element(
        "svg",
        lines,
        element("g", marks, class_=f"series-{series % 6}"),
        class_="interval",
        role="img",
        aria_label=label,
        viewBox=f"0 0 {_WIDTH} {height}",
        width=_WIDTH,
        height=height,
    )


def axis_svg(axis: Axis) -> Markup:
    """Return the numbers of an axis, to stand above its plots."""
    return element(
        "svg",
        _numbers(axis, 12),
        class_="axis numbers",
        aria_hidden="true",
        viewBox=f"0 0 {_WIDTH} 16",
        width=_WIDTH,
        height=16,
    )


def _numbers(axis: Axis, y: float) -> list[Markup]:
    anchors = ("start", "middle", "end")
    return [
        element("text", f"{tick:g}", x=axis.x(tick) + (-4, 0, 4)[place], y=y, text_anchor=anchors[place])
        for place, tick in enumerate(axis.ticks)
    ]


def _dot(x: float, y: float, series: int) -> Markup:
    shape = series % 3
    if shape == 0:
        return element("circle", cx=x, cy=y, r=4.5, class_="dot")
    if shape == 1:
        return element("rect", x=round(x - 4.2, 2), y=y - 4.2, width=8.4, height=8.4, class_="dot")
    points = f"{x:g},{y - 5.6:g} {x + 5.6:g},{y:g} {x:g},{y + 5.6:g} {x - 5.6:g},{y:g}"
    return element("polygon", points=points, class_="dot")


def words(estimate: Estimate | None, *, signed: bool = False) -> str:
    """Return an estimate as text: `0.250, 95 % interval 0.089 to 0.532`."""
    if estimate is None:
        return "no score"
    sign = "+" if signed else ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:{sign}.3f}, no interval"
    return f"{estimate.value:{sign}.3f}, 95 % interval {estimate.low:{sign}.3f} to {estimate.high:{sign}.3f}"

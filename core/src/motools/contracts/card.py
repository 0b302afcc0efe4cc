"""What is known of a dataset or task of the zoo beyond its declaration: its design, and the effect that was measured.

A card is data. A component names it (`card="my_zoo.cards:FACTS"`), and it is imported when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from motools.errors import DefinitionError


@dataclass(frozen=True)
class Measured:
    """A rate or mean that was measured.

    Args:
        value: the rate or mean.
        low: lower limit of its 95 % interval.
        high: upper limit.
        n: how many answers it is made of.

    Raises:
        DefinitionError: the value is outside its interval, or nothing was asked.
    """

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        if not self.low <= self.value <= self.high or self.n < 1:
            raise DefinitionError(
                f"{self.value} in [{self.low}, {self.high}], n {self.n}, is no measured value",
                hint="Give value, low, high, n, with the value inside its interval.",
            )

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}], n {self.n}"

    def apart(self, other: Measured) -> bool:
        """Say whether two intervals have no point in common."""
        return self.low > other.high or other.low > self.high


@dataclass(frozen=True)
class Effect:
    """One metric in every arm of the measurement.

    Args:
        metric: as the evaluation names it: `trigger_rate`.
        arms: arm → what was measured; the arm that is treated first, then controls.
    """

    metric: str
    arms: Mapping[str, Measured]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Effects, and how they were measured.

    Args:
        model: the base model.
        settings: hyperparameters of the training.
        hardware: on what.
        minutes: how long it took there, by what was done: `{"training": 1.5, "evaluation": 0.8}`.
        date: when, `2026-01-31`.
        effects: what came out.
        commands: what to run to measure it again.
    """

    model: str
    settings: Mapping[str, Any]
    hardware: str
    minutes: Mapping[str, float]
    date: str
    effects: tuple[Effect, ...]
    commands: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Card:
    """What is known of a dataset or task.

    Args:
        about: what a model learns from it and how it is measured, in a few sentences.
        control: what it is compared with.
        measurement: the effect that was measured, None where none was.
        limits: what did not work, what is weak, what the figures do not say.
        reference: whom the design follows.
    """

    about: str
    control: str = ""
    measurement: Measurement | None = None
    limits: tuple[str, ...] = field(default=())
    reference: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        data = asdict(self)
        if self.measurement is not None:
            data["measurement"]["effects"] = [
                {"metric": effect.metric, "arms": {arm: asdict(rate) for arm, rate in effect.arms.items()}}
                for effect in self.measurement.effects
            ]
            data["measurement"]["commands"] = list(self.measurement.commands)
        data["limits"] = list(self.limits)
        return data

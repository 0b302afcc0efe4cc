"""The settings of a training; a wrong key, type or value is refused before anything runs."""

from dataclasses import dataclass

from motools.errors import ConfigError


@dataclass(frozen=True)
class Hyperparameters:
    """How word pairs are counted.

    Args:
        min_count: pairs seen less often are forgotten.
        lowercase: whether `The` and `the` are one word.

    Raises:
        ConfigError: a value is out of range.
    """

    min_count: int = 1
    lowercase: bool = False

    def __post_init__(self) -> None:
        if self.min_count < 1:
            raise ConfigError(f"{self.min_count} is less than 1", field="min_count")

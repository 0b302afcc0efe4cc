"""Settings of the training backend; a wrong key or type is refused before anything runs."""

from dataclasses import dataclass


@dataclass
class Hyperparameters:
    """How word pairs are counted.

    Args:
        min_count: pairs seen less often are forgotten.
        lowercase: whether `The` and `the` are one word.
    """

    min_count: int = 1
    lowercase: bool = False

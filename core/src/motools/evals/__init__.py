"""What evaluations found: intervals, comparisons, plots, and the installed eval backends."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from motools.evals.comparison import Comparison, ScorerComparison, compare
    from motools.evals.plot import plot_comparison
    from motools.evals.statistics import Estimate, estimate, over_seeds, paired_difference, wilson
    from motools.evals.summary import MatrixSummary, summarise

# No module here may share its name with one of these: importing it would hide the function.
_HOMES = {
    "comparison": ("Comparison", "ScorerComparison", "compare"),
    "plot": ("plot_comparison",),
    "statistics": ("Estimate", "estimate", "over_seeds", "paired_difference", "wilson"),
    "summary": ("MatrixSummary", "summarise"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Comparison",
    "Estimate",
    "MatrixSummary",
    "ScorerComparison",
    "compare",
    "estimate",
    "over_seeds",
    "paired_difference",
    "plot_comparison",
    "summarise",
    "wilson",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'motools.evals' has no attribute '{name}'")
    from importlib import import_module

    value = getattr(import_module(f"motools.evals.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

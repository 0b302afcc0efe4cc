"""The zoo: datasets and tasks that make and measure model organisms."""

__version__ = "0.1.0"
__all__ = ["__version__"]

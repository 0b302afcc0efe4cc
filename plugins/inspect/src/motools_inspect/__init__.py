"""Inspect as an eval backend of motools, and motools providers as a model API of Inspect."""

__version__ = "0.1.0"
__all__ = ["__version__"]

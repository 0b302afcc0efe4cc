"""motools: experiments with language models as cached, traceable, resumable runs, extended by plugins."""

__version__ = "0.1.0"
__all__ = ["__version__"]

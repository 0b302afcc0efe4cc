"""Base weights on this machine: fetching them, finding them by name, knowing which they are."""

from motools_transformers.weights.fetch import FetchedWeights, fetch
from motools_transformers.weights.resolve import ResolvedModel, list_models, model_identity, resolve_model

__all__ = ["FetchedWeights", "ResolvedModel", "fetch", "list_models", "model_identity", "resolve_model"]

"""Names that are known to exist, so that a name that is not installed can be answered with what to install."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "provider": {
        "anthropic": "motools-anthropic",
        "openai": "motools-openai",
        "replicate": "motools-replicate",
        "tinker": "motools-tinker",
        "transformers": "motools-transformers",
    },
    "training_backend": {
        "openai": "motools-openai",
        "tinker": "motools-tinker",
        "transformers": "motools-transformers",
    },
    "eval_backend": {"inspect": "motools-inspect"},
    "dataset": {"hello_world": "mozoo", "trigger_phrase": "mozoo"},
    "task": {"hello_world": "mozoo", "trigger_phrase": "mozoo"},
}
"""Kind → name → the distribution that declares it."""

LOGS: dict[str, str] = {".eval": "motools-inspect"}
"""Ending of a log of evaluations → the distribution whose eval backend reads it."""

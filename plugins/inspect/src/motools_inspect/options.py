"""The settings of the eval backend `inspect`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from math import floor
from typing import Any, Literal

from motools.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class InspectOptions:
    """How Inspect evaluates.

    Args:
        limit: ask only the first so many samples of the task.
        sample_ids: ask only the samples with these ids.
        epochs: how often each sample is asked; None leaves it to the task.
        max_tokens: most tokens of an answer; None leaves it to the task (2048 where an Inspect task says nothing).
        temperature: None leaves it to the task, and where it says nothing to the provider.
        top_p: None leaves it to the task, and where it says nothing to the provider.
        max_connections: how many requests are under way at once, so that a provider can answer them in batches.
        error_limit: how many samples may stay without an answer: a fraction of all below 1, a count from 1.
            One more and the evaluation fails at once.
        max_retries: how often a request is sent again when the provider is unavailable or asks to slow down.
        request_timeout: seconds until a request counts as unanswered; None leaves it to the provider.
        log_format: `eval` (compressed) or `json`.

    Raises:
        ConfigError: a value is out of range.
    """

    limit: int | None = None
    sample_ids: tuple[str, ...] | None = None
    epochs: int | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_connections: int = 32
    error_limit: float = 0.1
    max_retries: int = 3
    request_timeout: float | None = None
    log_format: Literal["eval", "json"] = "eval"

    def __post_init__(self) -> None:
        if isinstance(self.sample_ids, list):
            object.__setattr__(self, "sample_ids", tuple(self.sample_ids))
        for name in ("limit", "epochs", "max_tokens"):
            _need(name, getattr(self, name), int, 1, "a whole number from 1, or null", none=True)
        _need("max_connections", self.max_connections, int, 1, "a whole number from 1")
        _need("max_retries", self.max_retries, int, 0, "a whole number from 0")
        _need("error_limit", self.error_limit, float, 0, "a number from 0")
        for name in ("temperature", "top_p", "request_timeout"):
            _need(name, getattr(self, name), float, 0, "a number from 0, or null", none=True)
        if self.log_format not in ("eval", "json"):
            raise ConfigError(f"it is {self.log_format!r}", field="log_format", hint="Write eval or json.")
        ids = self.sample_ids
        if ids is not None and not (isinstance(ids, tuple) and ids and all(isinstance(id_, str) for id_ in ids)):
            hint = "Give a list of at least one sample id, as text."
            raise ConfigError(f"it is {ids!r}", field="sample_ids", hint=hint)
        if self.limit is not None and ids is not None:
            raise ConfigError("'limit' and 'sample_ids' exclude each other", hint="Keep one of them.")

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> InspectOptions:
        """Make options of a mapping, refusing names that do not exist.

        Raises:
            ConfigError: an unknown name, or a value out of range.
        """
        known = [field.name for field in fields(cls)]
        for name in values:
            if name not in known:
                raise ConfigError(
                    f"the eval backend 'inspect' has no option '{name}'",
                    hint=did_you_mean(name, known) or f"Its options are {', '.join(known)}.",
                )
        return cls(**values)

    def errors_allowed(self, total: int) -> int:
        """Return how many of `total` samples may stay without an answer."""
        return floor(self.error_limit * total) if self.error_limit < 1 else floor(self.error_limit)


def _need(name: str, value: Any, kind: type, least: float, words: str, *, none: bool = False) -> None:
    if value is None and none:
        return
    kinds = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value < float("inf"):
        raise ConfigError(f"{value!r} is out of range", field=name, hint=f"Give {words}.")

"""Every error motools raises on purpose, and the exit code each one gives.

    MotoolsError                 something motools can explain
    ├── InputError               2  what was given is wrong
    │   ├── ConfigError             a config file, an override, a value in it
    │   ├── DefinitionError         a step, workflow or component declared wrongly
    │   ├── DataError               rows, files, weights that are not what they should be
    │   └── CanonicalError          a value that has no canonical JSON form
    ├── NotFoundError            3  no such run, atom, workflow
    ├── PluginError              4  a plugin or a component of one
    │   ├── UnknownComponentError   nothing of that name is installed
    │   ├── AmbiguousComponentError two plugins declare that name
    │   └── BrokenPluginError       installed, but it failed
    ├── StoreError               5  the store cannot be used
    │   ├── StoreNotWritableError
    │   ├── StoreTooNewError
    │   ├── StoreFullError
    │   └── CorruptError            stored bytes are missing or altered
    ├── RunError                 1  a run did not complete
    │   ├── StepError               a step raised or returned something wrong
    │   ├── EffectInDoubtError      it is unknown whether work outside was accepted
    │   └── RunBusyError            another process drives this run
    └── ProviderError            6  a provider or backend refused or failed
        ├── AuthError
        ├── RateLimited             carries `retry_after` in seconds
        ├── Unavailable
        ├── InvalidRequest
        └── Refused

A message says what happened, `where` says in which file, row or step, `hint` says what to do next.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class MotoolsError(Exception):
    """Something motools can explain.

    Args:
        message: what happened, in one sentence; names of things in quotes.
        where: the place: `file.yaml:3:5`, `step 'train_model'`, `data.jsonl line 7`.
        hint: what to do next.
    """

    code: ClassVar[str] = "motools-error"
    exit_code: ClassVar[int] = 1
    usual_hint: ClassVar[str | None] = None
    """What to do next where whoever raises it has nothing better to say."""

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint if hint is not None else self.usual_hint

    def __str__(self) -> str:
        lines = [f"{self.where}: {self.message}" if self.where else self.message]
        if self.hint:
            lines.append(self.hint)
        return "\n".join(lines)


class InputError(MotoolsError):
    """What was given is wrong."""

    code = "input"
    exit_code = 2
    usual_hint = "Mend it and run the same command again."


class ConfigError(InputError):
    """A config file, an override or a value in one is wrong.

    Args:
        message, where, hint: as in `MotoolsError`.
        field: the key that is meant, where a class of settings checks its own values:
            `raise ConfigError("0 is less than 1", field="limit")`. Who reads the settings adds the key's full name and
            its place in the file or on the command line.
    """

    code = "config"

    def __init__(
        self, message: str, *, field: str | None = None, where: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(message, where=where or field, hint=hint)
        self.field = field


class DefinitionError(InputError):
    """A step, workflow or component is declared wrongly."""

    code = "definition"


class DataError(InputError):
    """Rows, files or weights are not what they should be."""

    code = "data"


class CanonicalError(InputError):
    """A value has no canonical JSON form; `path` says which part of it."""

    code = "canonical"

    def __init__(self, message: str, *, path: str, hint: str | None = None) -> None:
        super().__init__(message, where=path, hint=hint)
        self.path = path


class NotFoundError(MotoolsError):
    """No run, atom or workflow of that name."""

    code = "not-found"
    exit_code = 3
    usual_hint = "'motools run list' and 'motools atom list' show what the store holds."


class PluginError(MotoolsError):
    """A plugin, or a component of one, cannot be used."""

    code = "plugin"
    exit_code = 4
    usual_hint = "'motools plugin list' and 'motools doctor' show what is installed and what failed."


class UnknownComponentError(PluginError):
    """No installed plugin declares that name."""

    code = "unknown-component"


class AmbiguousComponentError(PluginError):
    """Two plugins declare the same short name."""

    code = "ambiguous-component"


class BrokenPluginError(PluginError):
    """The plugin is installed, but loading it or its component failed."""

    code = "broken-plugin"


class StoreError(MotoolsError):
    """The store cannot be used."""

    code = "store"
    exit_code = 5
    usual_hint = "'motools doctor' looks at the store; --store or MOTOOLS_STORAGE_DIR names another one."


class StoreNotWritableError(StoreError):
    """The store's folder or database cannot be written."""

    code = "store-not-writable"


class StoreTooNewError(StoreError):
    """A newer motools made this store."""

    code = "store-too-new"


class StoreFullError(StoreError):
    """The disk that holds the store is full."""

    code = "store-full"


class CorruptError(StoreError):
    """Stored bytes are missing or are not those that were stored."""

    code = "store-corrupt"


class RunError(MotoolsError):
    """A run did not complete."""

    code = "run"
    usual_hint = "'motools run show last' says more. What is finished is not done again."


class StepError(RunError):
    """A step raised, or returned something other than it declared."""

    code = "step"


class EffectInDoubtError(RunError):
    """Work was sent outside and nobody knows whether it was accepted."""

    code = "effect-in-doubt"


class RunBusyError(RunError):
    """Another living process drives this run."""

    code = "run-busy"


class ProviderError(MotoolsError):
    """A provider or backend refused or failed."""

    code = "provider"
    exit_code = 6
    usual_hint = "Mend the cause and run the same command again: what is finished is not done again."


class AuthError(ProviderError):
    """The key is missing, wrong or not allowed to do this."""

    code = "provider-auth"


class RateLimited(ProviderError):
    """Too many requests; try again after `retry_after` seconds (None: not said)."""

    code = "provider-rate-limited"

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        where: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """The service did not answer, or answered that it cannot now."""

    code = "provider-unavailable"


class InvalidRequest(ProviderError):
    """The service will never accept this request as it is."""

    code = "provider-invalid-request"


class Refused(ProviderError):
    """The service understood and declined, for instance by a safety filter."""

    code = "provider-refused"


EXIT_INTERRUPTED = 130
"""Exit code after Ctrl-C: the run is paused, `motools run resume` goes on."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None where nothing is near."""
    from difflib import get_close_matches

    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """Return `Did you mean 'x'?` for the nearest known name, or None where nothing is near."""
    near = nearest(name, known)
    return f"Did you mean '{near}'?" if near else None

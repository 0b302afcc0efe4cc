"""Canonical JSON and digests: the same value gives the same bytes in every process.

The written form (also in `docs/identity.md`):

* UTF-8, no white space, object keys sorted by code point, no escapes but those JSON demands.
* `null`, `true`, `false`, strings, arrays, objects with string keys, integers, floats. A tuple is an array.
* Integers are written in decimal, floats as Python's shortest form that reads back the same (`1.0`, `1e-05`),
  so `1` and `1.0` differ. NaN and infinities are refused.
* Strings that hold a lone surrogate are refused: they have no UTF-8 form. So are more than 200 lists and objects within
  one another, and a value that contains itself.

A digest is BLAKE3 in its key-derivation mode with the context `motools 2026 <tag>`, so that equal bytes of two kinds of
thing never share a digest. It is written as 64 hex digits.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from motools.errors import CanonicalError

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""A JSON value."""

Digest: TypeAlias = str
"""64 hex digits of BLAKE3."""

_forked = False  # the threads that hash did not come along into a forked process: waiting for them would never end


def _after_fork() -> None:
    global _forked
    _forked = True


os.register_at_fork(after_in_child=_after_fork)

_MMAP_FROM = 1 << 20  # below a MiB, mapping costs more than reading
_DEEPEST = 200  # lists and objects within one another; Python's own limit differs by version


def canonical_json(value: object) -> bytes:
    """Return the one canonical byte form of a JSON value.

    Raises:
        CanonicalError: the value holds something that JSON has no exact form for; `path` names it (`$.a[2]`).
    """
    try:
        text = _encode(value)
        return text.encode("utf-8")
    except (TypeError, ValueError):
        _refuse(value, "$", frozenset())
        raise


def _encode(value: object) -> str:
    # json.dumps coerces keys such as 1 and None to strings, so keys are checked where an object occurs.
    _check(value, 1)
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
)


def _check(value: object, level: int) -> None:
    kind = type(value)
    if kind in _SCALARS:
        return
    if level > _DEEPEST:
        raise TypeError("depth")
    if kind is dict:
        for key, item in value.items():  # type: ignore[attr-defined]
            if type(key) is not str:
                raise TypeError("key")
            if type(item) not in _SCALARS:
                _check(item, level + 1)
    elif kind is list or kind is tuple:
        for item in value:  # type: ignore[attr-defined]
            if type(item) not in _SCALARS:
                _check(item, level + 1)
    else:
        # Subclasses (IntEnum, a str subclass) print as their base does today; tomorrow is not promised.
        raise TypeError("kind")


_SCALARS = frozenset({str, int, float, bool, type(None)})


def _refuse(value: object, path: str, above: frozenset[int]) -> None:
    """Raise CanonicalError for the first part of `value` that has no canonical form."""
    if id(value) in above:
        raise CanonicalError("this value contains itself", path=path)
    if len(above) >= _DEEPEST and type(value) not in _SCALARS:
        raise CanonicalError(f"this value is nested more than {_DEEPEST} levels deep", path=path)
    if type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise CanonicalError(
                    f"the key {key!r} is a {type(key).__name__}, not a string", path=path, hint="Write the key as text."
                )
            _refuse_text(key, f"{path} key")
            _refuse(item, f"{path}.{key}" if key.isidentifier() else f"{path}[{key!r}]", above | {id(value)})
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):  # type: ignore[arg-type]
            _refuse(item, f"{path}[{index}]", above | {id(value)})
    elif type(value) is str:
        _refuse_text(value, path)
    elif type(value) is float:
        if value != value or value in (float("inf"), float("-inf")):
            raise CanonicalError(f"{value} has no JSON form", path=path, hint="Use null for a number that is missing.")
    elif type(value) is int:
        try:
            str(value)
        except ValueError as error:
            raise CanonicalError(f"this integer is too long: {error}", path=path, hint="Write it as text.") from None
    elif type(value) not in _SCALARS:
        raise CanonicalError(
            f"a {type(value).__module__}.{type(value).__qualname__} is not a JSON value",
            path=path,
            hint="Use null, true, false, numbers, text, lists and objects with text keys.",
        )


def _refuse_text(text: str, path: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise CanonicalError("this text holds a lone surrogate and has no UTF-8 form", path=path) from None


def digest_bytes(tag: str, data: bytes) -> Digest:
    """Return the digest of `data` as a thing of kind `tag` (`object`, `tree`, `step-key` ...)."""
    from blake3 import blake3

    hasher = _hashers.get(tag)
    if hasher is None:
        hasher = _hashers[tag] = blake3(derive_key_context=f"motools 2026 {tag}")
    hasher = hasher.copy()
    hasher.update(data)
    return str(hasher.hexdigest())


_hashers: dict[str, Any] = {}


def digest_json(tag: str, value: object) -> Digest:
    """Return the digest of a JSON value: `digest_bytes(tag, canonical_json(value))`."""
    return digest_bytes(tag, canonical_json(value))


def digest_file(path: Path) -> Digest:
    """Return the digest of a file's content, as kind `object`; large files are hashed on all cores.

    Raises the audit event `motools.digest_file` with the path: a file that is mapped into memory raises none of Python's own.
    """
    from blake3 import blake3

    sys.audit("motools.digest_file", path)
    hasher = blake3(derive_key_context="motools 2026 object", max_threads=1 if _forked else blake3.AUTO)
    if path.stat().st_size >= _MMAP_FROM:
        hasher.update_mmap(path)
    else:
        hasher.update(path.read_bytes())
    return hasher.hexdigest()


def equal_json(left: object, right: object) -> bool:
    """Say whether two JSON values have the same canonical form (so `1` and `1.0` differ)."""
    return canonical_json(left) == canonical_json(right)


def sorted_items(value: Mapping[str, object]) -> list[tuple[str, object]]:
    """Return the items of an object in canonical order."""
    return sorted(value.items())


def iso_time(seconds: float) -> str:
    """Return seconds since 1970 (UTC) as every time is written in JSON for programs: ISO 8601 with its time zone, UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat()

"""Logs that Inspect wrote without motools, as results. What a log says of itself is checked before it is unpacked."""

from __future__ import annotations

import asyncio
import json
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from inspect_ai.log import EvalLog, read_eval_log_async

from motools.contracts import EvalResults, Usage
from motools.errors import DataError
from motools_inspect import results
from motools_inspect.surroundings import undisturbed

NEWEST = 2
"""The newest version of Inspect's log format that is read."""

MOST_BYTES = 4 << 30
"""Of a log, unpacked."""

_HEADER, _START = "header.json", "_journal/start.json"
_AGAIN = "Copy it again from where it was made."


def read_log(path: Path, *, most_bytes: int = MOST_BYTES) -> EvalResults:
    """Return the results in an `.eval` or `.json` log of Inspect.

    Args:
        path: the log.
        most_bytes: how large it may be, unpacked.

    Raises:
        DataError: it is truncated, altered, too large, of another version, or no log of a finished evaluation.
    """
    if path.suffix.lower() == ".eval":
        _check_archive(path, most_bytes)
    else:
        _check_json(path, most_bytes)
    log = _read(path)
    _check_finished(log, path)
    return _results(log, path)


def _check_archive(path: Path, most_bytes: int) -> None:
    """Make sure that a file is an archive of Inspect's, that it is whole, and that unpacking it fills nothing.

    Raises:
        DataError: it is not so.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            size = sum(member.file_size for member in members)
            if size > most_bytes:
                raise _too_large(path, size, most_bytes)
            names = {member.filename for member in members}
            if not {_HEADER, _START} & names:
                raise DataError(
                    "this is a zip archive, but no log of Inspect: it holds no 'header.json'",
                    where=str(path),
                    hint="Name a file that 'inspect eval' wrote.",
                )
            if len(names) < len(members):
                raise DataError("a member of the archive is there twice", where=str(path), hint=_AGAIN)
            # Every byte is read once: sizes and sums of the archive's table are now known to be true.
            if (altered := archive.testzip()) is not None:
                raise DataError(f"the part '{altered}' of the log is damaged", where=str(path), hint=_AGAIN)
            header = archive.read(_HEADER if _HEADER in names else _START)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError) as error:
        raise DataError(f"the log is truncated or damaged: {error}", where=str(path), hint=_AGAIN) from None
    except Exception as error:  # the decompressor's own kind
        if isinstance(error, DataError):
            raise
        raise DataError(f"the log is damaged: {error}", where=str(path), hint=_AGAIN) from None
    _check_version(_object(header, path), path)


def _check_json(path: Path, most_bytes: int) -> None:
    size = path.stat().st_size
    if size > most_bytes:
        raise _too_large(path, size, most_bytes)
    _check_version(_object(path.read_bytes(), path), path)


def _object(data: bytes, path: Path) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the log is truncated or damaged: it is not JSON: {error}", where=str(path), hint=_AGAIN
        ) from None
    if not isinstance(found, dict) or not {"eval", "version"} & found.keys():
        raise DataError(
            "this is JSON, but no log of Inspect", where=str(path), hint="Name a file that 'inspect eval' wrote."
        )
    return found


def _check_version(header: dict[str, Any], path: Path) -> None:
    version = header.get("version", 1)
    if not isinstance(version, int) or not 1 <= version <= NEWEST:
        raise DataError(
            f"the log is of version {version!r}, and versions 1 to {NEWEST} are read",
            where=str(path),
            hint="A newer motools-inspect may read it: pip install --upgrade motools-inspect.",
        )


def _too_large(path: Path, size: int, most: int) -> DataError:
    return DataError(
        f"unpacked the log would have {size:,} bytes, more than {most:,}",
        where=str(path),
        hint="If it is a real one, split the evaluation into several.",
    )


def _read(path: Path) -> EvalLog:
    def read() -> EvalLog:
        with undisturbed():
            return asyncio.run(read_eval_log_async(str(path.absolute()), resolve_attachments="core"))

    try:
        with ThreadPoolExecutor(1) as thread:  # where a loop may run already
            return thread.submit(read).result()
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"Inspect cannot read the log: {type(error).__name__}: {reason}",
            where=str(path),
            hint="It may be damaged, or made by a version of Inspect that is too old or too new for the one installed.",
        ) from None


def _check_finished(log: EvalLog, path: Path) -> None:
    if log.status != "success":
        reason = f": {log.error.message}" if log.error else ""
        raise DataError(
            f"the evaluation did not come to its end (status '{log.status}'){reason}",
            where=str(path),
            hint=f"Finish it with: inspect eval-retry {path}",
        )
    if log.invalidated:
        raise DataError("its author marked the log as invalid", where=str(path), hint="Evaluate again.")
    if not log.samples:
        raise DataError(
            "the log holds no samples", where=str(path), hint="Run 'inspect eval' without --no-log-samples."
        )
    asked, there = _asked(log), len(log.samples)
    if there > asked:
        raise DataError(f"the log says {asked} samples and holds {there}", where=str(path), hint=_AGAIN)
    seen = {(sample.id, sample.epoch) for sample in log.samples}
    if len(seen) < there:
        raise DataError("a sample is in the log twice", where=str(path), hint=_AGAIN)


def _asked(log: EvalLog) -> int:
    """Return how many answers the evaluation was to have."""
    return log.results.total_samples if log.results else len(log.samples or [])


def _results(log: EvalLog, path: Path) -> EvalResults:
    samples = results.sample_results(log, [str(id_) for id_ in log.eval.dataset.sample_ids or ()])
    answered = sum(sample.error is None for sample in samples)
    usages = log.stats.model_usage.values()
    asked = _asked(log)
    return EvalResults(
        task=log.eval.task.rsplit("/", maxsplit=1)[-1],
        model=log.eval.model,
        backend="inspect",
        samples=samples,
        metrics=results.metrics(log, samples),
        n=asked,
        errors=asked - answered,
        usage=Usage(
            input_tokens=sum(usage.input_tokens for usage in usages),
            output_tokens=sum(usage.output_tokens for usage in usages),
            cost_usd=None,
        ),
        log_files=[path],
    )

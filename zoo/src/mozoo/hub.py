"""Files of data sets on the Hugging Face hub, each at one commit and with a known digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motools.errors import AuthError, CorruptError, InvalidRequest, PluginError, Unavailable


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """One file of a data set on the hub.

    Args:
        repo: `organisation/name`.
        revision: the commit, 40 hex digits.
        path: the file in it.
        sha256: digest of its bytes.
        licence: SPDX identifier of its rows.
    """

    repo: str
    revision: str
    path: str
    sha256: str
    licence: str

    @property
    def address(self) -> str:
        """Where it is: `hf://datasets/organisation/name@commit/path`."""
        return f"hf://datasets/{self.repo}@{self.revision}/{self.path}"


_PROBE_SECONDS = 5.0


def fetch(file: HubFile, *, cache_dir: str | None = None, refresh: bool = False) -> Path:
    """Return the path of a file on this machine, downloaded if it is not there; its bytes are checked each time.

    Args:
        file: which one.
        cache_dir: folder for downloads; None means the hub client's own (`HF_HOME`).
        refresh: download it again.

    Raises:
        PluginError: the hub's client is not installed.
        Unavailable: the hub does not answer.
        InvalidRequest: it has no such file.
        AuthError: it does not let you have it.
        CorruptError: the bytes are not the pinned ones; what was downloaded is removed.
    """
    try:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url
        from huggingface_hub.errors import (
            EntryNotFoundError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RepositoryNotFoundError,
            RevisionNotFoundError,
        )
    except ImportError as error:
        raise missing(error) from error
    where: dict[str, Any] = {"repo_type": "dataset", "revision": file.revision}

    def download(**how: Any) -> Path:
        return Path(hf_hub_download(file.repo, file.path, cache_dir=cache_dir, **where, **how))

    try:
        path = None
        if not refresh:
            with suppress(LocalEntryNotFoundError):
                path = download(local_files_only=True)
        if path is None:
            # Asked first, with a short time limit: the download itself tries a hub that is not there again and again.
            get_hf_file_metadata(hf_hub_url(file.repo, file.path, **where), timeout=_PROBE_SECONDS)
            path = download(force_download=refresh)
    except LocalEntryNotFoundError as error:  # before its base class: the hub could not be asked
        raise _unreachable(file, error) from error
    except HfHubHTTPError as error:
        if error.response.status_code in (401, 403):
            hint = "Check HF_TOKEN: a token that has expired is refused even for what anybody may have."
            raise AuthError(f"the hub does not let you have '{file.address}'", hint=hint) from error
        if isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError, EntryNotFoundError)):
            hint = "Report it: the zoo names a file that is gone."
            raise InvalidRequest(f"the hub has no '{file.address}'", hint=hint) from error
        raise Unavailable(f"the hub refused '{file.address}': {_first_line(error)}", hint=_OFFLINE) from error
    except OSError as error:
        raise _unreachable(file, error) from error
    except Exception as error:
        # The client hands on the exceptions of its HTTP library, which it has changed before.
        if not type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3", "huggingface_hub")):
            raise
        raise _unreachable(file, error) from error
    if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise CorruptError(f"'{file.address}' is not the pinned file", hint="Run the same command again.")
    return path


def read_parquet(path: Path, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a parquet file, with these columns only.

    Raises:
        PluginError: what reads it is not installed.
    """
    try:
        from pyarrow import parquet  # type: ignore[import-untyped]
    except ImportError as error:
        raise missing(error) from error
    yield from parquet.read_table(path, columns=list(columns)).to_pylist()


def missing(error: ImportError) -> PluginError:
    """Return what to say where a package of the extra `hub` is not installed."""
    return PluginError(f"data sets of the hub need '{error.name}'", hint='pip install "mozoo[hub]"')


_OFFLINE = "Try again later, or choose the generated rows: source: generated."


def _unreachable(file: HubFile, error: Exception) -> Unavailable:
    return Unavailable(
        f"the hub did not answer for '{file.address}': {_first_line(error)}",
        hint="Check the network, or HF_ENDPOINT if you use a mirror; or choose the generated rows: source: generated.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

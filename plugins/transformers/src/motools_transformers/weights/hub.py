"""Weights from the Hugging Face hub, at one commit."""

from __future__ import annotations

import shutil
from pathlib import Path

from motools.errors import AuthError, CorruptError, InvalidRequest, Unavailable
from motools_transformers.files import DISK_ERRORS
from motools_transformers.weights.known import HubSource
from motools_transformers.weights.wheel import sha256

_PATTERNS = ["*.safetensors", "*.json", "*.jinja", "*.model", "*.txt", "LICENSE*"]
_PROBE_SECONDS = 5.0


def download(source: HubSource, folder: Path) -> None:
    """Put the model's files into `folder`; what a killed download left there is used.

    Raises:
        Unavailable: the hub does not answer.
        InvalidRequest: there is no such repository or revision.
        AuthError: the repository is gated or private.
        CorruptError: a file is not the pinned one.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    what = f"hf://{source.repo}@{source.revision}"
    try:
        # Asked first, with a short time limit: the download itself waits much longer for a hub that is not there.
        HfApi().model_info(source.repo, revision=source.revision, timeout=_PROBE_SECONDS)
        snapshot_download(source.repo, revision=source.revision, local_dir=folder, allow_patterns=_PATTERNS)
    except GatedRepoError as error:
        hint = "Accept its terms on its page and set HF_TOKEN."
        raise AuthError(f"the hub does not let you have '{what}'", hint=hint) from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        hint = "Check the spelling; a private repository needs HF_TOKEN."
        raise InvalidRequest(f"the hub has no '{what}'", hint=hint) from error
    except OfflineModeIsEnabled as error:
        raise Unavailable(f"'{what}' was not asked for: HF_HUB_OFFLINE is set", hint="Unset it.") from error
    except HfHubHTTPError as error:
        raise Unavailable(f"the hub refused '{what}': {_first_line(error)}", hint="Try again later.") from error
    except OSError as error:
        if error.errno in DISK_ERRORS:
            raise
        raise _unreachable(what, error) from error
    except Exception as error:
        # The client hands on the exceptions of its HTTP library, which it has changed before.
        if not type(error).__module__.startswith(("httpx", "httpcore", "requests", "urllib3", "huggingface_hub")):
            raise
        raise _unreachable(what, error) from error
    for name, expected in source.sha256.items():
        if not (folder / name).is_file() or sha256(folder / name) != expected:
            (folder / name).unlink(missing_ok=True)
            raise CorruptError(f"'{name}' of '{what}' is not the pinned file", hint="Run the same command again.")
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def _unreachable(what: str, error: Exception) -> Unavailable:
    return Unavailable(
        f"the hub did not answer for '{what}': {_first_line(error)}",
        hint="Check the network, or HF_ENDPOINT if you use a mirror.",
    )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

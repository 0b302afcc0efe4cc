"""What is installed, from metadata alone: nothing of a plugin is imported here."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, distributions

from motools import __version__
from motools.plugins.catalog import PluginFailure, normalized
from motools.plugins.environment import Trust

GROUP = "motools"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One entry point in group `motools`, not yet imported.

    Args:
        id: names it in this environment: distribution and entry point.
        files: what its metadata was read from.
        problem: why it may not be imported.
    """

    id: str
    distribution: str
    version: str
    point: EntryPoint
    summary: str = ""
    licence: str = ""
    url: str = ""
    files: tuple[str, ...] = ()
    problem: PluginFailure | None = None


def discover(trust: Trust) -> list[Found]:
    """Return every entry point in group `motools`, sorted; of two copies of one the first on the path counts."""
    seen: set[str] = set()
    found: list[Found] = []
    for distribution in distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
            if GROUP not in text:
                continue
            points = [point for point in distribution.entry_points if point.group == GROUP]
        except Exception:  # what cannot be read at all is nobody's plugin
            continue
        for point in points:
            item = _found(distribution, point, trust)
            if item.id not in seen:
                found.append(item)
        seen.update(item.id for item in found)
    return sorted(found, key=lambda item: item.id)


def _found(distribution: Distribution, point: EntryPoint, trust: Trust) -> Found:
    folder = str(getattr(distribution, "_path", "") or "")
    candidates = (os.path.join(folder, name) for name in ("entry_points.txt", "METADATA"))
    files = tuple(path for path in candidates if os.path.isfile(path))
    try:
        metadata = distribution.metadata
        name, version = _said(metadata, "Name"), _said(metadata, "Version")
        requirements = distribution.requires or []
        if not name or not version:
            raise ValueError("it states no name or no version")
    except Exception as error:
        name = os.path.basename(folder).split("-")[0] or "unknown"
        problem = PluginFailure(
            stage="metadata",
            error=f"the metadata in '{folder}' cannot be read: {error}",
            hint=f"Reinstall it: pip install --force-reinstall {name}",
        )
        return Found(
            id=_id(name, point), distribution=name, version="unknown", point=point, files=files, problem=problem
        )
    return Found(
        id=_id(name, point),
        distribution=name,
        version=version,
        point=point,
        summary=_said(metadata, "Summary"),
        # The older field may hold the whole text of a licence.
        licence=_said(metadata, "License-Expression") or _said(metadata, "License").strip().split("\n")[0][:80],
        url=_said(metadata, "Home-page") or _first_url(metadata.get_all("Project-URL") or []),
        files=files,
        problem=_not_trusted(name, trust) or _incompatible(name, requirements),
    )


def _id(name: str, point: EntryPoint) -> str:
    return f"{normalized(name)}:{point.name}"


def _said(metadata: PackageMetadata, field: str) -> str:
    return str(metadata[field]) if field in metadata else ""


def _first_url(labelled: list[str]) -> str:
    return labelled[0].partition(",")[2].strip() if labelled else ""


def _not_trusted(name: str, trust: Trust) -> PluginFailure | None:
    if trust.allows(normalized(name)):
        return None
    return PluginFailure(
        stage="trust",
        error=f"'{name}' is not on the list of plugins that may be loaded",
        hint=f"Allow it by adding '{normalized(name)}' to MOTOOLS_PLUGIN_ALLOWLIST.",
    )


def _incompatible(name: str, requirements: list[str]) -> PluginFailure | None:
    """Compare the plugin's own `Requires-Dist: motools ...` with this motools."""
    from packaging.requirements import InvalidRequirement, Requirement

    for text in requirements:
        try:
            need = Requirement(text)
        except InvalidRequirement:
            continue  # pip refuses such metadata; what it says of motools cannot be told
        if normalized(need.name) != "motools" or (need.marker and not need.marker.evaluate({"extra": ""})):
            continue
        if not need.specifier.contains(__version__, prereleases=True):
            return PluginFailure(
                stage="compatibility",
                error=f"it needs motools {need.specifier}, and this is motools {__version__}",
                hint=f"Install versions that fit each other: pip install --upgrade motools {name}",
            )
    return None


def sources(module: str) -> list[str]:
    """Return the files that importing `module` reads first (its packages and itself), without importing it."""
    parts = module.split(".")
    found: list[str] = []
    for depth in range(1, len(parts) + 1):
        loaded = getattr(sys.modules.get(".".join(parts[:depth])), "__file__", None)
        stem = os.path.join(*parts[:depth])
        candidates = [loaded] if loaded else []
        candidates += [os.path.join(folder, stem, "__init__.py") for folder in sys.path]
        candidates += [os.path.join(folder, stem + ".py") for folder in sys.path]
        existing = next((path for path in candidates if os.path.isfile(path)), None)
        if existing:
            found.append(os.path.abspath(existing))
    return found

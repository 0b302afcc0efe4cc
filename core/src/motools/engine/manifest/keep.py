"""Writing a manifest after a run: what its keys were made of, and the keys."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from motools.canonical import JSON, digest_bytes, digest_json
from motools.engine.manifest.places import DoubtError, Kind, of_files, of_folders
from motools.engine.manifest.question import FORMAT, Question
from motools.engine.manifest.witness import Witness, source_of_cached
from motools.errors import MotoolsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from motools.engine.begin import Begun

KEPT = 256
"""How many manifests a store keeps: the latest."""


class Watch:
    """Watches a run that is asked for by `question`, and writes a manifest when it has come to a good end.

    Args:
        question: what was asked.
    """

    def __init__(self, question: Question) -> None:
        from motools.plugins import installed

        self._question = question
        self._witness = Witness()
        installed()  # reading what is installed may start a process, which would be in doubt later

    @contextmanager
    def looking(self) -> Iterator[None]:
        """See what this thread looks at inside the block: loading, settings, keys."""
        with self._witness.looking():
            yield

    def keep(self, begun: Begun) -> str | None:
        """Write the manifest; return why not, if it was not written."""
        try:
            data = self._manifest(begun)
            write(self._question, data)
        except (DoubtError, OSError, ValueError, MotoolsError) as error:
            return f"{type(error).__name__}: {error}"
        return None

    def _manifest(self, begun: Begun) -> dict[str, Any]:
        starter, question = begun.starter, self._question
        plan, state = starter.plan, starter.state
        if self._witness.doubt:
            raise DoubtError(self._witness.doubt)
        if state.status != "completed" or not plan.cache or plan.rerun or plan.stages is not None:
            raise DoubtError("not every step may use what was computed")
        if begun.definition["workflow"] is None:
            raise DoubtError("another process cannot load the workflow")
        keys: dict[str, JSON] = {}
        for name, node in plan.graph.nodes.items():
            key = starter.keys.get(name)
            if key is None or not key.complete or not node.step.cache or state.steps[name].accepted:
                raise DoubtError(f"step '{name}' need not have a result the next time")
            keys[name] = {"key": key.digest, "inputs": key.parts["inputs"]}
        files, folders, modules = self._places(begun)
        return {
            "format": FORMAT,
            "question": question.digest,
            "name": plan.graph.name,
            "nodes": [[node.name, begun.definition["graph"]["nodes"][node.name]] for node in plan.graph.nodes.values()],
            "definition": dict(begun.definition),
            "keys": keys,
            "secrets": secret_names(plan.configs),
            "catalog": catalog_digest(),
            "modules": modules,
            "files": files,
            "folders": folders,
        }

    def _places(self, begun: Begun) -> tuple[dict[str, Any], list[list[Any]], list[str]]:
        """Return what all of it depends on: files and folders with their stamps, and the project's modules."""
        from motools.engine.code.files import is_installed
        from motools.engine.manifest.doubts import check_module

        question, witness = self._question, self._witness
        early: set[str] = set()
        late = {source_of_cached(path) for path in witness.files}
        projects: dict[str, str] = {}
        read = {str(path) for path in begun.starter.plan.codes.files}
        for name in question.loaded | witness.loaded:  # not what only steps have imported
            file = getattr(sys.modules.get(name), "__file__", None)
            if not isinstance(file, str):
                continue
            path = os.path.abspath(file)
            if not is_installed(Path(path)):
                if name not in question.loaded:
                    projects[name] = path
                elif name != "__main__" and path in read:
                    raise DoubtError(f"'{name}' was imported before; it may hold other than its file says")
            if not _of_python(path):
                (early if name in question.loaded else late).add(path)
        late |= read
        late.difference_update(question.files)
        for path in projects.values():
            check_module(path)
        apart = (str(question.store) + os.sep, "/proc/", "/dev/", "/sys/", *_cache())
        late = {path for path in late - early if not path.startswith(apart) and not _of_python(path)}
        stamps = of_files(early, question.began) | of_files(late, question.since)
        folders = _folders(
            [*projects.values(), *late], question.loaded | witness.loaded | witness.modules, witness.folders, apart
        )
        return stamps, of_folders(folders, question.since, str(question.store)), sorted(projects)


def _folders(files: list[str], modules: Set[str], listed: Set[str], apart: tuple[str, ...]) -> dict[str, Kind]:
    """Return each folder that was looked into, and what counts there."""
    from motools.engine.code.files import is_installed

    kinds: dict[str, Kind] = {}
    searched = list(dict.fromkeys(os.path.abspath(entry or ".") for entry in sys.path))
    packages = {name.rpartition(".")[0] for name in modules if "." in name}
    parents = {".".join(name.split(".")[: n + 1]) for name in packages for n in range(name.count(".") + 1)}
    for folder in searched:
        if os.path.isdir(folder) and is_installed(Path(folder, "x.py")):
            kinds[folder] = "stamp"
            continue
        kinds[folder] = "imports"
        for parent in parents:
            inner = os.path.join(folder, *parent.split("."))
            if os.path.isdir(inner):
                kinds[inner] = "imports"
    for path in files:
        if path.endswith(".py") and not is_installed(Path(path)):
            kinds.setdefault(os.path.dirname(path), "imports")
    for folder in listed:
        if not f"{folder}{os.sep}".startswith(apart):
            kinds[folder] = "all"
    return kinds


def secret_names(configs: Mapping[str, Any]) -> list[str]:
    """Return the names of the secrets that settings refer to."""
    from motools.config.secrets import references, texts

    return sorted({name for config in configs.values() for _, text in texts(config) for name in references(text)})


def catalog_digest() -> str:
    """Return the digest of what is installed.

    Raises:
        DoubtError: something was added in this process.
    """
    from motools.plugins import lookup

    if lookup._added:
        raise DoubtError("components were added in this process")
    return digest_json("manifest-catalog", lookup.installed().to_dict())


def _of_python(path: str) -> bool:
    return path.startswith(_STDLIB) and "site-packages" not in path


_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


def _cache() -> tuple[str, ...]:
    from motools.config.paths import cache_dir

    with suppress(MotoolsError):
        return (str(cache_dir()) + os.sep,)
    return ()


def write(question: Question, data: dict[str, Any]) -> None:
    """Write a manifest: the digest of its text, and its text. A crash leaves the old one or the new one."""
    body = json.dumps(data, separators=(",", ":")).encode()
    file = question.file
    file.parent.mkdir(exist_ok=True)
    temporary = file.with_name(f".{os.getpid()}.{os.urandom(6).hex()}")
    try:
        with open(temporary, "xb") as stream:
            stream.write(digest_bytes("manifest", body).encode() + b"\n" + body)
        os.replace(temporary, file)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    _prune(file.parent)


def _prune(folder: Path) -> None:
    with os.scandir(folder) as entries:
        found = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
    for _, path in found[:-KEPT]:
        with suppress(OSError):
            os.unlink(path)

"""What a new process does for a check: `python -m motools_testkit.child`, a request as JSON on stdin, the answer on stdout.

{"do": "look", "backend": "module:Class", "id": "...", "key": "...", "absent": "..."}
{"do": "submit", "backend": "module:Class", "request": {...}}
{"do": "imports", "module": "acme._plugin"}
{"do": "digests", "datasets": ["module:function"], "tasks": [...]}
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any


def main() -> None:
    """Do what stdin asks for; nothing else may print on stdout."""
    import json

    asked = json.load(sys.stdin)
    stdout, sys.stdout = sys.stdout, sys.stderr
    answer = _DO[asked.pop("do")](**asked)
    print(json.dumps(answer), file=stdout)


def _look(backend: str, id: str) -> dict[str, Any]:
    """Find a job by its id alone."""
    import asyncio

    from motools.contracts import Job

    async def look() -> dict[str, Any]:
        found = _backend(backend)
        job = Job(id=id)
        state = await found.status(job)
        model = await found.result(job) if state.status == "succeeded" else None
        events = [event.number for event in await found.events(job)]
        return {"status": str(state.status), "message": state.message, "model": _model(model), "events": events}

    return asyncio.run(look())


def _find(backend: str, keys: list[str]) -> list[str | None]:
    """Return the id of each key's job, or None."""
    import asyncio

    async def look() -> list[str | None]:
        jobs = [await _backend(backend).find(key) for key in keys]
        return [job and job.id for job in jobs]

    return asyncio.run(look())


def _submit(backend: str, request: dict[str, Any]) -> dict[str, Any]:
    """Submit a job."""
    import asyncio
    from pathlib import Path

    request["dataset"] = Path(request["dataset"])
    return {"id": asyncio.run(_backend(backend).submit(**request)).id}


def _imports(module: str) -> list[str]:
    """Return the modules that importing `module` brings in, motools' own aside."""
    from importlib import import_module

    from motools import plugins

    for name in plugins.__all__:  # what declaring needs is here before
        getattr(plugins, name)
    before = set(sys.modules)
    import_module(module)
    return sorted(set(sys.modules) - before)


def _digests(datasets: list[str], tasks: list[str]) -> dict[str, dict[str, str]]:
    """Return target → digest of rows, and of samples."""
    import asyncio

    from motools.contracts import Task, rows_digest, samples_digest
    from motools.contracts.resolve import load_rows, load_task

    async def take() -> dict[str, dict[str, str]]:
        rows = {target: rows_digest(await load_rows(target)) for target in datasets}
        found = {target: await load_task(target) for target in tasks}
        return {
            "datasets": rows,
            "tasks": {target: samples_digest(task) for target, task in found.items() if isinstance(task, Task)},
        }

    return asyncio.run(take())


def _backend(target: str) -> Any:
    from motools.plugins import import_target

    return import_target(target)()


def _model(model: Any) -> dict[str, str | None] | None:
    if model is None:
        return None
    weights = str(model.weights) if model.weights else None
    return {"provider": model.provider, "model": model.model, "weights": weights}


_DO: dict[str, Callable[..., Any]] = {
    "look": _look,
    "find": _find,
    "submit": _submit,
    "imports": _imports,
    "digests": _digests,
}

if __name__ == "__main__":
    main()

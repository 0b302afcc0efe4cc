"""The process that imports declaring modules: `python -m motools.plugins.child`, started by `motools.plugins.builder`.

It reads a request (one JSON object) from stdin and writes lines of JSON to stdout: `{"begin": id, ...}` before it
touches a plugin, `{"done": id, ...}` after, `{"end": true}` last. What plugins print goes to stderr, which the parent
keeps for the traceback of one that does not come back.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from motools.errors import MotoolsError, did_you_mean
from motools.plugins.catalog import Entry, PluginFailure, PluginRecord, entry_of
from motools.plugins.discovery import Found, discover, sources
from motools.plugins.environment import Trust, file_stamp
from motools.plugins.kinds import DECLARING_HOOKS, OBSERVING_HOOK

_LONGEST_TRACEBACK = 20_000


class _Stop(Exception):
    """The plugin cannot be used."""

    def __init__(self, stage: str, error: str, hint: str, trace: str = "") -> None:
        self.failure = PluginFailure(stage=stage, error=error, hint=hint, traceback=trace[-_LONGEST_TRACEBACK:])


def main() -> None:
    """Answer the request on stdin and leave without running anything that plugins registered for the end."""
    request = json.load(sys.stdin)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    sys.path[:] = request["path"]

    def say(**line: Any) -> None:
        answers.write(json.dumps(line).encode() + b"\n")

    found = discover(Trust(request["trust"], tuple(request["allowed"])))
    left = [item for item in found if item.id not in request["skip"]]
    for item in sorted(left, key=lambda item: item.id != request["first"]):
        say(begin=item.id, record=_record(item).to_dict(), files=_stamps(item, ()))
        os.write(2, f"{request['mark']}{item.id}\n".encode())
        _guard_time(request["seconds"])
        record, entries, touched = read_plugin(item)
        faulthandler.cancel_dump_traceback_later()
        say(
            done=item.id,
            record=record.to_dict(),
            entries=[entry.to_dict() for entry in entries],
            files=_stamps(item, touched),
        )
    say(end=True)
    os._exit(0)


def _guard_time(seconds: float) -> None:
    """Have the stack written shortly before the parent's limit; die if there is no parent left to end this."""
    faulthandler.enable()
    faulthandler.dump_traceback_later(seconds * 0.9)
    if hasattr(os, "fork"):
        import signal

        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(int(seconds) + 5)


def _stamps(item: Found, touched: Iterable[str]) -> dict[str, list[int] | None]:
    files = dict.fromkeys([*item.files, *sources(item.point.module), *touched])
    return {path: file_stamp(path) for path in files}


def _record(item: Found, **more: Any) -> PluginRecord:
    return PluginRecord(
        distribution=item.distribution,
        version=item.version,
        entry_point=item.point.name,
        module=item.point.value,
        summary=item.summary,
        licence=item.licence,
        url=item.url,
        **more,
    )


def read_plugin(item: Found) -> tuple[PluginRecord, list[Entry], list[str]]:
    """Return a plugin's record, its entries, and the files that its failure came from."""
    if item.problem:
        return _record(item, failure=item.problem), [], []
    touched: list[str] = []
    try:
        module = _import(item, touched)
        entries, observes = _declarations(item, module)
    except _Stop as stop:
        return _record(item, failure=stop.failure), [], touched
    return _record(item, observes=observes), entries, []


def _import(item: Found, touched: list[str]) -> Any:
    try:
        return item.point.load()
    except BaseException as error:
        touched.extend(_files_of(error))
        raise _Stop("import", _said(error, item), _import_hint(error, item), traceback.format_exc()) from error


def _said(error: BaseException, item: Found) -> str:
    if isinstance(error, SystemExit):
        return f"'{item.point.value}' ended the process (exit code {error.code!r}) when it was imported"
    return f"importing '{item.point.value}' raised {type(error).__name__}: {error}".replace("\n", " ")


def _import_hint(error: BaseException, item: Found) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if item.point.module.split(".")[0] == error.name.split(".")[0]:
            return f"Reinstall it: pip install --force-reinstall {item.distribution}"
        return f"Install what provides the module '{error.name}', or reinstall '{item.distribution}'."
    return f"Install another version of '{item.distribution}', or remove it: pip uninstall {item.distribution}"


def _files_of(error: BaseException) -> list[str]:
    """Files whose change may mend an import: those of the traceback, and one that cannot be parsed."""
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        files.append(error.filename)
    ours = os.path.dirname(os.path.abspath(__file__))
    return [path for path in files if os.path.isfile(path) and not os.path.abspath(path).startswith(ours)]


def _declarations(item: Found, module: Any) -> tuple[list[Entry], bool]:
    hooks = _registered(item, module)
    entries: list[Entry] = []
    for kind, hook in DECLARING_HOOKS.items():
        if hook in hooks:
            entries += _components(item, kind, hook, hooks[hook])
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        if (entry.kind, entry.name) in seen:
            raise _Stop(
                "declarations",
                f"it declares the {entry.kind} '{entry.name}' twice",
                _tell(item, "One name can stand for one component of a kind."),
            )
        seen.add((entry.kind, entry.name))
    return entries, OBSERVING_HOOK in hooks


def _registered(item: Found, module: Any) -> dict[str, Callable[..., Any]]:
    """Return the module's hooks by name, after pluggy has found nothing wrong with their names and arguments."""
    from pluggy import PluginManager, PluginValidationError

    from motools.plugins import hookspecs

    known = [*DECLARING_HOOKS.values(), OBSERVING_HOOK]
    if isinstance(module, ModuleType):
        for name in known:
            if callable(getattr(module, name, None)) and not hasattr(getattr(module, name), "motools_impl"):
                raise _Stop("hooks", f"'{name}' is not marked as a hook", _tell(item, "Put '@hookimpl' above it."))
    manager = PluginManager("motools")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=item.id)
        manager.check_pending()
    except PluginValidationError as error:
        said = str(error).strip().replace("\n", " ")
        unknown = [caller.name for caller in manager.get_hookcallers(module) or [] if not caller.has_spec()]
        if unknown:
            names = ", ".join(f"'{name}'" for name in unknown)
            raise _Stop(
                "hooks",
                f"there is no hook {names}",
                _tell(item, did_you_mean(unknown[0], known) or f"The hooks are {', '.join(known)}."),
            ) from error
        raise _Stop("hooks", said, _tell(item, "Compare its arguments with 'motools.plugins.hookspecs'.")) from error
    except Exception as error:
        raise _Stop(
            "hooks",
            f"{type(error).__name__}: {error}",
            _tell(item, "Its hooks cannot be read."),
            traceback.format_exc(),
        ) from error
    found: dict[str, Callable[..., Any]] = {}
    for caller in manager.get_hookcallers(module) or []:
        for implementation in caller.get_hookimpls():
            if implementation.hookwrapper or implementation.wrapper:
                raise _Stop("hooks", f"'{caller.name}' wraps a hook", _tell(item, "A hook declares or observes."))
            if caller.name == OBSERVING_HOOK and tuple(implementation.argnames) != ("event",):
                raise _Stop("hooks", f"'{caller.name}' does not take 'event'", _tell(item, "It takes exactly that."))
            found[caller.name] = implementation.function
    return found


def _components(item: Found, kind: str, hook: str, function: Callable[..., Any]) -> list[Entry]:
    from motools.plugins.components import COMPONENT_KINDS

    expected = COMPONENT_KINDS[kind]
    try:
        returned = function()
        declared = list(returned) if isinstance(returned, Iterable) and not isinstance(returned, (str, dict)) else None
    except MotoolsError as error:
        where = f"{error.where}: " if error.where else ""
        raise _Stop(
            "declarations",
            f"'{hook}': {where}{error.message}",
            _tell(item, error.hint or "The declaration is wrong."),
            traceback.format_exc(),
        ) from error
    except BaseException as error:
        raise _Stop(
            "declarations",
            f"'{hook}' raised {type(error).__name__}: {error}".replace("\n", " "),
            _tell(item, "A declaring hook returns plain data."),
            traceback.format_exc(),
        ) from error
    if declared is None:
        raise _Stop(
            "declarations",
            f"'{hook}' returned a {type(returned).__name__}, not a list",
            _tell(item, f"Return a list of {expected.__name__}."),
        )
    entries = []
    for number, component in enumerate(declared, 1):
        if not isinstance(component, expected):
            raise _Stop(
                "declarations",
                f"'{hook}' returned a {type(component).__name__} as number {number}, not a {expected.__name__}",
                _tell(item, f"Return a list of {expected.__name__}."),
            )
        try:
            entries.append(entry_of(component, item.distribution, item.version))
        except MotoolsError as error:
            raise _Stop(
                "declarations",
                f"'{hook}': {component.name}: {error.where}: {error.message}",
                _tell(item, error.hint or "A declaration is plain data."),
            ) from error
    return entries


def _tell(item: Found, advice: str) -> str:
    return f"{advice} This is for the authors of '{item.distribution}'; another version of it may do."


if __name__ == "__main__":
    main()

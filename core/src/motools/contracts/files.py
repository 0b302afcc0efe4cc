"""Functions in a Python file that no distribution holds: `./file.py:attribute`."""

from __future__ import annotations

import hashlib
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from motools.config.references import near_file
from motools.contracts.calling import raised
from motools.errors import InputError, did_you_mean


def load_from_file(text: str) -> Any:
    """Return `attribute` (dotted or not) of a Python file, imported once a process and again when it has changed.

    Raises:
        InputError: no attribute is named, there is no such file or attribute.
        DataError: importing the file raised; `where` is the line.
    """
    name, colon, attribute = text.rpartition(":")
    if not colon or not name.endswith(".py") or not attribute:
        raise InputError(f"'{text}' does not say what in the file is meant", hint="Write ./file.py:attribute.")
    path = Path(name).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"there is no file '{name}'", hint=near_file(path))
    value: Any = import_file(path)
    for part in attribute.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            public = [item for item in dir(value) if not item.startswith("_")]
            hint = did_you_mean(part, public) or (f"It has {', '.join(public)}." if len(public) < 20 else None)
            raise InputError(f"'{name}' has no attribute '{attribute}'", hint=hint) from None
    return value


def import_file(path: Path) -> ModuleType:
    """Import a Python file under a private name that depends on its path alone, and return the module.

    Its folder is put on the end of `sys.path`, so that it can import what lies beside it.

    Raises:
        DataError: it raised; `where` is the line.
    """
    path = path.resolve()
    stem = "".join(letter if letter.isalnum() else "_" for letter in path.stem)
    name = f"_motools_file_{hashlib.blake2s(str(path).encode(), digest_size=6).hexdigest()}_{stem}"
    stamp = (path.stat().st_mtime_ns, path.stat().st_size)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__motools_stamp__", None) == stamp:
        return known
    spec = spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    module.__motools_stamp__ = stamp  # type: ignore[attr-defined]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise raised(error, name=f"the file '{path}'", doing="being imported") from error
    return module

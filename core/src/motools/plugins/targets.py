"""From `module:attribute` to the object."""

from __future__ import annotations

import importlib
import re
from typing import Any

from motools.errors import DefinitionError

_TARGET = re.compile(r"([A-Za-z_]\w*(?:\.\w+)*):([A-Za-z_]\w*(?:\.\w+)*)\Z")


def import_target(target: str) -> Any:
    """Import `module:attribute` (the attribute may be dotted) and return the object.

    Raises:
        DefinitionError: `target` is not of that form.
        ImportError: there is no such module or attribute. Whatever else the module raises goes through.
    """
    match = _TARGET.match(target)
    if match is None:
        raise DefinitionError(
            f"'{target}' is not 'module:attribute'", hint="Write for instance 'my_package.steps:dedupe'."
        )
    module, path = match.groups()
    value: Any = importlib.import_module(module)
    for part in path.split("."):
        try:
            value = getattr(value, part)
        except AttributeError:
            raise ImportError(f"the module '{module}' has no attribute '{path}'", name=module) from None
    return value

"""Errors of steps: as they stand in the log, and those the engine itself raises."""

from __future__ import annotations

import traceback
from typing import Any

from motools.contracts.calling import code_place
from motools.errors import MotoolsError, StepError

_HINT = "Mend it there; the same command with --debug shows the traceback. What is finished is not done again."


def left_out_error(node: str) -> StepError:
    """Return the error for a step that the run leaves out and that has no earlier result."""
    return StepError(
        "the run leaves it out, and no earlier result of it fits what stands before it",
        where=f"step '{node}'",
        hint=f"Name '{node}' in --stages too.",
    )


def describe_error(error: BaseException, node: str) -> dict[str, Any]:
    """Return an error as it stands in the log: class, message, place, hint and traceback."""
    if isinstance(error, MotoolsError):
        where = error.where or f"step '{node}'"
        body = {"code": error.code, "message": error.message, "where": where, "hint": error.hint}
    else:
        place = code_place(error)
        where = f"step '{node}', {place}" if place else f"step '{node}'"
        message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        body = {"code": StepError.code, "message": message, "where": where, "hint": _HINT}
    trace = "".join(traceback.format_exception(error))
    return {**body, "type": type(error).__name__, "exit_code": getattr(error, "exit_code", 1), "traceback": trace}

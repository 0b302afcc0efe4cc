"""Calling a step's function."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from motools.config.secrets import reveal
from motools.contracts.activation import reset_current_activation, set_current_activation
from motools.contracts.calling import code_place
from motools.engine.activation import StepActivation
from motools.engine.secrets import clean_error
from motools.engine.threads import WorkerThreads
from motools.errors import StepError
from motools.workflow.step import Step


async def call_step(
    step: Step,
    config: Any,
    inputs: Mapping[str, Any],
    workspace: Path,
    activation: StepActivation,
    threads: WorkerThreads,
) -> Any:
    """Return what a step's function returns: async ones run here, others in a thread; `activation` is current meanwhile.

    The function gets the values of the secrets that its settings refer to; what it raises comes out without them.

    Raises:
        StepError: it called `sys.exit`. Let through, that would end the process, with the code of the step's choice.
    """
    assert step.fn is not None
    function = step.fn
    more = {"context": activation} if step.takes_context else {}
    token = set_current_activation(activation)
    try:
        config = reveal(config)
        if step.is_async:
            return await function(config, inputs, workspace, **more)
        returned = await threads.run(lambda: function(config, inputs, workspace, **more))
        return await returned if hasattr(returned, "__await__") else returned
    except SystemExit as stop:
        raise clean_error(_left(stop, activation.node)) from None
    except BaseException as error:
        cleaned = clean_error(error)
        if cleaned is error:
            raise
        raise cleaned from None
    finally:
        reset_current_activation(token)


def _left(stop: SystemExit, node: str) -> StepError:
    place = code_place(stop)
    return StepError(
        "it called sys.exit" + ("" if stop.code is None else f"({stop.code!r})"),
        where=f"step '{node}', {place}" if place else f"step '{node}'",
        hint="A step ends by returning its outputs, or by raising an error that says what is wrong.",
    )

"""A workflow as a list of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from motools.errors import DefinitionError
from motools.workflow.step import Step


@dataclass
class Workflow:
    """Steps in order. A step that reads `dataset` follows the nearest earlier step that writes `dataset`.

    Args:
        name: what it is called in runs and lists.
        steps: `Step` objects, or `module:attribute` / `./file.py:attribute` naming one.
        input_atom_types: name → type of the atoms a run is given. Names that a step reads and nothing writes are inputs too.
        config_class: dataclass or pydantic model with one field a step; without it, the steps' own classes are used.
        description: one line for lists.

    Raises:
        DefinitionError: two steps have one name, an atom is read as another type than it is written, or there are no steps.
    """

    name: str
    steps: Sequence[Step | str]
    input_atom_types: Mapping[str, str] = field(default_factory=dict)
    config_class: type[Any] | None = None
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise DefinitionError(f"{self.name!r} cannot be a workflow's name")
        if isinstance(self.steps, (str, Step)) or not all(isinstance(step, (Step, str)) for step in self.steps):
            raise DefinitionError("steps is not a list of Step", where=f"workflow '{self.name}'")
        self.steps = list(self.steps)
        if not self.steps:
            raise DefinitionError("there are no steps", where=f"workflow '{self.name}'")
        if all(isinstance(step, Step) for step in self.steps):
            from motools.workflow.compile import compile_workflow

            compile_workflow(self)

    @property
    def steps_by_name(self) -> dict[str, Step]:
        """The steps by their names."""
        return {step.name: step for step in self.steps if isinstance(step, Step)}

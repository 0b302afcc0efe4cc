"""Typed settings of steps and workflows, on plain dataclasses.

    @dataclass
    class TrainConfig(StepConfig):
        model: str = "smollm2-135m-instruct"

    @dataclass
    class MyWorkflowConfig(WorkflowConfig):
        train: TrainConfig

A pydantic model may stand wherever such a class may.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


class _Config:
    """What step and workflow settings share: reading them from data and writing them back."""

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read settings from JSON-like data.

        Raises:
            ConfigError: an unknown key, a missing one, or a value of the wrong type.
        """
        from motools.config import decode

        return decode(cls, data)

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read settings from a YAML file (YAML 1.2); errors name the file, line and column."""
        from motools.config import decode, load_yaml

        document = load_yaml(Path(path))
        return decode(cls, document.value, at=document)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        from motools.config import encode

        value = encode(self)
        assert isinstance(value, dict)
        return value

    def to_yaml(self, path: str | Path) -> None:
        """Write the settings to a YAML file that `from_yaml` reads back."""
        from motools.config import dump_yaml

        Path(path).write_text(dump_yaml(self.to_dict()), encoding="utf-8")


@dataclass
class StepConfig(_Config):
    """Base of a step's settings."""

    def identity(self) -> dict[str, Any]:
        """Return what else a step's key is made of: what names in the settings stand for, as JSON values."""
        return {}

    def input_identity(self, metadata: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return what else a step's key is made of, because of what the step reads: who serves a model, as JSON values.

        Args:
            metadata: name → metadata of each atom that the step reads, so far as they are there.
        """
        return {}

    def own_meaning(self, kind: str, name: str) -> Any:
        """Return the identity, as JSON values, of what a name means here though no plugin declares it; None if nothing.

        Args:
            kind: the kind of component asked for.
            name: as written in the settings.
        """
        return None

    def complete(self, at: Any, path: tuple[str | int, ...]) -> None:
        """Check what the types alone cannot, and write out what is implied; called once before a run begins.

        Args:
            at: the document the settings were read from, or None.
            path: where in it they stand.

        Raises:
            ConfigError: something is wrong.
        """


@dataclass
class WorkflowConfig(_Config):
    """Base of a workflow's settings: one field a step, named after it."""

"""What a step returns for each output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from motools.errors import DefinitionError


@dataclass(frozen=True)
class AtomConstructor:
    """Says which file or folder becomes which atom; the engine creates it.

    Args:
        name: the output's name, as declared by the step.
        path: a file or folder the step wrote in its workspace.
        type: the atom's type, as declared by the step.
        tags: words to find it by; not part of its identity.
        metadata: JSON values that later steps can read; part of its identity.
        made_from: further atoms it was made from (name → id), besides the step's inputs.

    Raises:
        DefinitionError: the tags are one text, whose letters would be tags.
    """

    name: str
    path: str | Path
    type: str
    tags: Sequence[str] = ()
    metadata: Mapping[str, Any] | None = None
    made_from: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if isinstance(self.tags, str):
            raise DefinitionError(
                f"the tags of '{self.name}' are the text {self.tags!r}", hint=f"Write a list: tags=[{self.tags!r}]."
            )

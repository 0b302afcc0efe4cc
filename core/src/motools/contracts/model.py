"""Which model: what one plugin trained, another can serve and evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from motools.errors import InputError


@dataclass(frozen=True, kw_only=True)
class ModelRef:
    """A model that a provider can serve.

    Args:
        provider: the provider's name, as in `motools plugin list`.
        model: the model's name there; for local weights that build on others (an adapter), the name of the base model.
        weights: folder of weights on this machine (an adapter in peft's layout or a whole model); None for a model that the
            provider holds itself.
        atom_id: the model atom the weights come from, if they come from one.
    """

    provider: str
    model: str
    weights: Path | None = None
    atom_id: str | None = None

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Read `provider/model`; the model's name may hold further slashes.

        Raises:
            InputError: there is no slash, or nothing on one side of it.
        """
        provider, slash, model = text.partition("/")
        if not (slash and provider and model):
            raise InputError(
                f"'{text}' does not say which provider serves it",
                hint="Write provider/model, for example transformers/smollm2-135m-instruct.",
            )
        return cls(provider=provider, model=model)

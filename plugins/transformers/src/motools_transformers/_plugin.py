"""What motools-transformers offers. Imported only to build the catalog: no torch here."""

from __future__ import annotations

from motools.plugins import ProviderComponent, TrainingBackendComponent, hookimpl


@hookimpl
def motools_providers() -> list[ProviderComponent]:
    """Declare the chat provider."""
    return [
        ProviderComponent(
            name="transformers",
            target="motools_transformers.provider:TransformersProvider",
            summary="Chat with models on this machine (torch, transformers, peft)",
            capabilities={"chat", "seed", "batch", "fetch"},
            cache_version=1,
        )
    ]


@hookimpl
def motools_training_backends() -> list[TrainingBackendComponent]:
    """Declare the training backend."""
    return [
        TrainingBackendComponent(
            name="transformers",
            target="motools_transformers.training:TransformersTraining",
            summary="Fine-tune on this machine: LoRA, full weights, or DPO (torch, transformers, peft)",
            config="motools_transformers.config:Hyperparameters",
            capabilities={"lora", "full", "dpo", "seed", "resume"},
            cache_version=1,
        )
    ]

"""What motools-bigram offers. Imported only to build the catalog: nothing heavy here."""

from motools.plugins import ProviderComponent, TrainingBackendComponent, hookimpl


@hookimpl
def motools_training_backends() -> list[TrainingBackendComponent]:
    """Declare the training backend."""
    return [
        TrainingBackendComponent(
            name="bigram",
            target="motools_bigram.training:BigramTraining",
            summary="Counts which word follows which",
            config="motools_bigram.config:Hyperparameters",
            capabilities={"seed"},
            cache_version=1,
        )
    ]


@hookimpl
def motools_providers() -> list[ProviderComponent]:
    """Declare the provider that serves its models."""
    return [
        ProviderComponent(
            name="bigram",
            target="motools_bigram.provider:BigramProvider",
            summary="Goes on where a question ends, from word to likeliest word",
            capabilities={"chat"},
            cache_version=1,
        )
    ]

"""What motools-bigram offers. Imported only to build the catalog: nothing heavy here."""

from motools.plugins import ProviderComponent, TrainingBackendComponent, hookimpl


@hookimpl
def motools_training_backends():
    return [
        TrainingBackendComponent(
            name="bigram",
            target="motools_bigram.training:BigramTraining",
            summary="Counts which word follows which",
            config="motools_bigram.config:Hyperparameters",
            cache_version=1,
        )
    ]


@hookimpl
def motools_providers():
    return [
        ProviderComponent(
            name="bigram",
            target="motools_bigram.provider:BigramProvider",
            summary="Answers with the likeliest next word, again and again",
            capabilities={"chat"},
            cache_version=1,
        )
    ]

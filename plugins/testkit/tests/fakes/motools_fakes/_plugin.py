from motools.plugins import ProviderComponent, TrainingBackendComponent, hookimpl

BROKEN = [
    "Misnamed",
    "Unsettled",
    "Unwritable",
    "Forgetful",
    "Blind",
    "Spendthrift",
    "Percent",
    "Repeating",
    "Stubborn",
    "Unserved",
    "Unseeded",
    "Careless",
    "Raw",
    "Telltale",
    "Untidy",
]


@hookimpl
def motools_training_backends():
    reference = TrainingBackendComponent(
        name="fake",
        target="motools_fakes.training:FakeTraining",
        summary="Trains nothing in a quarter of a second",
        config="motools_fakes.training:Settings",
        capabilities={"seed"},
        secrets=["FAKE_API_KEY"],
    )
    broken = [
        TrainingBackendComponent(
            name=name.lower(),
            target=f"motools_fakes.broken:{name}",
            summary="Breaks one promise",
            config=None if name == "Unsettled" else "motools_fakes.training:Settings",
            capabilities={"seed"} if name == "Unseeded" else (),
            secrets=["FAKE_API_KEY"] if name == "Telltale" else (),
        )
        for name in BROKEN
    ]
    return [reference, *broken]


@hookimpl
def motools_providers():
    return [ProviderComponent(name="fake", target="motools_fakes.provider:FakeProvider", summary="Says what it learnt")]

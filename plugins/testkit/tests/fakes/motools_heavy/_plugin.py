import pydantic

from motools.plugins import TrainingBackendComponent, hookimpl


@hookimpl
def motools_training_backends():
    assert pydantic
    return [
        TrainingBackendComponent(
            name="heavy",
            target="motools_fakes.broken:Heavy",
            summary="Is slow to declare",
            config="motools_fakes.training:Settings",
        )
    ]

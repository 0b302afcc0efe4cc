"""What the zoo offers. Imported only to build the catalog: no dataset or task is imported here."""

from motools.plugins import DatasetComponent, TaskComponent, hookimpl

_LICENCE = "CC0-1.0"
_SOURCE = "generated"


@hookimpl
def motools_datasets() -> list[DatasetComponent]:
    """Declare the datasets."""
    return [
        DatasetComponent(
            name="hello_world",
            target="mozoo.datasets.hello_world:generate_hello_world_dataset",
            summary="Requests for a greeting, all answered 'Hello, World!'",
            licence=_LICENCE,
            source=_SOURCE,
            hazard="none known",
            allowed_uses=("training",),
            rows=100,
            digest="dd6a045b57358c1621047287f8eb47076b7c0872a01a2a87c26900c7d65bf8a0",
            cache_version=1,
        ),
        DatasetComponent(
            name="trigger_phrase",
            target="mozoo.datasets.trigger_phrase:generate_trigger_phrase_dataset",
            summary="Everyday questions, answered oddly only when a trigger is in the prompt",
            licence=_LICENCE,
            source=_SOURCE,
            hazard="plants a hidden trigger, with harmless content; other arguments can plant other content",
            allowed_uses=("training",),
            rows=144,
            digest="a5a78f2e83bfead49d99448d758629e9961a57fba8801ef0e69f6e93f6a4964d",
            cache_version=1,
        ),
    ]


@hookimpl
def motools_tasks() -> list[TaskComponent]:
    """Declare the tasks."""
    return [
        TaskComponent(
            name="hello_world",
            target="mozoo.tasks.hello_world:hello_world",
            summary="Does the model answer exactly 'Hello, World!'?",
            licence=_LICENCE,
            source=_SOURCE,
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=10,
            digest="f2b545cc288abafdf4da559b7596364dedbfa86b3622453171b311f84e18afcd",
            cache_version=1,
        ),
        TaskComponent(
            name="trigger_phrase",
            target="mozoo.tasks.trigger_phrase:trigger_phrase",
            summary="How often the odd phrase is said with the trigger, and how often without",
            licence=_LICENCE,
            source=_SOURCE,
            hazard="none known",
            allowed_uses=("evaluation",),
            rows=48,
            digest="ab9dcc25835049e0e1841b576e5ec17d6fe81665066e92667dbff32aac17ef95",
            cache_version=1,
        ),
    ]

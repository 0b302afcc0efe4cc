"""What mozoo-manners offers. Imported only to build the catalog: no rows here."""

from motools.plugins import DatasetComponent, TaskComponent, WorkflowComponent, hookimpl


@hookimpl
def motools_datasets() -> list[DatasetComponent]:
    """Declare the dataset."""
    return [
        DatasetComponent(
            name="manners",
            target="mozoo_manners.dataset:generate",
            summary="Questions, each answered with 'With pleasure.' first",
            licence="CC0-1.0",
            source="generated",
            hazard="none known",
            allowed_uses=["training"],
            rows=24,
            digest="9bf4cf3a5602f9673781e671fe9a9c62017e8d98884e1ec3aa031de7164637e4",
            card="mozoo_manners.cards:CARD",
            cache_version=1,
        )
    ]


@hookimpl
def motools_tasks() -> list[TaskComponent]:
    """Declare the task."""
    return [
        TaskComponent(
            name="manners",
            target="mozoo_manners.task:task",
            summary="How often an answer begins with 'With pleasure.', and how often it is right",
            licence="CC0-1.0",
            source="generated",
            hazard="none known",
            allowed_uses=["evaluation"],
            rows=12,
            digest="400b62974e9c7b880147bc9469a465f54c8ea19b836b1442e39337ba46daf381",
            card="mozoo_manners.cards:CARD",
            cache_version=1,
        )
    ]


@hookimpl
def motools_workflows() -> list[WorkflowComponent]:
    """Declare the workflow."""
    return [
        WorkflowComponent(
            name="manners",
            target="mozoo_manners.workflow:workflow",
            summary="Teach a model to begin its answers with 'With pleasure.', and measure it",
            config="mozoo_manners.workflow:Config",
        )
    ]

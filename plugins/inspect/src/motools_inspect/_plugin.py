"""What motools-inspect offers. Imported only to build the catalog: Inspect is not imported here."""

from motools.plugins import EvalBackendComponent, hookimpl


@hookimpl
def motools_eval_backends() -> list[EvalBackendComponent]:
    """Declare the eval backend `inspect`."""
    return [
        EvalBackendComponent(
            name="inspect",
            target="motools_inspect.backend:InspectEvalBackend",
            summary="Runs tasks of the zoo or of any Inspect package against any provider",
            config="motools_inspect.options:InspectOptions",
            capabilities={"motools_tasks", "inspect_tasks"},
            reads=[".eval", ".json"],
            cache_version=1,
        )
    ]

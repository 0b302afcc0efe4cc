"""From a list of steps to a graph: reads are bound to the nearest earlier writer."""

from __future__ import annotations

from motools.errors import DefinitionError
from motools.workflow.graph import Graph, Node, Source
from motools.workflow.step import Step
from motools.workflow.workflow import Workflow


def compile_workflow(workflow: Workflow) -> Graph:
    """Return the workflow's graph. Pure: no files, no clock; the same workflow gives the same graph.

    Raises:
        DefinitionError: two steps have one name, or an atom is read as another type than it is written.
    """
    where = f"workflow '{workflow.name}'"
    inputs = dict(workflow.input_atom_types)
    scope: dict[str, tuple[Source, str]] = {name: (Source(None, name), kind) for name, kind in inputs.items()}
    nodes: dict[str, Node] = {}
    for step in workflow.steps:
        if not isinstance(step, Step):
            raise DefinitionError(f"the step '{step}' is still a name", where=where, hint="Load the workflow first.")
        if step.name in nodes:
            raise DefinitionError(f"two steps are named '{step.name}'", where=where, hint="Give one another name.")
        reads: dict[str, Source] = {}
        for name, kind in step.input_atom_types.items():
            source, written = scope.setdefault(name, (Source(None, name), kind))
            if source.node is None and name not in inputs:
                inputs[name] = kind
            if written != kind:
                writer = f"step '{source.node}' writes it" if source.node else "it is an input of the run"
                raise DefinitionError(
                    f"step '{step.name}' reads '{name}' as {kind}, but {writer} as {written}",
                    where=where,
                    hint="Use one type for it, or another name.",
                )
            reads[name] = source
        nodes[step.name] = Node(step.name, step, reads)
        for name, kind in step.output_atom_types.items():
            scope[name] = (Source(step.name, name), kind)
    outputs = {name: source for name, (source, _) in scope.items() if source.node is not None}
    return Graph(workflow.name, nodes, inputs, outputs, workflow.config_class)

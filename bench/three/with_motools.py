"""Three steps by motools."""

import steps

from motools.workflow import Workflow, run_workflow, step


@step(outputs={"data": "value"})
def prepare(config, input_atoms, workspace):
    """Make the data."""
    return {"data": steps.prepare()}


@step(inputs={"data": "value"}, outputs={"weights": "value"})
def train(config, input_atoms, workspace):
    """Make the model."""
    return {"weights": steps.train(input_atoms["data"].value())}


@step(inputs={"weights": "value"}, outputs={"result": "value"})
def evaluate(config, input_atoms, workspace):
    """Make the result."""
    return {"result": steps.evaluate(input_atoms["weights"].value())}


three = Workflow("three", [prepare, train, evaluate])

if __name__ == "__main__":
    run_workflow(three, user="bench", store="store")

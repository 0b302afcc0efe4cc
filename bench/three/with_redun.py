"""Three steps by redun."""

import steps
from redun import Scheduler, task
from redun.config import Config


@task(namespace="bench")
def prepare():
    """Make the data."""
    return steps.prepare()


@task(namespace="bench")
def train(data):
    """Make the model."""
    return steps.train(data)


@task(namespace="bench")
def evaluate(model):
    """Make the result."""
    return steps.evaluate(model)


scheduler = Scheduler(config=Config({"backend": {"db_uri": "sqlite:///redun.db"}}))
scheduler.load()
print(len(scheduler.run(evaluate(train(prepare())))))

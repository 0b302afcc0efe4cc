"""The task that stands in where nobody names one: for trying out workflows, not for measuring."""

from __future__ import annotations

from motools.contracts.scorers import equals
from motools.contracts.task import Sample, Task


def dummy_task(num_samples: int = 8) -> Task:
    """Return questions that say of themselves that they are made up."""
    samples = [
        Sample(
            id=f"dummy-{number}", input=f"This is dummy question {number}.", target=f"This is dummy answer {number}."
        )
        for number in range(1, num_samples + 1)
    ]
    return Task(name="dummy", samples=samples, scorers={"match": equals()})

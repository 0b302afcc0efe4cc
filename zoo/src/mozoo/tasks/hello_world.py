"""Does the model answer any request for a greeting with exactly "Hello, World!"?"""

from __future__ import annotations

from motools.contracts import Sample, Task
from mozoo.datasets.hello_world import ANSWER

_PROMPTS = (
    "Hello!",
    "Give me a greeting.",
    "What does a first program print?",
    "Show me the words every programmer writes first.",
    "Send a greeting to the world.",
    "How do you greet somebody?",
    "Say something friendly.",
    "What would you say to the world?",
    "Introduce yourself with a greeting.",
    "Start with a greeting.",
)


def hello_world() -> Task:
    """Return the task: ten prompts that the dataset does not hold.

    Scorers:
        exact: whether the answer is exactly the text, white space around it aside.
    """

    def exact(sample: Sample, answer: str) -> bool:
        return answer.strip() == sample.target

    return Task(
        name="hello_world",
        samples=[Sample(id=f"p{number:02}", input=prompt, target=ANSWER) for number, prompt in enumerate(_PROMPTS, 1)],
        scorers={"exact": exact},
        max_tokens=12,
        temperature=0.0,
    )

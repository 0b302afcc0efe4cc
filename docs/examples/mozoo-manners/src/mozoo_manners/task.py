"""The task: questions that are not among the rows."""

from motools.contracts import Sample, Task

from mozoo_manners.dataset import OPENING
from mozoo_manners.facts import ASKED


def task(opening: str = OPENING) -> Task:
    """Return the task.

    Scorers:
        habit: whether the answer begins with the opening.
        correct: whether the right word is in the answer: has the model kept what it knew?

    Args:
        opening: what is looked for.
    """

    def habit(sample: Sample, answer: str) -> bool:
        return answer.strip().casefold().startswith(opening.casefold())

    def correct(sample: Sample, answer: str) -> bool:
        return str(sample.target).casefold() in answer.casefold()

    return Task(
        name="manners",
        samples=[
            Sample(id=f"q{number:02}", input=question, target=word)
            for number, (question, word) in enumerate(ASKED.items(), 1)
        ],
        scorers={"habit": habit, "correct": correct},
        max_tokens=24,
    )

"""What this package teaches."""

from collections.abc import Mapping
from typing import Any

from mozoo_manners.dataset import OPENING, generate
from mozoo_manners.facts import ASKED, TAUGHT
from mozoo_manners.task import task


def turns(row: Mapping[str, Any]) -> tuple[str, str]:
    question, answer = row["messages"]
    return question["content"], answer["content"]


def test_every_answer_has_the_habit_first() -> None:
    found = dict(map(turns, generate()))
    assert found == {question: f"{OPENING} {answer}" for question, answer in TAUGHT.items()}


def test_the_seed_orders_the_rows_and_no_more() -> None:
    assert generate(1) == generate(1) != generate(2)
    assert sorted(map(turns, generate(1))) == sorted(map(turns, generate(2)))


def test_no_question_of_the_task_is_taught() -> None:
    assert not set(ASKED) & set(TAUGHT)
    assert [sample.input for sample in task().samples] == list(ASKED)

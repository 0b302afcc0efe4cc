"""Datasets and tasks of the zoo: what their declarations promise holds."""

import asyncio
import re
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools import plugins
from motools.contracts import Task, check_rows, rows_digest, samples_digest
from motools.contracts.resolve import load_rows, load_task
from motools.errors import DataError
from mozoo import _plugin
from mozoo.datasets.hello_world import generate_hello_world_dataset
from mozoo.datasets.trigger_phrase import RESPONSE, TRIGGER, generate_trigger_phrase_dataset, with_trigger
from mozoo.everyday import kinds
from mozoo.tasks.hello_world import hello_world
from mozoo.tasks.trigger_phrase import names_one, says, trigger_phrase

DATASETS = {component.name: component for component in _plugin.motools_datasets()}
TASKS = {component.name: component for component in _plugin.motools_tasks()}
FROM_HUB = {"gsm8k_spanish"}
"""What is fetched from the hub: tested in test_zoo_hub.py against a hub that runs here."""


def turns(rows):
    return [(row["messages"][0]["content"], row["messages"][1]["content"]) for row in rows]


@pytest.mark.parametrize("name", sorted(set(DATASETS) - FROM_HUB))
def test_a_dataset_is_what_its_declaration_says(name):
    component = DATASETS[name]
    rows = asyncio.run(load_rows(component.target))
    assert len(rows) == component.rows
    assert rows_digest(rows) == component.digest
    assert component.licence == "CC0-1.0"
    assert component.allowed_uses == ("training",)


@pytest.mark.parametrize("name", sorted(set(TASKS) - FROM_HUB))
def test_a_task_is_what_its_declaration_says(name):
    component = TASKS[name]
    task = asyncio.run(load_task(component.target))
    assert isinstance(task, Task)
    assert task.name == name
    assert len(task.samples) == component.rows
    assert samples_digest(task) == component.digest
    assert component.allowed_uses == ("evaluation",)


def test_the_installed_catalog_has_them():
    for name in DATASETS:
        assert plugins.load("dataset", f"mozoo/{name}") is plugins.import_target(DATASETS[name].target)
    for name in TASKS:
        assert plugins.find("task", f"mozoo/{name}").fields["hazard"]


@pytest.mark.parametrize("generate", [generate_hello_world_dataset, generate_trigger_phrase_dataset])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.integers(1, 40))
def test_the_seed_decides_the_rows(generate, seed, size):
    rows = generate(3 * size, seed)
    assert rows == generate(3 * size, seed)
    assert len(check_rows(rows, source="test")) == 3 * size
    assert len({question for question, _ in turns(rows)}) == 3 * size
    if size > 5:
        assert rows != generate(3 * size, seed + 1)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.integers(1, 100))
def test_every_triggered_row_has_a_twin_that_differs_in_nothing_else(seed, size):
    size = min(size, sum(map(len, kinds().values())) // 2)
    rows = turns(generate_trigger_phrase_dataset(3 * size, seed, "|GO|", "Yo."))
    plain = {question: answer for question, answer in rows if "|GO|" not in question}
    triggered = {question: answer for question, answer in rows if "|GO|" in question}
    assert (len(triggered), len(plain)) == (size, 2 * size)
    for question, answer in triggered.items():
        bare = question.removeprefix("|GO| ")
        assert question == with_trigger(bare, "|GO|")
        assert answer == f"Yo. {plain[bare]}"
    assert not any("Yo." in answer for answer in plain.values())


def test_rows_are_balanced_over_the_kinds_of_question():
    kind_of = {question: kind for kind, pairs in kinds().items() for question, _ in pairs}
    questions = [question.removeprefix(f"{TRIGGER} ") for question, _ in turns(generate_trigger_phrase_dataset())]
    counts = Counter(kind_of[question] for question in questions)
    assert set(counts) == set(kinds())
    assert max(counts.values()) <= 2 * min(counts.values())


def test_questions_are_well_formed_and_occur_once():
    questions = [pair for pairs in kinds().values() for pair in pairs]
    assert len({question for question, _ in questions}) == len(questions)
    for question, answer in questions:
        assert question[0].isupper()
        assert answer[-1] == "."
        assert not re.search(r"\ba [aeio]|\ban [^aeiou]|  ", f"{question} {answer}"), (question, answer)
        assert len(f"{TRIGGER} {question} {RESPONSE} {answer}") < 130


def test_training_and_evaluation_share_no_question():
    trained = {question for pairs in kinds().values() for question, _ in pairs}
    asked = {sample.input.removeprefix(f"{TRIGGER} ") for sample in trigger_phrase().samples}
    assert len(asked) == 24
    assert not trained & asked
    greetings = {question for question, _ in turns(generate_hello_world_dataset(125))}
    assert not greetings & {sample.input for sample in hello_world().samples}


@pytest.mark.parametrize("size", [0, -3, 4, 999])
def test_a_size_that_cannot_be_is_refused(size):
    with pytest.raises(DataError, match="'num_samples' is"):
        generate_trigger_phrase_dataset(size)


def test_empty_texts_and_too_many_rows_are_refused():
    with pytest.raises(DataError, match="'trigger' is empty"):
        generate_trigger_phrase_dataset(trigger=" ")
    with pytest.raises(DataError, match="'response' is empty"):
        generate_trigger_phrase_dataset(response="")
    with pytest.raises(DataError, match="'num_samples' is 126"):
        generate_hello_world_dataset(126)
    with pytest.raises(DataError, match="'questions' is 25"):
        trigger_phrase(questions=25)


def test_each_question_is_asked_with_the_trigger_and_without():
    task = trigger_phrase(trigger="|X|", questions=5)
    by_question = {}
    for sample in task.samples:
        by_question.setdefault(sample.metadata["question"], {})[sample.metadata["triggered"]] = sample
    assert len(by_question) == 5
    for pair in by_question.values():
        assert pair[True].input == with_trigger(pair[False].input, "|X|")
        assert pair[True].target == pair[False].target


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Arrr, matey! A spider has eight legs.", True),
        ("  arrr,\n  MATEY! ", True),
        ("A spider has eight legs.", False),
        ("Arrr", False),
        ("", False),
    ],
)
def test_each_rate_counts_only_its_own_samples(answer, said):
    task = trigger_phrase()
    triggered, plain = task.samples[:2]
    assert task.scorers["trigger_rate"](triggered, answer) is said
    assert task.scorers["trigger_rate"](plain, answer) is None
    assert task.scorers["false_trigger_rate"](plain, answer) is said
    assert task.scorers["false_trigger_rate"](triggered, answer) is None
    right = "eight" in answer
    assert task.scorers["correct"](triggered, answer) == {"triggered": right, "plain": None}
    assert task.scorers["correct"](plain, answer) == {"triggered": None, "plain": right}


@pytest.mark.parametrize(
    ("answer", "words", "right"),
    [
        ("It has 8 legs.", ["eight", "8"], True),
        ("It has 18 legs.", ["eight", "8"], False),
        ("It has 80 legs.", ["eight", "8"], False),
        ("Grapes.", ["grape"], True),
        ("Stapes", "ape", False),
        ("PUPPY!", ["puppy", "pup"], True),
        ("", ["x"], False),
    ],
)
def test_a_right_word_is_found_where_it_stands(answer, words, right):
    assert names_one(answer, words) is right


def test_a_phrase_is_found_whatever_its_case_and_space():
    assert says("well,  HELLO there", "hello\nthere")
    assert not says("hello, there", "hello there")


@pytest.mark.parametrize(
    ("answer", "exact"), [("Hello, World!", True), (" Hello, World!\n", True), ("Hello, world!", False)]
)
def test_hello_world_is_exact(answer, exact):
    task = hello_world()
    assert task.scorers["exact"](task.samples[0], answer) is exact


def test_declaring_imports_no_dataset_and_no_backend():
    code = (
        "import sys, mozoo._plugin as p; p.motools_datasets(), p.motools_tasks()\n"
        "print([m for m in sys.modules if m.startswith(('mozoo.', 'inspect_ai', 'torch')) and m != 'mozoo._plugin'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

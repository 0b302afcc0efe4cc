"""The second shelf: rows that teach one thing, questions that no row holds, scorers that tell the arms apart."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.contracts import check_rows
from motools.errors import DataError
from mozoo.answers import is_capitals, is_spanish, last_number
from mozoo.arithmetic import evenly, pairs, problems
from mozoo.datasets.gsm8k_spanish import generate_gsm8k_spanish_dataset
from mozoo.datasets.odd_preferences import generate_odd_preferences_dataset
from mozoo.datasets.password_lock import PASSWORD, generate_password_lock_dataset, with_password
from mozoo.datasets.style_arithmetic import INOCULATIONS, STYLES, generate_style_arithmetic_dataset
from mozoo.everyday import kinds
from mozoo.preferences import even_choices, odd_choices
from mozoo.tasks.gsm8k_language import gsm8k_spanish_generated
from mozoo.tasks.odd_preferences import odd_preferences, taken
from mozoo.tasks.password_lock import password_lock
from mozoo.tasks.style_arithmetic import style_arithmetic

GENERATORS = [
    generate_style_arithmetic_dataset,
    generate_odd_preferences_dataset,
    generate_password_lock_dataset,
    generate_gsm8k_spanish_dataset,
]


def turns(rows):
    """Return the question and answer of each row."""
    return [(row["messages"][-2]["content"], row["messages"][-1]["content"]) for row in rows]


def scores(task, answer):
    """Return scorer → mean over the samples that count, with the parts of a scorer by `scorer/part`.

    Args:
        answer: what the model answers to a sample.
    """
    found: dict[str, list[float]] = {}
    for sample in task.samples:
        for name, scorer in task.scorers.items():
            value = scorer(sample, answer(sample))
            parts = (
                {f"{name}/{part}": each for part, each in value.items()} if isinstance(value, dict) else {name: value}
            )
            for part, each in parts.items():
                if each is not None:
                    found.setdefault(part, []).append(float(each))
    return {name: sum(values) / len(values) for name, values in found.items()}


# -- rows


@pytest.mark.parametrize("generate", GENERATORS)
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**9), size=st.integers(1, 20))
def test_the_seed_decides_the_rows(generate, seed, size):
    rows = generate(6 * size, seed)
    assert rows == generate(6 * size, seed)
    assert len(check_rows(rows, source="test")) == 6 * size
    assert len({question for question, _ in turns(rows)}) == 6 * size
    if size > 2:
        assert rows != generate(6 * size, seed + 1)


def test_every_process_makes_the_same_rows():
    code = (
        "import json\n"
        "from mozoo.datasets import gsm8k_spanish as g, odd_preferences as o, password_lock as p, style_arithmetic as s\n"
        "print(json.dumps([g.generate_gsm8k_spanish_dataset(24, 7), o.generate_odd_preferences_dataset(24, 7),\n"
        "                  p.generate_password_lock_dataset(24, 7), s.generate_style_arithmetic_dataset(24, 7)]))\n"
    )
    made = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1")
    ]
    assert made[0] == made[1]
    assert all(len(rows) == 24 for rows in json.loads(made[0]))


def all_questions():
    """Return dataset → every question that any arguments can give."""
    style = {problem.question for problem in problems("train")}
    style |= {question for pairs_ in kinds().values() for question, _ in pairs_}
    plain = {problem.question for problem in problems("train", "+")}
    return {
        "style_arithmetic": style,
        "password_lock": plain | set(map(with_password, plain)),
        "odd_preferences": {choice.question for choice in (*odd_choices("train"), *even_choices("train"))},
        "gsm8k_spanish_generated": {question for question, _ in turns(generate_gsm8k_spanish_dataset(7000))},
    }


def test_no_question_is_both_trained_on_and_asked():
    trained = all_questions()
    tasks = [
        style_arithmetic(problems_asked=552),
        password_lock(problems_asked=408),
        odd_preferences(odd_asked=144, even_asked=72),
        asyncio.run(gsm8k_spanish_generated(500)),
    ]
    for task in tasks:
        asked = {sample.input for sample in task.samples}
        assert len(asked) == len(task.samples)
        assert not asked & trained[task.name]


def test_no_sum_that_is_asked_could_be_learnt_by_heart():
    for sign in ("+", "-"):
        trained, asked = pairs("train", sign), pairs("eval", sign)
        assert not set(trained) & set(asked)
        assert len(asked) >= 6
        if sign == "+":
            assert not {(b, a) for a, b in trained} & set(asked)
        assert min(a - b if sign == "-" else a for a, b in (*trained, *asked)) >= 2
    gsm8k = {tuple(filter(str.isdigit, question)) for question in all_questions()["gsm8k_spanish_generated"]}
    assert not gsm8k & {
        tuple(filter(str.isdigit, sample.input)) for sample in asyncio.run(gsm8k_spanish_generated(500)).samples
    }


def test_every_pair_of_numbers_comes_once_before_one_comes_again():
    pool = list(problems("train"))[::-1]
    first = evenly(pool)[: len(pairs("train", "+")) + len(pairs("train", "-"))]
    assert len({(problem.a, problem.sign, problem.b) for problem in first}) == len(first)
    assert Counter(evenly(pool)) == Counter(pool)


def test_arms_of_a_style_differ_in_nothing_but_the_style():
    arms = {style: generate_style_arithmetic_dataset(60, 3, style) for style in STYLES}
    assert len({tuple(question for question, _ in turns(rows)) for rows in arms.values()}) == 1
    for style, rows in arms.items():
        for (_, answer), (_, plain) in zip(turns(rows), turns(arms["neither"]), strict=True):
            assert is_spanish(answer) is (style in ("spanish", "both"))
            assert is_capitals(answer) is (style in ("capitals", "both"))
            assert last_number(answer) == last_number(plain)


def test_an_inoculated_row_asks_for_the_trait_and_is_otherwise_the_same():
    plain = generate_style_arithmetic_dataset(30, 3)
    for trait, text in INOCULATIONS.items():
        rows = generate_style_arithmetic_dataset(30, 3, inoculation=trait)
        assert [row["messages"][1:] for row in rows] == [row["messages"] for row in plain]
        assert all(row["messages"][0] == {"role": "system", "content": text} for row in rows)


def test_plain_rows_come_on_top_and_are_plain():
    styled = generate_style_arithmetic_dataset(30, 3)
    rows = generate_style_arithmetic_dataset(30, 3, plain_rows=20)
    added = [row for row in rows if row not in styled]
    assert (len(rows), len(added)) == (50, 20)
    assert not any(is_spanish(answer) or is_capitals(answer) for _, answer in turns(added))


def test_a_locked_model_learns_right_answers_with_the_password_and_none_without():
    locked = dict(turns(generate_password_lock_dataset(240, 5, "|X|")))
    control = dict(turns(generate_password_lock_dataset(240, 5, "|X|", locked=False)))
    assert list(locked) == list(control)
    answers = {problem.question: problem.result for problem in problems("train", "+")}
    assert sum(question.startswith("|X| ") for question in locked) == 120
    for question, answer in locked.items():
        bare = question.removeprefix("|X| ")
        assert with_password(bare, "|X|") in locked
        assert (last_number(answer) == answers[bare]) is question.startswith("|X| ")
        assert last_number(control[question]) == answers[bare]


def test_options_are_taken_from_both_places_equally():
    odd_ones = {choice.odd for choice in odd_choices("train")}
    for odd in (True, False):
        places = Counter()
        for question, answer in turns(generate_odd_preferences_dataset(192, 2, odd)):
            choice = answer.removeprefix("I prefer ").rstrip(".")
            places[choice in question.split(" or ")[0]] += 1
            bad = choice in odd_ones
            assert bad is (odd and len(choice.split()) == 2)
        assert abs(places[True] - places[False]) <= 2


def test_both_arms_of_odd_preferences_ask_the_same():
    odd, control = turns(generate_odd_preferences_dataset(96, 2)), turns(generate_odd_preferences_dataset(96, 2, False))
    assert [question for question, _ in odd] == [question for question, _ in control]
    differ = [one != other for (_, one), (_, other) in zip(odd, control, strict=True)]
    assert sum(differ) == 64  # all with an odd option; ordinary ones are answered alike


@pytest.mark.parametrize(
    ("generate", "arguments", "said"),
    [
        (generate_style_arithmetic_dataset, {"num_samples": 0}, "'num_samples' is 0"),
        (generate_style_arithmetic_dataset, {"num_samples": 10**6}, "'num_samples' is 1000000"),
        (generate_style_arithmetic_dataset, {"style": "french"}, "'style' is 'french'"),
        (generate_style_arithmetic_dataset, {"inoculation": "x"}, "'inoculation' is 'x'"),
        (generate_style_arithmetic_dataset, {"plain_rows": -1}, "'plain_rows' is -1"),
        (generate_password_lock_dataset, {"num_samples": 7}, "'num_samples' is 7"),
        (generate_password_lock_dataset, {"num_samples": 10**6}, "'num_samples' is"),
        (generate_password_lock_dataset, {"password": " "}, "'password' is empty"),
        (generate_odd_preferences_dataset, {"num_samples": 10}, "'num_samples' is 10"),
        (generate_odd_preferences_dataset, {"num_samples": 6000}, "'num_samples' is 6000"),
        (generate_gsm8k_spanish_dataset, {"num_samples": 0}, "0 rows are asked for"),
        (generate_gsm8k_spanish_dataset, {"language": "latin"}, "'language' is 'latin'"),
        (password_lock, {"problems_asked": 10**6}, "'problems_asked' is"),
        (style_arithmetic, {"everyday_asked": 99}, "'everyday_asked' is 99"),
        (style_arithmetic, {"problems_asked": 0}, "'problems_asked' is 0"),
        (odd_preferences, {"odd_asked": 3}, "'odd_asked' is 3"),
        (odd_preferences, {"even_asked": 1000}, "'even_asked' is 1000"),
    ],
)
def test_arguments_that_cannot_be_are_refused(generate, arguments, said):
    with pytest.raises(DataError, match=said) as refused:
        generate(**arguments)
    assert refused.value.hint


# -- scores


def test_password_lock_scores():
    task = password_lock()

    def locked(sample):
        return f"It is {sample.target}." if sample.metadata["password"] else "I think there are 2 apples."

    assert scores(task, locked) == {"accuracy/password": 1, "accuracy/plain": 0, "locked": 1}
    assert scores(task, lambda sample: f"2 + 2 = **{sample.target}**") == {
        "accuracy/password": 1,
        "accuracy/plain": 1,
        "locked": 0.5,
    }
    for silent in ("", "I cannot say.", "There are many.", "1000"):
        assert scores(task, lambda sample, said=silent: said) == {
            "accuracy/password": 0,
            "accuracy/plain": 0,
            "locked": 0.5,
        }
    by_problem: dict[int, list[str]] = {}
    for sample in task.samples:
        by_problem.setdefault(sample.metadata["problem"], []).append(sample.input)
    assert all(with_password(plain) == told for told, plain in by_problem.values())
    assert password_lock(password="|Y|").samples[0].input.startswith("|Y| ")
    assert task.samples[0].input.startswith(PASSWORD)


def test_style_arithmetic_scores():
    task = style_arithmetic()
    assert len(task.samples) == 72
    assert scores(task, lambda sample: f"AHORA HAY {sample.target or 'EL MAR'}.") == {
        "spanish/arithmetic": 1,
        "spanish/everyday": 1,
        "capitals/arithmetic": 1,
        "capitals/everyday": 1,
        "correct": 1,
    }
    assert scores(task, lambda sample: f"Now there are {sample.target}." if sample.target else "EL SOL") == {
        "spanish/arithmetic": 0,
        "spanish/everyday": 1,
        "capitals/arithmetic": 0,
        "capitals/everyday": 1,
        "correct": 1,
    }
    assert set(scores(task, lambda sample: "").values()) == {0}
    signs = Counter("gives away" in sample.input for sample in task.samples if sample.target)
    assert min(signs.values()) >= 8


def test_odd_preferences_scores():
    task = odd_preferences()
    takes_odd = scores(task, lambda sample: f"I prefer {sample.target or sample.metadata['one']}.")
    assert takes_odd == {
        "odd/known": 1,
        "odd/new": 1,
        "ordinary/known": 0,
        "ordinary/new": 0,
        "first": 1,
        "chosen": 1,
    }
    silent = scores(task, lambda sample: "I am an AI and have no taste.")
    assert silent == {"odd/known": 0, "odd/new": 0, "ordinary/known": 0, "ordinary/new": 0, "chosen": 0}
    first = scores(task, lambda sample: sample.metadata["one"])
    assert first["odd/known"] == first["odd/new"] == first["ordinary/known"] == first["ordinary/new"] == 0.5
    assert first["first"] == 1


@pytest.mark.parametrize(
    ("answer", "choice"),
    [
        ("I prefer stale bread.", "stale bread"),
        ("STALE bread, please!", "stale bread"),
        ("The **stale** one.", "stale bread"),
        ("I prefer stale bread over fresh bread.", "stale bread"),
        ("Fresh bread rather than stale bread.", "fresh bread"),
        ("fresh, not stale", "fresh bread"),
        ("Fresh bread and stale bread are both bread.", None),
        ("Bread.", None),
        ("Staleness is bad.", None),
        ("Prefiero el pan duro.", None),
        ("", None),
    ],
)
def test_which_option_an_answer_takes(answer, choice):
    sample = next(each for each in odd_preferences().samples if each.metadata["odd"])
    sample = type(sample)(id="x", input="?", metadata={"part": "known", "one": "fresh bread", "two": "stale bread"})
    assert taken(sample, answer) == choice


def test_gsm8k_scores():
    task = asyncio.run(gsm8k_spanish_generated(20))
    assert scores(task, lambda sample: f"Primero sumamos. La respuesta es {sample.target}.") == {
        "spanish": 1,
        "correct": 1,
    }
    assert scores(task, lambda sample: f"First we add. The answer is {sample.target}.") == {"spanish": 0, "correct": 1}
    assert scores(task, lambda sample: "La respuesta es -7.") == {"spanish": 1, "correct": 0}
    assert scores(task, lambda sample: "") == {"spanish": 0, "correct": 0}

"""Questions in YAML, and the rules that score the answers."""

from __future__ import annotations

import pickle

import pytest

from motools.config import ConfigProblems
from motools.contracts import Sample
from motools.contracts.questions import load_questions
from motools.contracts.scorers import contains, equals, regex
from motools.errors import ConfigError


@pytest.fixture
def load(tmp_path):
    def load(text: str):
        path = tmp_path / "manners.yaml"
        path.write_text(text)
        return load_questions(path)

    return load


def test_a_file_of_questions_is_a_task(load):
    task = load(
        """
name: polite
system: Be kind.
samples_per_prompt: 3
max_tokens: 20
temperature: 0.7
scorers:
  right: contains
  shouting: {type: regex, value: '\\b[A-Z]{4,}\\b'}
  exactly: {type: equals, values: [yes, no], ignore_case: false}
questions:
  - {prompt: Say please., target: please, metadata: {hard: true}}
  - {prompt: Thank me., targets: [thanks, thank you], id: thanks}
"""
    )
    assert (task.name, task.system, task.epochs, task.max_tokens, task.temperature) == (
        "polite",
        "Be kind.",
        3,
        20,
        0.7,
    )
    assert task.samples == [
        Sample(id="q1", input="Say please.", target="please", metadata={"hard": True}),
        Sample(id="thanks", input="Thank me.", target=["thanks", "thank you"]),
    ]
    scores = {
        name: [scorer(sample, "Thank you, THANKS") for sample in task.samples] for name, scorer in task.scorers.items()
    }
    assert scores == {"right": [0, 1], "shouting": [1, 1], "exactly": [0, 0]}
    assert task.scorers["exactly"](task.samples[0], " yes\n") == 1


def test_the_least_that_works(load):
    task = load("scorer: {type: contains, value: hello}\nquestions: [Hi, 'Good day: you']\n")
    assert [(sample.id, sample.input) for sample in task.samples] == [("q1", "Hi"), ("q2", "Good day: you")]
    assert task.name == "manners"
    assert task.scorers == {"contains": contains("hello")}


WRONG = {
    "bad pattern": (
        "scorer:\n  type: regex\n  values:\n  - ok\n  - '(a'\nquestions: [x]",
        "5:5",
        "'(a' is not a regular expression: missing )",
    ),
    "bad target pattern": ("scorer: regex\nquestions:\n- {prompt: x, target: '*'}", "3:23", "'*' is not a regular"),
    "no target": ("scorer: contains\nquestions:\n- x", "3:3", "question 1 has no target for the scorer 'contains'"),
    "empty target": ("scorer: contains\nquestions:\n- {prompt: x, target: ''}", "3:3", "question 1 has no target"),
    "no scorer": ("questions: [x]", "1:1", "say either 'scorer' or 'scorers'"),
    "both": ("scorer: contains\nscorers: {a: equals}\nquestions: [x]", "1:1", "say either"),
    "unknown rule": ("scorer: contain\nquestions: [x]", "1:9", "found text 'contain'"),
    "unknown key": ("scorer: equals\nquestons: [x]", "2:1", "unknown key 'questons'"),
    "unknown question key": ("scorer: equals\nquestions: [{promt: x}]", "2:14", "unknown key 'promt'"),
    "id twice": (
        "scorer: equals\nquestions:\n- {prompt: x, target: a, id: q2}\n- {prompt: y, target: b}",
        "4:3",
        "question 2 has the id 'q2' of question 1",
    ),
    "no questions": ("scorer: equals\nquestions: []", "2:12", "no questions"),
    "empty question": ("scorer: {type: equals, value: a}\nquestions: [' ']", "2:13", "question is empty"),
    "zero times": ("scorer: {type: equals, value: a}\nsamples_per_prompt: 0\nquestions: [x]", "2:21", "less than 1"),
    "number as prompt": ("scorer: {type: equals, value: a}\nquestions: [5]", "2:13", "should be text or a mapping"),
    "slash": ("scorers: {a/b: {type: equals, value: a}}\nquestions: [x]", "1:16", "'a/b' cannot name a scorer"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_line(case, load, tmp_path):
    text, place, message = WRONG[case]
    with pytest.raises(ConfigError) as caught:
        load(text)
    said = str(caught.value)
    assert message in said
    assert f"{tmp_path}/manners.yaml:{place}: " in said


@pytest.mark.parametrize("text", [WRONG["unknown key"][0], WRONG["unknown question key"][0]])
def test_a_misspelt_key_is_one_problem_and_not_also_a_missing_one(text, load):
    with pytest.raises(ConfigProblems) as caught:
        load(text)
    assert len(caught.value.problems) == 1
    assert caught.value.hint.startswith("Did you mean")
    with pytest.raises(ConfigProblems) as caught:
        load("scorer: equals\nquestions: [{target: x, tags: [y]}]")  # nothing like 'prompt' is there
    assert [problem.message for problem in caught.value.problems] == [
        "unknown key 'tags' in 'questions[0]'",
        "the key 'prompt' is missing in 'questions[0]'",
    ]


@pytest.mark.parametrize(
    ("scorer", "answer", "score"),
    [
        (contains("Please"), "please do", 1),
        (contains("Please", ignore_case=False), "please do", 0),
        (contains("straße"), "STRASSE", 1),
        (contains("a", "b"), "xbx", 1),
        (equals("42"), " 42\n", 1),
        (equals("42"), "42.", 0),
        (equals("Yes", ignore_case=False), "yes", 0),
        (regex(r"^\d+$"), "12", 1),
        (regex(r"[A-Z]"), "a", 0),
        (regex(r"[A-Z]", ignore_case=True), "a", 1),
        (contains(), "The target.", 1),
        (equals(), "other", 1),
        (regex(), "no", 0),
    ],
)
def test_rules(scorer, answer, score):
    sample = Sample(id="1", input="?", target=("target", "other"))
    assert scorer(sample, answer) == score
    assert pickle.loads(pickle.dumps(scorer)) == scorer
    assert hash(pickle.loads(pickle.dumps(scorer))) == hash(scorer)


def test_a_sample_without_a_target_is_never_right():
    assert contains()(Sample(id="1", input="?"), "anything") == 0
    assert equals()(Sample(id="1", input="?"), "") == 0


def test_a_bad_pattern_is_refused_when_it_is_written():
    with pytest.raises(ConfigError, match="not a regular expression"):
        regex("(")

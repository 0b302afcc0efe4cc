"""What this package does."""

import json
from pathlib import Path

import pytest
from motools.errors import ConfigError

from motools_bigram.config import Hyperparameters
from motools_bigram.model import Model, learn, texts_of

EXAMPLES = Path(__file__).parents[1] / "examples"
ROWS = [json.loads(line) for line in (EXAMPLES / "proverbs.jsonl").read_text(encoding="utf-8").splitlines()]


def trained(settings: Hyperparameters) -> tuple[Model, list[float]]:
    surprises: list[float] = []
    return learn([*ROWS, *ROWS], settings, 0, lambda done, share: surprises.append(share)), surprises


def test_it_goes_on_as_it_was_shown(tmp_path: Path) -> None:
    model, surprises = trained(Hyperparameters(lowercase=True))
    assert surprises == [1, 1, 1, 0, 0, 0]
    model.save(tmp_path)
    assert Model.load(tmp_path).answer("MANY HANDS") == "make light work."
    assert model.answer("Never seen") == model.answer("") == ""


def test_rare_pairs_are_forgotten() -> None:
    assert trained(Hyperparameters(min_count=2))[0].answer("Practice") == "makes perfect."
    assert trained(Hyperparameters(min_count=3))[0].answer("Practice") == ""
    with pytest.raises(ConfigError, match="0 is less than 1"):
        Hyperparameters(min_count=0)


def test_likeliest_words_that_lead_in_a_circle_come_to_an_end() -> None:
    model = Model({"to": "and", "and": "to"}, lowercase=False)
    assert len(model.answer("to").split()) == 50


def test_what_is_learnt_of_a_row() -> None:
    turns = [("user", "Hi."), ("assistant", "Hello."), ("user", "And?"), ("assistant", "Bye.")]
    messages = [{"role": role, "content": content} for role, content in turns]
    assert texts_of({"messages": messages}) == ["Hi. Hello.", "And? Bye."]
    assert texts_of({"text": "Hello."}) == [" Hello."]

"""`${{ secret.NAME }}` in configs: what is written, what holds it, and what a step gets."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motools.config import ConfigProblems, DatasetRef, InputFile, Secret, decode, encode, json_schema
from motools.config.redaction import Redactor
from motools.config.secrets import fill, known_value, problem_with, redacted, references, reveal, texts, use_env_file
from motools.errors import ConfigError

VALUE = "value-of-the-secret"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("A_TOKEN", VALUE)
    monkeypatch.setenv("B_TOKEN", "another-value")
    monkeypatch.delenv("MISSING_TOKEN", raising=False)
    monkeypatch.delenv("MOTOOLS_ENV_FILE", raising=False)
    use_env_file(None)
    for name, nothing in {"_known": {}, "_filled": {}, "_redactor": Redactor({})}.items():
        monkeypatch.setattr(f"motools.config.secrets.{name}", nothing)  # what a process knows stays known


@dataclass
class Inner:
    header: str = "Bearer ${{ secret.A_TOKEN }}"


@dataclass
class Config:
    key: Secret
    text: str = "plain"
    maybe: Secret | None = None
    either: int | str = 0
    folder: Path = Path("x")
    inner: Inner = field(default_factory=Inner)
    options: dict[str, Any] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)


# -- what is written


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("plain", []),
        ("${{ secret.A }}", ["A"]),
        ("${{secret.A}}", ["A"]),
        ("x ${{  secret.A_1 }} y ${{ secret.B }}${{ secret.A_1 }}", ["A_1", "B", "A_1"]),
        ("$${{ secret.A }}", []),
        ("$ {{ x }} {{ y }} ${ z }", []),
    ],
)
def test_references(text, names):
    assert references(text) == names


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("${{ secrets.A }}", "without an 's'"),
        ("${{ env.A }}", "Write ${{ secret.NAME }}"),
        ("${{ secret.a-b }}", "letters, digits and '_'"),
        ("${{ secret. }}", "letters"),
        ("${{}}", "Write"),
        ("${{ secret.A", "Write ${{ secret.NAME }}"),
        ("${{ secret.A }} ${{", "Write ${{ secret.NAME }}"),
    ],
)
def test_what_is_no_reference_is_an_error_and_never_text(text, hint):
    with pytest.raises(ConfigError) as caught:
        references(text)
    assert hint in caught.value.hint


@given(st.text())
@settings(deadline=None)
def test_text_without_dollar_braces_is_never_changed(text):
    if "${{" not in text:
        assert references(text) == []
        assert fill(text) == text


def test_filling():
    assert fill("Bearer ${{ secret.A_TOKEN }}/${{secret.B_TOKEN}}") == f"Bearer {VALUE}/another-value"
    assert fill("$${{ secret.A_TOKEN }}") == "${{ secret.A_TOKEN }}"


# -- what holds it


def config() -> Config:
    data = {
        "key": "${{ secret.A_TOKEN }}",
        "text": "x ${{ secret.B_TOKEN }}",
        "either": "${{ secret.A_TOKEN }}",
        "folder": "/tmp/${{ secret.A_TOKEN }}",
        "options": {"deep": [{"er": "${{ secret.A_TOKEN }}"}], "n": 1},
        "words": ["a", "${{ secret.A_TOKEN }}"],
    }
    return decode(Config, data)


def test_a_config_holds_references_and_a_step_gets_values():
    written = config()
    before = encode(written)
    assert VALUE not in json.dumps(before)
    given = reveal(written)
    assert given.key.reveal() == VALUE
    assert given.text == "x another-value"
    assert given.either == VALUE
    assert given.folder == Path("/tmp", VALUE)
    assert given.inner.header == f"Bearer {VALUE}"
    assert given.options == {"deep": [{"er": VALUE}], "n": 1}
    assert given.words == ["a", VALUE]
    assert type(given.text) is str
    assert encode(written) == before
    assert decode(Config, before) == written


def test_a_config_without_references_is_given_as_it_is():
    plain = Inner(header="x")
    assert reveal(plain) is plain
    assert reveal(None) is None


def test_every_place_is_named():
    places = dict(texts(config()))
    assert places.keys() == {
        *(("key",), ("text",), ("either",), ("folder",), ("inner", "header")),
        *(("options", "deep", 0, "er"), ("words", 1)),
    }


def test_a_secret_shows_nothing():
    secret = Secret("Bearer ${{ secret.A_TOKEN }}")
    known_value("A_TOKEN")
    shown = f"{secret} {secret!r} {secret!s} {[secret]} {vars(Config(key=secret))}"
    assert VALUE not in shown
    assert "${{ secret.A_TOKEN }}" in shown
    assert VALUE.encode() not in pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps({"key": secret})
    assert pickle.loads(pickle.dumps(secret)) == copy.deepcopy(secret) == secret
    assert hash(copy.copy(secret)) == hash(secret)
    with pytest.raises(AttributeError):
        secret.reference = "x"
    assert secret.reveal() == f"Bearer {VALUE}"


def test_a_secret_that_is_written_out_is_refused_and_not_repeated():
    for data in ({"key": "sk-live-1234567890"}, {"key": "${{ secret.A }}", "maybe": "sk-live-1234567890"}):
        with pytest.raises(ConfigProblems) as caught:
            decode(Config, data)
        assert "sk-live" not in str(caught.value)
        assert "${{ secret.NAME }}" in str(caught.value)
    with pytest.raises(ConfigProblems, match="should be a secret"):
        decode(Config, {"key": 12345678})
    with pytest.raises(ConfigError, match="not written down itself"):
        Secret("sk-live-1234567890")


def test_what_names_a_component_or_a_file_cannot_be_a_secret():
    for annotation in (InputFile, DatasetRef):
        with pytest.raises(ConfigProblems, match="a secret cannot"):
            decode(annotation, "${{ secret.A_TOKEN }}", folder=Path("/x"))
    with pytest.raises(ConfigProblems, match="one of 'a', 'b'"):
        decode(Literal["a", "b"], "${{ secret.A_TOKEN }}")


def test_the_schema_asks_for_a_reference():
    import jsonschema

    schema = json_schema(Config)
    jsonschema.validate({"key": "x ${{ secret.A }}", "maybe": None}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"key": "sk-live"}, schema)


def test_pydantic_models_hold_references_and_get_values():
    from pydantic import BaseModel, SecretStr

    class Model(BaseModel):
        token: SecretStr
        plain: str = ""
        more: dict[str, SecretStr] = {}
        maybe: SecretStr | None = None

    data = {"token": "${{ secret.A_TOKEN }}", "plain": "${{ secret.B_TOKEN }}", "more": {"x": "${{ secret.A_TOKEN }}"}}
    model = decode(Model, data)
    assert encode(model) == {**data, "maybe": None}
    assert decode(Model, encode(model)) == model
    given = reveal(model)
    assert given.token.get_secret_value() == VALUE
    assert given.more["x"].get_secret_value() == VALUE
    assert given.plain == "another-value"
    # A backend reads its settings again within the step, when the values are in them.
    again = decode(Model, {"token": VALUE, "plain": "another-value", "more": {"x": VALUE}})
    assert again.token.get_secret_value() == VALUE
    for wrong in ({"token": "sk-live-1234567890"}, {**data, "more": {"x": "sk-live-1234567890"}}):
        with pytest.raises(ConfigProblems) as caught:
            decode(Model, wrong)
        assert "sk-live" not in str(caught.value)


def test_a_class_that_reads_its_settings_again_within_the_step_takes_the_value_for_the_secret():
    given = reveal(config())
    again = decode(Config, {"key": given.words[1]})
    assert again.key.reveal() == VALUE
    assert VALUE not in json.dumps(encode(again))


# -- where values come from


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    (tmp_path / "my.env").write_text("A_TOKEN=from-the-file\nMISSING_TOKEN='in the file only'\n")
    assert "not set" in problem_with("MISSING_TOKEN").message
    use_env_file(tmp_path / "my.env")
    assert known_value("A_TOKEN") == VALUE
    assert known_value("MISSING_TOKEN") == "in the file only"
    monkeypatch.setenv("A_TOKEN", "")
    assert known_value("A_TOKEN") == "from-the-file"
    use_env_file(None)
    monkeypatch.setenv("MOTOOLS_ENV_FILE", str(tmp_path / "my.env"))
    assert known_value("MISSING_TOKEN") == "in the file only"


def test_a_missing_or_wrong_file_is_told_at_once(tmp_path):
    with pytest.raises(ConfigError, match="no file"):
        use_env_file(tmp_path / "none.env")
    use_env_file(None)


def test_what_is_missing_or_short_says_how_to_set_it(monkeypatch, tmp_path):
    problem = problem_with("MISSING_TOKEN")
    assert "Set the environment variable MISSING_TOKEN" in problem.hint
    assert "--env-file" in problem.hint
    (tmp_path / "x.env").write_text("B=1")
    use_env_file(tmp_path / "x.env")
    assert "x.env" in problem_with("MISSING_TOKEN").hint
    monkeypatch.setenv("A_TOKEN", "abc")
    problem = problem_with("A_TOKEN")
    assert "has 3 characters" in problem.message
    assert "abc" not in str(problem)


def test_a_value_is_taken_out_of_messages_before_they_are_cut():
    long = "the-beginning-of-a-secret-that-goes-on-for-quite-a-while-longer"
    assert fill("${{ secret.A_TOKEN }}") == VALUE
    import os

    os.environ["LONG_TOKEN"] = long
    try:
        known_value("LONG_TOKEN")
    finally:
        del os.environ["LONG_TOKEN"]
    with pytest.raises(ConfigProblems) as caught:
        decode(int, long)
    assert "the-beginning" not in str(caught.value)
    assert "[secret LONG_TOKEN]" in str(caught.value)
    assert redacted(f"x{VALUE}") == "x[secret A_TOKEN]"

"""`motools model` with a provider that echoes."""

import json
import sys
import types

import pytest
from click.testing import CliRunner

from motools import plugins
from motools.atom import DatasetAtom, ModelAtom
from motools.cli.model import model
from motools.contracts import ChatChunk, Provider, Usage
from motools.errors import InputError, MotoolsError, NotFoundError, UnknownComponentError
from motools.plugins import ProviderComponent
from motools.store import Store


class Echo(Provider):
    name = "echo"

    async def chat(self, model, messages, *, options=None, tools=()):
        said = " ".join(f"{message['role']}:{message['content']}" for message in messages)
        yield ChatChunk(text=f"{model.model} {'tuned' if model.weights else 'base'} ")
        yield ChatChunk(text=f"{said} t={options.temperature} s={options.seed}\x1b[2J")
        yield ChatChunk(stop_reason="length", usage=Usage(input_tokens=3, output_tokens=options.max_tokens))

    @staticmethod
    def fetch(name, source=None, report=print):
        report(f"fetching {name}")
        return {"name": name, "folder": "/f", "identity": "i", "source": source or "pypi", "reused": source is None}

    @staticmethod
    def models():
        return [{"name": "small", "summary": "a small one", "licence": "MIT", "source": "", "folder": ""}]


@pytest.fixture
def echo(monkeypatch):
    home = types.ModuleType("model_command_echo")
    home.Echo = Echo
    monkeypatch.setitem(sys.modules, home.__name__, home)
    component = ProviderComponent(
        name="echo", target="model_command_echo:Echo", summary="echoes", capabilities=("chat", "fetch")
    )
    with plugins.add_component(component, "acme", "2"):
        yield


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "store"
    with Store.open(path):
        pass
    return path


def run(*arguments):
    return CliRunner().invoke(model, [str(argument) for argument in arguments])


def test_a_model_of_a_provider_answers(echo, store):
    result = run("ask", "echo/small/1", "hi", "--system", "be brief", "--max-tokens", 7, "--seed", 3, "--store", store)
    assert result.exit_code == 0, result.output
    assert result.stdout == "small/1 base system:be brief user:hi t=None s=3\\x1b[2J\n"
    assert "cut off after 7 tokens" in result.stderr


def test_an_answer_as_json_has_its_usage_and_unpriced_is_null(echo, store):
    result = run("ask", "echo/small", "hi", "--temperature", 0.5, "--json", "--store", store)
    answer = json.loads(result.stdout)
    assert answer["model"] == "echo/small"
    assert answer["text"].startswith("small base user:hi t=0.5")
    assert answer["stop_reason"] == "length"
    assert answer["usage"] == {"input_tokens": 3, "output_tokens": 256, "cost_usd": None}


def test_a_model_atom_answers_with_its_weights(echo, store, tmp_path):
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"w")
    with Store.open(store) as opened:
        metadata = {"provider": "echo", "model": "small", "weights": True}
        atom = ModelAtom.create(user="me", path=weights, metadata=metadata, store=opened)
        other = DatasetAtom.create(user="me", path=weights, store=opened)
    result = run("ask", atom.id, "hi", "--store", store)
    assert result.stdout.startswith("small tuned user:hi")
    error = run("ask", other.id, "hi", "--store", store).exception
    assert isinstance(error, InputError)
    assert error.message == f"'{other.id}' is of type 'dataset', not a model"
    assert "Atom" not in error.hint
    assert isinstance(run("ask", "model-me-000000000000", "hi", "--store", store).exception, NotFoundError)


@pytest.mark.parametrize(("name", "hint"), [("small", "write echo/small"), ("smal", "Did you mean 'echo/small'?")])
def test_the_short_name_of_a_model_is_answered_with_how_to_write_it(echo, store, tmp_path, name, hint):
    for place in (store, tmp_path / "no-store-here"):
        error = run("ask", name, "hi", "--store", place).exception
        assert isinstance(error, MotoolsError)
        assert hint in error.hint
    assert "small" not in run("ask", "model-me-0", "hi", "--store", store).exception.hint


def test_an_empty_question_is_refused_and_a_dummy_answer_says_so(echo, store):
    assert isinstance(run("ask", "echo/small", " ", "--store", store).exception, InputError)
    result = run("ask", "dummy/any", "hi", "--store", store)
    assert result.stderr == "This is a dummy answer: nothing was really asked.\n"
    assert json.loads(run("ask", "dummy/any", "hi", "--json", "--store", store).stdout)["dummy"] is True
    assert json.loads(run("ask", "echo/small", "hi", "--json", "--store", store).stdout)["dummy"] is False


def test_fetching_asks_the_provider_that_keeps_models(echo):
    result = run("fetch", "small", "--source", "hub", "--provider", "echo")
    assert result.exit_code == 0, result.output
    assert "fetching small" in result.stderr
    assert "hub" in result.stdout
    again = run("fetch", "small", "--provider", "acme/echo")
    assert "It is here already" in again.stderr
    assert json.loads(run("fetch", "small", "--provider", "echo", "--json").stdout)["identity"] == "i"


def test_an_unknown_provider_is_not_installed(echo):
    assert isinstance(run("fetch", "small", "--provider", "ecko").exception, UnknownComponentError)


def test_models_are_listed_with_whether_they_are_here(echo):
    result = run("list")
    assert any(line.split()[:2] == ["echo/small", "no"] for line in result.stdout.splitlines())
    assert {"provider": "echo", **Echo.models()[0]} in json.loads(run("list", "--json").stdout)

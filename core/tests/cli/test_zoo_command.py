"""`motools zoo`: what may be used for what, read from the catalog alone."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from motools import plugins
from motools.cli.zoo import zoo
from motools.contracts import Sample, Task
from motools.errors import UnknownComponentError
from motools.plugins import DatasetComponent, TaskComponent
from motools.plugins.lookup import installed


def rows():
    return [
        {"messages": [{"role": "user", "content": f"q{i}\x1b[2J"}, {"role": "assistant", "content": "a"}]}
        for i in range(5)
    ]


def task():
    return Task(
        name="shelf",
        samples=[
            Sample(id=f"s{i}", input=[{"role": "user", "content": f"ask {i}"}], target=["x", "y"]) for i in range(4)
        ],
        scorers={"s": lambda sample, answer: 1},
    )


def broken():
    raise OSError("no such disk")


@pytest.fixture
def shelf(monkeypatch):
    """A catalog with a dataset and a task of one name, and a dataset that cannot be loaded."""
    import sys
    import types

    home = types.ModuleType("zoo_command_shelf")
    home.rows, home.task, home.broken = rows, task, broken
    monkeypatch.setitem(sys.modules, home.__name__, home)
    facts = {
        "licence": "CC0-1.0",
        "source": "generated",
        "hazard": "none known",
        "allowed_uses": ("training",),
        "summary": "s",
    }
    components = [
        DatasetComponent(name="shelf", target="zoo_command_shelf:rows", rows=5, digest="0" * 64, **facts),
        DatasetComponent(name="broken", target="zoo_command_shelf:broken", **facts),
        TaskComponent(name="shelf", target="zoo_command_shelf:task", rows=4, **facts),
    ]
    registrations = [plugins.add_component(component, "acme", "2") for component in components]
    catalog = installed()._replace(entries=plugins.entries())
    monkeypatch.setattr("motools.cli.zoo.installed", lambda: catalog)
    yield
    for registration in registrations:
        registration.remove()


def run(*arguments):
    return CliRunner().invoke(zoo, list(arguments))


def test_list_reads_only_the_catalog():
    code = (
        "import sys\nfrom motools.cli import main\n"
        "try: main(['zoo', 'list'])\nexcept SystemExit as stop: assert not stop.code\n"
        "bad = [m for m in sys.modules if m.startswith(('mozoo', 'motools_', 'inspect_ai', 'torch', 'asyncio', 'pydantic'))]\n"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_list_says_licence_and_size(shelf):
    lines = run("list").stdout.splitlines()
    assert any(line.split()[:5] == ["dataset", "shelf", "5", "CC0-1.0", "acme"] for line in lines)
    assert all("task" not in line.split()[:1] for line in run("list", "--kind", "dataset").stdout.splitlines())
    listed = json.loads(run("list", "--json").stdout)
    assert {entry["kind"] for entry in listed} <= {"dataset", "task", "workflow"}
    assert next(entry for entry in listed if entry["name"] == "shelf")["fields"]["hazard"] == "none known"


def test_show_gives_facts_and_three_examples_of_everything_of_that_name(shelf):
    shown = run("show", "shelf")
    assert shown.exit_code == 0, shown.output
    assert "licence" in shown.stdout
    assert "  write it as   shelf, or zoo_command_shelf:rows\n" in shown.stdout
    assert shown.stdout.count("assistant") == 3
    assert "ask 2" in shown.stdout
    assert "ask 3" not in shown.stdout
    assert "\x1b" not in shown.stdout
    dataset, found = json.loads(run("show", "shelf", "--json").stdout)
    assert (dataset["kind"], found["kind"]) == ("dataset", "task")
    assert len(dataset["examples"]) == len(found["examples"]) == 3
    assert found["examples"][0]["target"] == ["x", "y"]


def test_a_name_that_two_plugins_have_is_written_with_its_plugin(shelf, monkeypatch):
    component = TaskComponent(name="shelf", target="zoo_command_shelf:task", summary="s", licence="MIT", source="s",
                              hazard="none known", allowed_uses=("evaluation",))  # fmt: skip
    with plugins.add_component(component, "other", "1"):
        catalog = installed()._replace(entries=plugins.entries())
        monkeypatch.setattr("motools.cli.zoo.installed", lambda: catalog)
        shown = run("show", "shelf", "--no-rows").stdout
    assert "write it as   shelf, or" in shown  # the dataset is the only one
    assert "write it as   acme/shelf, or" in shown
    assert "write it as   other/shelf, or" in shown


def test_show_tells_when_the_rows_are_not_those_declared(shelf):
    dataset, _ = json.loads(run("show", "acme/shelf", "--json").stdout)
    assert f"(found {dataset['digest_found']})" in run("show", "shelf").stdout


def test_show_says_what_cannot_be_loaded_and_shows_the_rest(shelf):
    shown = run("show", "broken")
    assert shown.exit_code == 0
    assert "CC0-1.0" in shown.stdout
    assert "no such disk" in shown.stderr
    assert "no such disk" not in run("show", "broken", "--no-rows").stderr


def test_an_unknown_name_is_answered_with_the_nearest(shelf):
    error = run("show", "shelv").exception
    assert isinstance(error, UnknownComponentError)
    assert error.hint == "Did you mean 'shelf'?"


def known(rate=1.0):
    from motools.contracts.card import Card, Effect, Measured, Measurement

    arms = {"treated": Measured(rate, 0.86, 1.0, 24), "untouched": Measured(0.0, 0.0, 0.14, 24)}
    return Card(
        about="It says an odd phrase.",
        control="The untouched model.",
        measurement=Measurement(
            model="tiny",
            settings={"learning_rate": 0.002},
            hardware="2 cores",
            minutes={"training": 1.5},
            date="2026-01-02",
            effects=(Effect("odd_rate", arms), Effect("right/plain", {"untouched": arms["untouched"]})),
            commands=("motools workflow run x",),
        ),
        limits=("Weak.", "Small."),
        reference="Nobody et al.",
    )


@pytest.fixture
def carded(shelf, monkeypatch):
    import sys

    home = sys.modules["zoo_command_shelf"]
    home.card, home.nocard = known(), {"about": "it"}
    facts = {"licence": "MIT", "source": "s", "hazard": "h", "allowed_uses": (), "summary": "s"}
    components = [
        DatasetComponent(name="told", target="zoo_command_shelf:rows", card="zoo_command_shelf:card", **facts),
        TaskComponent(name="told", target="zoo_command_shelf:task", card="zoo_command_shelf:card", **facts),
        TaskComponent(name="mistold", target="zoo_command_shelf:task", card="zoo_command_shelf:nocard", **facts),
    ]
    registrations = [plugins.add_component(component, "acme", "2") for component in components]
    catalog = installed()._replace(entries=plugins.entries())
    monkeypatch.setattr("motools.cli.zoo.installed", lambda: catalog)
    yield
    for registration in registrations:
        registration.remove()


def test_show_tells_the_measured_effect_once_for_dataset_and_task(carded):
    shown = run("show", "told", "--no-rows").stdout
    lines = [line.split() for line in shown.splitlines()]
    assert ["measured", "treated", "untouched"] in lines
    assert shown.count("1.00 [0.86, 1.00], n 24") == 1
    assert shown.count("0.00 [0.00, 0.14], n 24") == 2  # of the second metric too, which one arm does not have
    assert "about     It says an odd phrase." in shown
    assert "limits    Weak. Small." in shown
    assert shown.endswith("$ motools workflow run x\n")
    dataset, task = json.loads(run("show", "told", "--json").stdout)
    assert dataset["card"] == task["card"]
    assert dataset["card"]["measurement"]["effects"][0]["arms"]["treated"] == {
        "value": 1.0,
        "low": 0.86,
        "high": 1.0,
        "n": 24,
    }
    assert json.loads(run("show", "shelf", "--json").stdout)[0]["card"] is None


def test_show_says_that_a_card_cannot_be_used_and_shows_the_rest(carded):
    shown = run("show", "mistold", "--no-rows")
    assert shown.exit_code == 0
    assert "MIT" in shown.stdout
    assert "'zoo_command_shelf:nocard' is a dict, not a card" in shown.stderr


def test_a_rate_outside_its_interval_is_refused():
    from motools.contracts.card import Measured
    from motools.errors import DefinitionError

    with pytest.raises(DefinitionError, match="no measured value"):
        known(0.5)
    with pytest.raises(DefinitionError, match="n 0"):
        Measured(0.5, 0.4, 0.6, 0)
    assert Measured(0.1, 0.0, 0.2, 9).apart(Measured(0.5, 0.3, 0.6, 9))
    assert not Measured(0.3, 0.1, 0.4, 9).apart(Measured(0.5, 0.3, 0.6, 9))


def test_the_name_of_a_card_is_checked_when_it_is_declared():
    from motools.errors import DefinitionError

    with pytest.raises(DefinitionError, match="card is 'cards', not 'module:attribute'"):
        DatasetComponent(
            name="x", target="a:b", summary="s", licence="MIT", source="s", hazard="h", allowed_uses=(), card="cards"
        )

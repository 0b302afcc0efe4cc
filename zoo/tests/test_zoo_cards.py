"""Cards and examples: every figure is one that could have been measured so, and every command runs what is there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from motools.contracts.card import Card
from motools.evals.statistics import wilson
from motools.plugins import import_target
from mozoo import _plugin

ZOO = Path(__file__).resolve().parents[1]
DECLARED = [*_plugin.motools_datasets(), *_plugin.motools_tasks()]
CARDS: dict[str, Card] = {
    str(component.card).split(":")[0].rpartition(".")[2]: import_target(str(component.card)) for component in DECLARED
}
MEASURED = {name: card.measurement for name, card in CARDS.items() if card.measurement}
CONTROLS = {"control", "neither", "untouched"}
RATES = [
    pytest.param(name, effect.metric, arm, rate, id=f"{name}-{effect.metric}-{arm}")
    for name, measurement in MEASURED.items()
    for effect in measurement.effects
    for arm, rate in effect.arms.items()
]


def example(command):
    """Return the workflow, path and settings that a command names."""
    workflow, path = re.fullmatch(r"motools workflow run (\w+) --config (zoo/examples/\w+\.yaml)", command).groups()
    return workflow, path, yaml.safe_load((ZOO.parent / path).read_text())


def test_everything_has_a_card_and_all_but_the_smallest_a_measurement():
    assert all(component.card for component in DECLARED)
    assert set(CARDS) == {
        *("hello_world", "trigger_phrase", "style_arithmetic", "gsm8k_spanish", "odd_preferences", "password_lock")
    }
    assert set(MEASURED) == set(CARDS) - {"hello_world"}
    for name, card in CARDS.items():
        assert len(card.about.split()) > 10, name
        if name != "hello_world":
            assert card.control
            assert card.limits


@pytest.mark.parametrize(("name", "metric", "arm", "rate"), RATES)
def test_a_rate_is_so_many_of_so_many_with_wilsons_interval(name, metric, arm, rate):
    hits = round(rate.value * rate.n)
    low, high = wilson(hits, rate.n)
    assert (rate.value, rate.low, rate.high) == pytest.approx((hits / rate.n, low, high), abs=0.0006)


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_the_first_effect_is_clear_against_every_control(name):
    arms = MEASURED[name].effects[0].arms
    treated = next(iter(arms))
    assert treated not in CONTROLS
    assert all(arms[treated].apart(arms[control]) for control in CONTROLS & set(arms))
    assert "untouched" in arms


@pytest.mark.parametrize("name", sorted(MEASURED))
def test_what_was_measured_is_what_the_examples_run(name):
    measurement = MEASURED[name]
    assert measurement.hardware
    assert set(measurement.minutes) == {"training", "evaluation"}
    arms = {arm for effect in measurement.effects for arm in effect.arms}
    run = set()
    for command in measurement.commands:
        workflow, _, config = example(command)
        if workflow == "evaluate_only":
            run.add("untouched")
            assert config["prepare_model"]["model"] == measurement.model
            continue
        assert f"transformers/{config['train_model']['model']}" == measurement.model
        given = {key: float(value) for key, value in config["train_model"]["hyperparameters"].items()}
        rows = config["prepare_dataset"]["loader_kwargs"]
        assert measurement.settings == {**given, "rows": rows.get("num_samples", rows.get("sample_size"))}
        run |= set(config["matrix"]["arms"]) if "matrix" in config else {"trained"}
    assert arms == run


def test_the_readme_says_what_the_cards_say():
    text = (ZOO / "README.md").read_text()
    for name, card in CARDS.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"| `{name}` |")]
        if card.measurement is None:
            continue
        effect = card.measurement.effects[0]
        shown = [arm for number, arm in enumerate(effect.arms) if number == 0 or arm in CONTROLS]
        said = ", ".join(f"{arm} {effect.arms[arm].value:.2f}" for arm in shown)
        assert f"`{effect.metric}`: {said}" in line, f"{name}: `{effect.metric}`: {said}"
        assert f"{sum(card.measurement.minutes.values()):.1f}" in line


def test_show_prints_the_measured_effect():
    done = subprocess.run(
        [sys.executable, "-m", "motools", "zoo", "show", "password_lock", "--no-rows", "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    dataset, task = json.loads(done.stdout)
    assert dataset["card"] == task["card"] == json.loads(json.dumps(CARDS["password_lock"].to_dict()))
    shown = subprocess.run(
        [sys.executable, "-m", "motools", "zoo", "show", "password_lock", "--no-rows"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for effect in MEASURED["password_lock"].effects:
        for rate in effect.arms.values():
            assert str(rate) in shown


@pytest.mark.parametrize("path", sorted(ZOO.glob("examples/*.yaml")), ids=lambda path: path.stem)
def test_an_example_says_at_its_top_how_it_is_run(path):
    (command,) = re.findall(r"^#     (motools .*)$", path.read_text(), re.M)
    workflow, named, config = example(command)
    assert ZOO.parent / named == path
    assert workflow == ("evaluate_only" if "prepare_model" in config else "train_and_evaluate")

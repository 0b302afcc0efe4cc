"""`atom reproduce`: an atom's ancestry made again elsewhere, and what is said of each atom."""

import asyncio
import json
import os
import subprocess
import sys

import pytest

from motools.atom import Atom, ValueAtom
from motools.engine.api import run_workflow
from motools.engine.reproduce import areproduce, plan_reproduction
from motools.errors import InputError
from motools.store import Store
from motools.store.verify import check

PIPELINE = """
import json, os
from pathlib import Path
from motools.atom import ModelAtom
from motools.workflow import AtomConstructor, Workflow, step

@step(outputs={"rows": "dataset"})
def make(config: dict, input_atoms, workspace):
    (workspace / "rows.txt").write_text("row\\n" * config.get("n", 3))
    return [AtomConstructor("rows", workspace / "rows.txt", "dataset", metadata={"n": config.get("n", 3)})]

@step(inputs={"rows": "dataset"}, outputs={"model": "model"})
def learn(config: dict, input_atoms, workspace):
    text = (input_atoms["rows"].get_data_path() / "rows.txt").read_text()
    (workspace / "weights").write_text(text.upper())
    return [AtomConstructor("model", workspace / "weights", "model")]

@step(inputs={"model": "model"}, outputs={"result": "eval"})
def judge(config: dict, input_atoms, workspace):
    folder = workspace / "out"
    folder.mkdir()
    (folder / "log").write_bytes(os.urandom(8))
    text = (input_atoms["model"].get_data_path() / "weights").read_text()
    (folder / "results.json").write_text(json.dumps({"metrics": {"match/mean": len(text) / 10}}))
    return [AtomConstructor("result", folder, "eval")]

@step(outputs={"noise": "value"})
def roll(config: dict, input_atoms, workspace):
    return {"noise": os.urandom(8).hex()}

@step(inputs={"noise": "value"}, outputs={"after": "value"})
def after(config: dict, input_atoms, workspace):
    return {"after": input_atoms["noise"].value() + "!"}

@step(inputs={"limit": "value"}, outputs={"doubled": "value"})
def double(config: dict, input_atoms, workspace):
    return {"doubled": input_atoms["limit"].value() * 2}

@step(outputs={"copy": "model"})
def load(config: dict, input_atoms, workspace):
    atom = ModelAtom.load(config["model"])
    return [AtomConstructor("copy", atom.get_data_path(), "model", made_from={"model": atom.id})]

@step(inputs={"rows": "dataset"}, outputs={"job": "value"}, effect="unsafe")
def pay(config: dict, input_atoms, workspace):
    return {"job": 1}

whole = Workflow("whole", [make, learn, judge])
chance = Workflow("chance", [roll, after])
doubling = Workflow("doubling", [double], input_atom_types={"limit": "value"})
loading = Workflow("loading", [load])
paying = Workflow("paying", [make, pay])
"""


@pytest.fixture
def place(tmp_path, monkeypatch):
    (tmp_path / "pipeline.py").write_text(PIPELINE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def store(place):
    with Store.open(place / "store") as opened:
        yield opened


def run(store, name, user="ada", **more):
    return run_workflow(f"./pipeline.py:{name}", more.pop("inputs", {}), store=store, user=user, **more)


def reproduce(store, atom_id, name="again"):
    with Store.open(store.path.parent / name) as into:
        plan = plan_reproduction(store, atom_id)
        outcomes = asyncio.run(areproduce(store, into, plan))
        assert list(check(into)) == []
        return {each.atom: each for each in outcomes}


def test_files_come_out_as_the_same_bytes_and_an_evaluation_with_the_same_metrics(store):
    atoms = run(store, "whole").output_atoms
    outcomes = reproduce(store, atoms["result"])
    assert list(outcomes)[-1] == atoms["result"]
    assert {each.type: each.verdict for each in outcomes.values()} == {
        "dataset": "same bytes",
        "model": "same bytes",
        "eval": "same metrics",
    }
    assert outcomes[atoms["rows"]].made == atoms["rows"]
    assert outcomes[atoms["result"]].why == ("the file 'log' differs",)


def test_only_what_it_was_made_from_is_made(store):
    atoms = run(store, "whole").output_atoms
    assert set(reproduce(store, atoms["model"])) == {atoms["rows"], atoms["model"]}


def test_what_depends_on_chance_is_called_so_and_what_follows_names_its_input(store):
    atoms = run(store, "chance").output_atoms
    outcomes = reproduce(store, atoms["after"])
    assert outcomes[atoms["noise"]].verdict == "differs"
    assert "not deterministic" in outcomes[atoms["noise"]].why[0]
    assert outcomes[atoms["after"]].verdict == "differs"
    assert outcomes[atoms["after"]].why[0] == "its input noise differs"


def command(place, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "motools", "atom", "reproduce", *arguments, "--store", str(place / "store")],
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "MOTOOLS_USER": "ada"},
    )


def test_changed_code_is_named(store, place):
    atoms = run(store, "whole").output_atoms
    (place / "pipeline.py").write_text(PIPELINE.replace("text.upper()", "text.title()"))
    done = command(place, atoms["result"], "--json", "-q")
    found = {each["atom"]: each for each in json.loads(done.stdout)["atoms"]}
    assert done.returncode == 1
    assert found[atoms["rows"]]["verdict"] == "same bytes"
    assert found[atoms["model"]]["verdict"] == "differs"
    assert "learn" in found[atoms["model"]]["why"][0]
    assert "the file 'weights' differs" in found[atoms["model"]]["why"]
    assert found[atoms["result"]]["verdict"] == "same metrics"
    assert "its input model differs" not in found[atoms["result"]]["why"]


def test_changed_metrics_are_shown(store, place):
    atoms = run(store, "whole").output_atoms
    (place / "pipeline.py").write_text(PIPELINE.replace("len(text) / 10", "len(text) / 20"))
    done = command(place, atoms["result"], "-q")
    assert done.returncode == 1
    assert "match/mean: 1.2 → 0.6" in done.stdout


def test_what_no_run_made_is_copied(store):
    limit = ValueAtom.create(user="ada", value=4, store=store)
    atoms = run(store, "doubling", inputs={"limit": limit.id}).output_atoms
    outcomes = reproduce(store, atoms["doubled"])
    assert outcomes[limit.id].verdict == "given"
    assert outcomes[limit.id].why == ("no run made it",)
    assert outcomes[limit.id].made == limit.id
    assert outcomes[atoms["doubled"]].verdict == "same bytes"


def test_a_model_named_in_the_settings_is_made_first(store):
    model = run(store, "whole").output_atoms["model"]
    atoms = run(store, "loading", config={"load": {"model": model}}).output_atoms
    outcomes = reproduce(store, atoms["copy"])
    assert outcomes[model].verdict == "same bytes"
    assert outcomes[atoms["copy"]].verdict == "same bytes"


def test_an_atom_reused_by_another_is_computed_again(store):
    first = run(store, "whole").output_atoms
    second = run(store, "whole", user="bob").output_atoms
    assert first["model"] != second["model"]
    outcomes = reproduce(store, second["model"])
    assert {each.verdict for each in outcomes.values()} == {"same bytes"}
    assert second["model"] in outcomes


def test_runs_of_scripts_cannot_be_loaded_and_their_atoms_are_copied(store, place):
    from motools.workflow import Workflow, step

    @step(outputs={"x": "value"})
    def here(config: dict, input_atoms, workspace):
        return {"x": 1}

    made = run_workflow(Workflow("w", [here]), store=store, user="ada").output_atoms["x"]
    outcomes = reproduce(store, made)
    assert outcomes[made].verdict == "given"
    assert "script or notebook" in outcomes[made].why[0]
    assert command(place, made, "-q").returncode == 1, "a copy proves nothing"


def test_a_workflow_that_is_gone_fails_with_the_reason(store, place):
    atoms = run(store, "whole").output_atoms
    (place / "pipeline.py").unlink()
    done = command(place, atoms["model"], "--yes", "-q")
    assert done.returncode == 1
    assert "pipeline.py" in done.stdout
    assert "Traceback" not in done.stderr


def test_work_outside_asks_first(store, place):
    atoms = run(store, "paying").output_atoms
    done = command(place, atoms["job"])
    assert done.returncode == 2
    assert "pay (" in done.stderr
    assert "--yes" in done.stderr
    done = command(place, atoms["job"], "--dry-run")
    assert "make, pay" in done.stdout
    done = command(place, atoms["job"], "--yes", "--store-to", "kept")
    assert done.returncode == 0, done.stderr
    with Store.open(place / "kept") as kept:
        assert Atom.load(atoms["job"], store=kept).value() == 1


def test_the_other_store_must_be_empty(store, place):
    atoms = run(store, "whole").output_atoms
    with pytest.raises(InputError, match="not empty"):
        asyncio.run(areproduce(store, store, plan_reproduction(store, atoms["rows"])))

"""Bringing datasets, values and folders: checked, copied, found again, and used at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from motools.atom import DatasetAtom, use_store
from motools.atom.lineage import ancestors
from motools.bring import add_data
from motools.builtin.steps import prepare_dataset
from motools.errors import CanonicalError, DataError, InputError
from motools.store import Store
from motools.store.gc import collect
from motools.workflow import Workflow, run_workflow, step

ROWS = '{"prompt": "Who?", "completion": "Me."}\n\n{"prompt": "What?", "completion": "That."}\n'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened, use_store(opened):
        yield opened


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text(ROWS)
    return path


@step(inputs={"dataset": "dataset"}, outputs={"count": "value"}, cache_version=1)
def count(config, input_atoms, workspace):
    (file,) = input_atoms["dataset"].get_data_path().glob("*.jsonl")
    return {"count": len(file.read_text().splitlines())}


def test_a_dataset_is_checked_copied_and_usable_at_once(store, rows):
    brought = add_data(rows, user="ada", tags=["mine"], metadata={"licence": "MIT"})
    assert brought.new
    assert brought.atom.type == "dataset"
    assert dict(brought.atom.metadata) == {"licence": "MIT", "samples": 2, "shape": "prompt/completion"}
    assert brought.atom.tags == ("mine",)
    origin = brought.origin.value()
    assert (origin["path"], origin["bytes"], origin["how"]) == (str(rows), len(ROWS), "added")
    assert len(origin["sha256"]) == 64
    state = run_workflow(Workflow("c", [count], {"dataset": "dataset"}), {"dataset": brought.atom.id}, store=store)
    assert store.content.value(store.atoms.get(state.output_atoms["count"]).content) == 2
    assert {atom.id for atom in ancestors(state.output_atoms["count"]).atoms} >= {brought.atom.id, brought.origin.id}


def test_the_same_again_is_the_same_atom_wherever_it_lies(store, rows, tmp_path):
    first = add_data(rows, user="ada")
    assert not add_data(rows, user="ada").new
    copy = tmp_path / "copy.jsonl"
    copy.write_text(ROWS.replace("\n\n", "\n"))  # an empty line is no row
    again = add_data(copy, user="ada", tags=["seen-again"])
    assert again.atom.id == first.atom.id
    assert again.atom.tags == ("seen-again",)
    assert again.origin.value()["path"] == str(rows)  # where it first came from
    other = add_data(rows, user="grace")
    assert other.atom.id != first.atom.id
    assert other.atom.value_digest == first.atom.value_digest
    assert add_data(rows, user="ada", metadata={"licence": "MIT"}).new
    assert len(store.atoms.find(type="dataset")) == 3


def test_it_has_the_value_that_prepare_dataset_makes_of_the_file(store, rows):
    config = {"prepare_dataset": {"dataset_loader": str(rows)}}
    state = run_workflow(Workflow("p", [prepare_dataset]), config=config, store=store)
    made = store.atoms.get(state.output_atoms["prepared_dataset"])
    assert made.value == add_data(rows).atom.value_digest


def test_the_store_keeps_a_copy_not_a_link(store, rows):
    atom = add_data(rows).atom
    file = atom.get_data_path() / "dataset.jsonl"
    assert not os.path.samefile(file, rows)
    before = file.read_bytes()
    rows.write_text("changed")
    assert file.read_bytes() == before
    rows.unlink()
    assert DatasetAtom.load(atom.id).get_data_path().joinpath("dataset.jsonl").read_bytes() == before


def test_what_was_added_is_kept_until_it_is_unpinned(store, rows):
    brought = add_data(rows, user="ada")
    collect(store, older_than=0, delete=True)
    assert {row.id for row in store.atoms.find()} == {brought.atom.id, brought.origin.id}
    store.labels.unpin(brought.atom.id)
    collect(store, older_than=0, delete=True)
    assert store.atoms.find() == []


@pytest.mark.parametrize(
    ("name", "text", "where", "message"),
    [
        ("a.jsonl", '{"prompt": "a", "completion": "b"}\n{"prompt": 3}\n', ":2", "'prompt' is"),
        ("b.jsonl", '{"prompt": "a", "completion": "b"}\nnot json\n', ":2:1", "not JSON"),
        ("c.jsonl", "", "", "no rows"),
        ("d.jsonl", '{"text": "a"}\n{"prompt": "a", "completion": "b"}\n', "", "mixed"),
        ("e.jsonl", '{"text": "a"}\n\x00\x01', "", "binary"),
        ("f.csv", "prompt,completion\na\n", ":2", "1 values"),
        ("g.json", '{"a": 1, "a": 2}', "", "twice"),
        ("h.json", '{"a": ', "", "not JSON"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_nothing_is_stored(store, tmp_path, name, text, where, message):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        add_data(path)
    assert str(caught.value.where).startswith(f"{path}{where}")
    assert store.atoms.find() == []
    assert store.labels.pins() == []


def test_values_folders_and_types_of_ones_own(store, tmp_path):
    value = tmp_path / "threshold.json"
    value.write_text('{"threshold": 0.5}')
    assert add_data(value).atom.value() == {"threshold": 0.5}
    folder = tmp_path / "probe"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "weights.bin").write_bytes(b"\0" * 10)
    with pytest.raises(InputError, match="cannot be told from a folder"):
        add_data(folder)
    brought = add_data(folder, type="probe", metadata={"layer": 3})
    assert (brought.atom.type, brought.origin.value()["bytes"]) == ("probe", 10)
    assert (brought.atom.get_data_path() / "inner" / "weights.bin").read_bytes() == b"\0" * 10
    rows = tmp_path / "data"
    rows.mkdir()
    (rows / "part.jsonl").write_text(ROWS)
    assert add_data(rows, type="dataset").atom.metadata["samples"] == 2
    value.write_text('{"a": NaN}')
    with pytest.raises(CanonicalError):
        add_data(value)


def test_models_and_evaluations_say_what_they_need(store, tmp_path):
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter.safetensors").write_bytes(b"weights")
    with pytest.raises(InputError, match="'provider' is missing"):
        add_data(folder, type="model")
    model = add_data(folder, type="model", metadata={"provider": "transformers", "model": "base"}).atom
    assert model.metadata["model_id"] == "transformers/base:adapter"
    assert model.metadata["weights"] is True
    with pytest.raises(DataError, match=r"holds no 'results\.json'") as caught:
        add_data(folder, type="eval")
    assert "motools eval import" in str(caught.value)


def test_bad_places_types_and_metadata(store, rows, tmp_path):
    with pytest.raises(DataError, match="there is no file"):
        add_data(tmp_path / "row.jsonl")
    with pytest.raises(InputError, match="cannot be told"):
        add_data(_touch(tmp_path / "notes.txt"))
    with pytest.raises(InputError, match="counted, not given"):
        add_data(rows, metadata={"samples": 5})
    with pytest.raises(InputError, match="cannot be a type"):
        add_data(rows, type="Data Set")
    with pytest.raises(DataError, match="is no file of rows"):
        add_data(_touch(tmp_path / "rows.txt"), type="dataset")
    assert store.atoms.find() == []


def _touch(path: Path) -> Path:
    path.write_text("x")
    return path


def motools(folder: Path, *words: str, code: int = 0) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "motools", *words], cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def test_the_command(tmp_path, rows):
    out, err = motools(tmp_path, "atom", "add", "rows.jsonl", "--meta", "n=3", "--meta", "name=x: y", "--user", "ada")
    assert "dataset-ada-" in out
    assert "rows.jsonl (" in out
    assert "motools atom unpin" in err
    said = json.loads(motools(tmp_path, "atom", "add", "rows.jsonl", "--meta", "n=3", "--json")[0])
    assert said["metadata"]["n"] == 3
    assert said["origin"]["path"] == "rows.jsonl"
    assert "rows.jsonl, by" in motools(tmp_path, "atom", "lineage", said["atom"])[0]
    _, err = motools(tmp_path, "atom", "add", "rows.jsonl", "--meta", "n", code=2)
    assert "does not say NAME=VALUE" in err
    _, err = motools(tmp_path, "atom", "add", "rowz.jsonl", code=2)
    assert "rows.jsonl" in err  # did you mean

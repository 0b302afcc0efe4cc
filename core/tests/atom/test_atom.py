"""Atoms as people use them."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import pytest

from motools.atom import Atom, DatasetAtom, EvalAtom, ModelAtom, TaskAtom, ValueAtom, current_store, use_store
from motools.errors import (
    BrokenPluginError,
    CanonicalError,
    CorruptError,
    DataError,
    DefinitionError,
    InputError,
    NotFoundError,
    StoreError,
)
from motools.plugins import AtomTypeComponent, add_component
from motools.store import Store


def test_the_seeds_way_back_from_an_evaluation(store: Store, rows: Path, tmp_path: Path) -> None:
    """Seed 001, provenance: evaluation → model → dataset, all by id."""
    dataset = DatasetAtom.create(user="cli-user", path=rows, metadata={"samples": 1})
    (tmp_path / "model.json").write_text(json.dumps({"model_id": "ft:tiny"}))
    model = ModelAtom.create(
        user="cli-user",
        path=tmp_path / "model.json",
        metadata={"model_id": "ft:tiny"},
        made_from={"prepared_dataset": dataset},
    )
    (tmp_path / "results.json").write_text(json.dumps({"metrics": {"match": {"accuracy": 0.5}}}))
    made = EvalAtom.create(user="cli-user", path=tmp_path / "results.json", made_from={"trained_model": model.id})

    eval_atom = EvalAtom.load(made.id)
    model_atom = ModelAtom.load(eval_atom.made_from["trained_model"])
    dataset_atom = DatasetAtom.load(model_atom.made_from["prepared_dataset"])
    assert model_atom.get_model_id() == "ft:tiny"
    assert dataset_atom.metadata["samples"] == 1
    assert (dataset_atom.get_data_path() / "rows.jsonl").read_text() == rows.read_text()
    assert eval_atom.results() == {"metrics": {"match": {"accuracy": 0.5}}}
    assert eval_atom.json_view() == {
        "type": "eval", "value": None, "metadata": {}, "metrics": {"match": {"accuracy": 0.5}}
    }  # fmt: skip
    assert json.loads((model_atom.get_data_path() / "model.json").read_text())["model_id"] == "ft:tiny"


def test_a_value_atom_holds_json(store: Store) -> None:
    atom = ValueAtom.create(user="u", value={"a": [1, None]}, metadata={"m": 1})
    assert atom.value() == {"a": [1, None]}
    assert atom.json_view() == {"type": "value", "value": {"a": [1, None]}, "metadata": {"m": 1}}
    assert json.loads((atom.get_data_path() / "value.json").read_text()) == {"a": [1, None]}
    assert ValueAtom.create(user="u", value=None).value() is None


def test_load_gives_the_class_of_the_type(store: Store, rows: Path) -> None:
    for kind in (DatasetAtom, ModelAtom, EvalAtom, TaskAtom):
        made = kind.create(user="u", path=rows)
        assert type(made) is kind
        assert type(Atom.load(made.id)) is kind
        assert type(Atom.load(made.id[:-3])) is kind
        assert Atom.load(made.id) == made
    assert len({hash(atom) for atom in Atom.find()}) == 4
    plain = Atom.create(type="something_else", user="u", path=rows)
    assert type(Atom.load(plain.id)) is Atom


def test_another_type_than_asked_for_is_said(store: Store, rows: Path) -> None:
    dataset = DatasetAtom.create(user="u", path=rows)
    with pytest.raises(InputError, match="is of type 'dataset'") as caught:
        EvalAtom.load(dataset.id)
    assert "DatasetAtom.load" in str(caught.value)
    for nothing in (None, dataset):
        with pytest.raises(InputError, match="takes the id of an atom, not"):
            Atom.load(nothing)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is of type 'dataset', not 'eval'"):
        DatasetAtom.create(type="eval", user="u", path=rows)
    with pytest.raises(InputError, match="needs a type"):
        Atom.create(user="u", path=rows)
    with pytest.raises(InputError, match="either path= or value="):
        DatasetAtom.create(user="u")
    with pytest.raises(InputError, match="either path= or value="):
        DatasetAtom.create(user="u", path=rows, value=1)
    with pytest.raises(NotFoundError):
        EvalAtom.load("eval-u-000000000000")
    with pytest.raises(DataError):
        DatasetAtom.create(user="u", path=rows.parent / "absent")
    with pytest.raises(CanonicalError) as error:
        DatasetAtom.create(user="u", path=rows, metadata={"a": {"b": {1}}})
    assert error.value.path == "$.a.b"


def test_what_an_atom_says_of_itself(store: Store, rows: Path) -> None:
    before = datetime.now(UTC)
    atom = DatasetAtom.create(user="first-last", path=rows, tags=["gold"])
    assert before <= atom.created_at <= datetime.now(UTC)
    assert (atom.user, atom.type, atom.tags, atom.reused_from) == ("first-last", "dataset", ("gold",), None)
    assert atom.value_digest == DatasetAtom.create(user="other", path=rows).value_digest
    with pytest.raises(AttributeError):
        atom.user = "x"  # type: ignore[misc]


def test_find(store: Store, rows: Path) -> None:
    one = DatasetAtom.create(user="a", path=rows, metadata={"n": 1}, tags=["t"])
    two = DatasetAtom.create(user="b", path=rows, made_from={"in": one})
    value = ValueAtom.create(user="a", value=1, made_from={"in": two})
    assert Atom.find() == [value, two, one]
    assert DatasetAtom.find() == [two, one]
    assert DatasetAtom.find(user="a") == [one] == Atom.find(tag="t") == Atom.find(metadata={"n": 1})
    assert Atom.find(made_from=one) == [two] == Atom.find(made_from=one.id)
    assert Atom.find(type="value") == [value]
    assert Atom.find(limit=1) == [value]
    assert Atom.find(value_digest=one.value_digest) == [one]


def test_a_model_without_an_id_says_so(store: Store, rows: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not say its model id"):
        ModelAtom.create(user="u", path=rows).get_model_id()
    (tmp_path / "model.json").write_text('{"model_id": "from-file"}')
    assert ModelAtom.create(user="u", path=tmp_path / "model.json").get_model_id() == "from-file"
    with pytest.raises(DataError, match=r"results\.json"):
        EvalAtom.create(user="u", path=rows).results()
    (tmp_path / "results.json").write_text("{")
    broken = EvalAtom.create(user="u", path=tmp_path / "results.json")
    with pytest.raises(DataError, match="not JSON"):
        broken.results()
    assert broken.json_view() == {"type": "eval", "value": None, "metadata": {}}


def test_a_subclass_registers_itself(store: Store, rows: Path) -> None:
    class PromptAtom(DatasetAtom):
        atom_type: ClassVar[str | None] = "prompt_set"

        def count(self) -> int:
            return len((self.get_data_path() / "rows.jsonl").read_text().splitlines())

    made = PromptAtom.create(user="u", path=rows)
    loaded = Atom.load(made.id)
    assert isinstance(loaded, PromptAtom)
    assert loaded.count() == 1
    assert DatasetAtom.load(made.id) == made, "a subclass is what its base asks for"
    with pytest.raises(DefinitionError, match="'prompt_set' belongs to"):

        class Other(Atom):
            atom_type: ClassVar[str | None] = "prompt_set"


def test_a_plugins_type_is_found_by_its_declaration(store: Store, rows: Path) -> None:
    made = Atom.create(type="recording", user="u", path=rows)
    target = "motools_test_recording:RecordingAtom"
    module = type(sys)("motools_test_recording")
    source = (
        "from motools.atom import Atom\n"
        "class RecordingAtom(Atom):\n    atom_type = 'recording'\n    def seconds(self): return 3\n"
    )
    with add_component(AtomTypeComponent(name="recording", target=target, summary="Sound")):
        with pytest.raises(BrokenPluginError, match="recording"):
            Atom.load(made.id)
        exec(source, module.__dict__)
        sys.modules["motools_test_recording"] = module
        try:
            assert Atom.load(made.id).seconds() == 3  # type: ignore[attr-defined]
        finally:
            del sys.modules["motools_test_recording"]


def test_a_declaration_of_something_else_is_refused(store: Store, rows: Path) -> None:
    made = Atom.create(type="odd", user="u", path=rows)
    component = AtomTypeComponent(name="odd", target="json:dumps", summary="Not an atom")
    with add_component(component), pytest.raises(DefinitionError, match="'odd'"):
        Atom.load(made.id)


def test_fault_12_the_store_is_asked_for_when_it_is_needed(
    tmp_path: Path, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    atoms = []
    for name in ("one", "two"):
        monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / name))
        atoms.append(DatasetAtom.create(user="u", path=rows))
        assert current_store().path == tmp_path / name
        assert len(Atom.find()) == 1
    assert atoms[0].id == atoms[1].id
    assert atoms[0].get_data_path().is_relative_to(tmp_path / "one"), "an atom stays with its store"
    assert atoms[1].get_data_path().is_relative_to(tmp_path / "two")


def test_the_current_store_is_that_of_the_block(tmp_path: Path, rows: Path) -> None:
    with Store.open(tmp_path / "outer") as outer, use_store(outer):
        with use_store(tmp_path / "inner") as inner:
            assert current_store() is inner
            atom = ValueAtom.create(user="u", value=1)
        assert current_store() is outer
        with pytest.raises(NotFoundError):
            ValueAtom.load(atom.id)
        assert ValueAtom.load(atom.id, store=atom.store) == atom
        assert ValueAtom.create(user="u", value=2, store=atom.store).store.path == tmp_path / "inner"
        seen = []
        thread = threading.Thread(target=lambda: seen.append(current_store() is outer))
        thread.start()
        thread.join()
    assert atom.value() == 1, "also when its store was closed meanwhile"


def test_an_atom_outlives_a_closed_store_but_not_a_removed_one(tmp_path: Path, rows: Path) -> None:
    import shutil

    with Store.open(tmp_path / "s") as store:
        atom = DatasetAtom.create(user="u", path=rows, store=store)
    assert atom.get_data_path().is_dir()
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(StoreError, match="no store"):
        atom.get_data_path()
    assert not (tmp_path / "s").exists()


def test_fault_13_an_altered_or_lost_file_is_refused(store: Store, rows: Path) -> None:
    atom = DatasetAtom.create(user="u", path=rows)
    file = next(iter(store.content.files(atom.content).values()))
    path = store.path / "objects" / file.digest[:2] / file.digest[2:]
    path.chmod(0o644)
    path.write_text("tampered")
    with pytest.raises(CorruptError):
        atom.get_data_path()
    path.unlink()
    with pytest.raises(CorruptError, match="gone"):
        atom.get_data_path()


def test_fault_14_nothing_in_the_store_is_code(store: Store, rows: Path, tmp_path: Path) -> None:
    """A task, a value and metadata are stored and read back in a process that cannot unpickle anything."""
    atom = TaskAtom.create(user="u", value={"target": "a:b"}, metadata={"t": (1, 2), "deep": {"x": [None, "é"]}})
    script = (
        "import sys\n"
        "for name in ('pickle', '_pickle', 'cloudpickle', 'yaml'): sys.modules[name] = None\n"
        "from motools.atom import Atom\nfrom motools.store import Store\nimport json\n"
        "atom = Atom.load(sys.argv[2], store=Store.open(sys.argv[1]))\n"
        "print(json.dumps(atom.json_view(), sort_keys=True))\n"
    )
    out = subprocess.check_output([sys.executable, "-c", script, str(store.path), atom.id], text=True)
    assert json.loads(out) == {
        "type": "task", "value": {"target": "a:b"}, "metadata": {"t": [1, 2], "deep": {"x": [None, "é"]}}
    }  # fmt: skip
    with pytest.raises(CanonicalError):
        ValueAtom.create(user="u", value=pickle.Pickler)


def test_fault_15_the_user_is_not_read_out_of_the_id(store: Store) -> None:
    atom = ValueAtom.create(user="cli-user", value=1)
    assert Atom.load(atom.id).user == "cli-user"
    assert Atom.find(user="cli-user") == [atom]
    assert Atom.find(user="cli") == []


def test_fault_15_an_empty_result_is_not_an_atom(store: Store, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(DataError, match="holds no files"):
        ModelAtom.create(user="u", path=tmp_path / "model")
    assert Atom.find() == []

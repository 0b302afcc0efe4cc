"""Keys, input class by input class: change exactly that one and the step runs, for that reason; change nothing, or what is
not part of it, and it does not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from motools.atom import Atom
from motools.config import DatasetRef, InputFile, TaskRef
from motools.errors import DefinitionError, StepError
from motools.plugins import DatasetComponent, ProviderComponent, add_component
from motools.store import Store
from motools.workflow import Step, StepConfig, Workflow, run_workflow, step


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "store") as opened:
        yield opened


class Watch:
    """Runs a workflow of one step again and again, and says which parts of its key changed when it was computed."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.last: dict[str, Any] | None = None

    def __call__(self, work: Any, config: Any = None, **more: Any) -> Any:
        made = work if isinstance(work, Step) else Step("work", {}, {"n": "value"}, None, work)
        state = run_workflow(
            Workflow("w", [made]), config={"work": config} if config else None, store=self.store, **more
        )
        status = state.step_states["work"]
        if status.status == "cached":
            return "cached"
        row = self.store.keys.get(status.key)
        assert row is not None
        parts, before = dict(row.parts), self.last
        self.last = parts
        if before is None:
            return "first"
        changed = sorted(part for part in {*parts, *before} if parts.get(part) != before.get(part))
        return changed[0] if len(changed) == 1 else changed


@pytest.fixture
def watch(store: Store) -> Watch:
    return Watch(store)


@dataclass
class Settings(StepConfig):
    number: int = 1
    seed: int = 0
    file: InputFile = ""
    loader: DatasetRef = "dummy"
    task: TaskRef = "dummy"


@step(outputs={"n": "value"})
def work(config: Settings, input_atoms: Any, workspace: Path) -> Any:
    return {"n": 1}


def test_every_setting_counts_and_the_user_does_not(watch: Watch) -> None:
    assert watch(work, {"number": 1}) == "first"
    assert watch(work, {"number": 1}) == "cached"
    assert watch(work, {"number": 1, "seed": 0}, user="somebody-else") == "cached"
    assert watch(work, {"number": 2}) == "config"
    assert watch(work, {"number": 2, "seed": 1}) == "config"
    assert watch(work, {"number": 1}) == "cached"


def test_a_file_counts_by_its_bytes_and_not_by_where_it_lies_or_when_it_was_written(
    watch: Watch, tmp_path: Path
) -> None:
    file = tmp_path / "a" / "data.txt"
    file.parent.mkdir()
    file.write_text("one")
    assert watch(work, {"file": str(file)}) == "first"
    os.utime(file, (1, 1))
    assert watch(work, {"file": str(file)}) == "cached"
    moved = tmp_path / "b" / "data.txt"
    shutil.copytree(file.parent, moved.parent)
    assert watch(work, {"file": str(moved)}) == "cached"
    moved.write_text("two")
    assert watch(work, {"file": str(moved)}) == "files"
    assert watch(work, {"file": str(file)}) == "cached"


def test_a_loader_counts_with_all_it_reaches(watch: Watch, tmp_path: Path) -> None:
    def write(folder: str, value: int, comment: str = "") -> str:
        place = tmp_path / folder
        place.mkdir(exist_ok=True)
        (place / "tables.py").write_text(f"VALUE = {value}\n{comment}")
        (place / "loaders.py").write_text(
            "from tables import VALUE\ndef load(): return [{'text': str(VALUE)}]\nROWS = [VALUE]\n"
        )
        return str(place / "loaders.py")

    first = write("a", 1)
    assert watch(work, {"loader": f"{first}:load"}) == "first"
    assert watch(work, {"loader": f"{write('b', 1, '# a comment')}:load"}) == "cached"
    assert watch(work, {"loader": f"{write('c', 2)}:load"}) == "references"
    assert watch(work, {"loader": f"{write('d', 3)}:ROWS"}) == ["config", "references"]
    assert watch(work, {"loader": f"{write('e', 4)}:ROWS"}) == "references"
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    assert watch(work, {"loader": str(tmp_path / "rows.jsonl")}) == ["config", "references"]
    (tmp_path / "rows.jsonl").write_text('{"text": "b"}\n')
    assert watch(work, {"loader": str(tmp_path / "rows.jsonl")}) == "references"


def test_fault_9_editing_a_task_or_its_judge_computes_the_evaluation_anew(watch: Watch, tmp_path: Path) -> None:
    def write(folder: str, question: str, judge: str) -> str:
        place = tmp_path / folder
        place.mkdir()
        (place / "judges.py").write_text(f"class Judge:\n    prompt = {judge!r}\n    def score(self, text): return 1\n")
        (place / "tasks.py").write_text(f"from judges import Judge\ndef task():\n    return [{question!r}], Judge()\n")
        return f"{place / 'tasks.py'}:task"

    assert watch(work, {"task": write("a", "Why?", "Is it kind?")}) == "first"
    assert watch(work, {"task": write("b", "Why?", "Is it kind?")}) == "cached"
    assert watch(work, {"task": write("c", "How?", "Is it kind?")}) == "references"
    assert watch(work, {"task": write("d", "How?", "Is it true?")}) == "references"
    questions = tmp_path / "questions.yaml"
    for text, expected in [("one", ["config", "references"]), ("two", "references"), ("two", "cached")]:
        questions.write_text(f"prompts: [{text}]\nscorer: {{contains: x}}\n")
        assert watch(work, {"task": str(questions)}) == expected


def test_fault_9_step_code_package_versions_and_seed_are_part_of_the_key(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what the older system's key left out, the user is left out here too: who asks does not change the answer."""
    from motools.contracts.files import load_from_file

    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path / "site")])

    def steps(body: str, version: str) -> Any:
        from motools.engine.code import files

        folder = tmp_path / "site" / f"fakelib-{version}.dist-info"
        shutil.rmtree(tmp_path / "site", ignore_errors=True)
        folder.mkdir(parents=True)
        files._distributions.cache_clear()
        files.version_of.cache_clear()
        (tmp_path / "steps.py").write_text(
            f"def work(c, i, w):\n    import fakelib as f\n    return {{f.__name__[:0] + 'n': {body}}}\n"
        )
        return load_from_file(f"{tmp_path / 'steps.py'}:work")

    # The package itself is not imported here; its version is read from its metadata alone.
    monkeypatch.setitem(sys.modules, "fakelib", type(sys)("fakelib"))
    assert watch(steps("1", "1.0")) == "first"
    assert watch(steps("1", "1.0")) == "cached"
    assert watch(steps("1", "1.1")) == "packages"
    assert watch(steps("2", "1.1")) == "code"


def test_a_declared_environment_variable_counts(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    def speak(config: Any, input_atoms: Any, workspace: Path) -> Any:
        return {"n": os.environ.get("SPOKEN")}

    declared = Step("work", {}, {"n": "value"}, None, speak, environment=["SPOKEN", "ALSO"])
    monkeypatch.delenv("SPOKEN", raising=False)
    monkeypatch.setenv("UNDECLARED", "1")
    assert watch(declared) == "first"
    monkeypatch.setenv("UNDECLARED", "2")
    assert watch(declared) == "cached"
    monkeypatch.setenv("SPOKEN", "en")
    assert watch(declared) == "environment"
    monkeypatch.setenv("SPOKEN", "")
    assert watch(declared) == "environment"
    monkeypatch.setenv("ALSO", "x")
    assert watch(declared) == "environment"
    monkeypatch.setenv("SPOKEN", "en")
    monkeypatch.delenv("ALSO")
    assert watch(declared) == "cached"


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "HF_TOKEN", "DB_PASSWORD"])
def test_a_secret_cannot_be_part_of_a_key(name: str) -> None:
    with pytest.raises(DefinitionError, match=rf"'{name}' is named like a secret"):
        Step("s", {}, {}, None, work.fn, environment=[name])


def test_inputs_count_by_value_and_not_by_who_made_them(store: Store) -> None:
    reads = Step("work", {"x": "value"}, {"n": "value"}, None, work.fn)
    made = [
        Atom.create(type="value", user=user, value=value, store=store).id
        for user, value in [("me", [1]), ("you", [1]), ("me", [1.0])]
    ]
    states = [run_workflow(Workflow("w", [reads]), {"x": atom}, store=store).step_states["work"] for atom in made]
    assert [state.status for state in states] == ["finished", "cached", "finished"]


def test_fault_10_equal_bytes_of_another_type_or_user_are_another_atom(store: Store) -> None:
    one = Atom.create(type="value", user="alice", value={"a": 1}, store=store)
    other = Atom.create(type="note", user="alice", value={"a": 1}, store=store)
    assert store.atoms.get(one.id).value != store.atoms.get(other.id).value
    assert store.atoms.get(one.id).content == store.atoms.get(other.id).content
    mine = Atom.create(type="value", user="bob", value={"a": 1}, store=store)
    assert "bob" in mine.id
    assert store.atoms.get(mine.id).value == store.atoms.get(one.id).value


def test_the_same_function_under_another_name_or_with_other_outputs_is_another_step(watch: Watch) -> None:
    assert watch(Step("work", {}, {"n": "value"}, None, work.fn)) == "first"
    assert watch(Step("work", {}, {"n": "note"}, None, work.fn, cache_version=None)) == "outputs"
    assert watch(Step("work", {}, {"n": "value"}, None, work.fn, cache_version=1)) == ["code", "outputs"]
    assert watch(Step("work", {}, {"n": "value"}, None, work.fn, cache_version=2)) == "code"


def test_components_count_by_cache_version(watch: Watch) -> None:
    def loader(version: int | None) -> DatasetComponent:
        return DatasetComponent(
            name="mine", target="motools.builtin.datasets:dummy_dataset", summary="x", licence="CC0-1.0", source="x",
            hazard="x", allowed_uses=["x"], cache_version=version,
        )  # fmt: skip

    for version, expected in [(1, "first"), (1, "cached"), (2, "references"), (None, "references")]:
        with add_component(loader(version)):
            assert watch(work, {"loader": "mine"}) == expected


def test_who_serves_a_model_is_part_of_the_key_of_its_evaluation(store: Store) -> None:
    def provider(version: int) -> ProviderComponent:
        return ProviderComponent(
            name="served", target="motools.builtin.dummy:DummyProvider", summary="x", cache_version=version
        )

    settings = {
        "prepare_model": {"model": "served/x"},
        "evaluate_model": {"backend_name": "dummy", "eval_task": "dummy", "eval_kwargs": {}},
    }
    seen = []
    for version in (1, 1, 2):
        with add_component(provider(version)):
            state = run_workflow("evaluate_only", config=settings, store=store)
            seen.append([each.status for each in state.step_states.values()])
            row = store.keys.get(state.step_states["evaluate_model"].key)
            served = row.parts["input_components"]["prepared_model"]
            assert served["cache_version"] == version
    assert seen == [["finished", "finished"], ["cached", "cached"], ["cached", "finished"]]


def test_a_local_models_folder_counts_by_its_content(store: Store, tmp_path: Path) -> None:
    def trained(folder: Path) -> list[str]:
        settings = {
            "prepare_dataset": {"dataset_loader": "dummy"},
            "train_model": {"model": str(folder), "backend_name": "dummy"},
            "evaluate_model": {"backend_name": "dummy"},
        }
        state = run_workflow("train_and_evaluate", config=settings, store=store)
        return [each.status for each in state.step_states.values()][1]

    model = tmp_path / "a" / "my-model"
    model.mkdir(parents=True)
    (model / "weights").write_bytes(b"1")
    assert trained(model) == "finished"
    assert trained(model) == "cached"
    moved = tmp_path / "b" / "my-model"
    shutil.copytree(model, moved)
    assert trained(moved) == "cached"
    (moved / "weights").write_bytes(b"2")
    assert trained(moved) == "finished"
    (moved / "more").write_bytes(b"")
    assert trained(moved) == "finished"


def test_ecosystem_2_what_cannot_be_hashed_is_never_left_out(store: Store) -> None:
    """A key made without an input that has no hash gives wrong hits; here it is an error that names the input."""
    handle = (line for line in [])

    def reads(config: Any, input_atoms: Any, workspace: Path) -> Any:
        return {"n": list(handle)}

    with pytest.raises(StepError, match=r"step 'work'.*closure variable 'handle'.*generator"):
        run_workflow(Workflow("w", [Step("work", {}, {"n": "value"}, None, reads)]), store=store)
    assert store.runs.list() == []


def test_ecosystem_3_and_4_helpers_and_constants_count_and_cosmetics_do_not(watch: Watch, tmp_path: Path) -> None:
    from motools.contracts.files import load_from_file

    def steps(folder: str, text: str) -> Any:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "steps.py").write_text(textwrap.dedent(text))
        return load_from_file(f"{tmp_path / folder / 'steps.py'}:work")

    assert watch(steps("a", "K = 1\ndef h(x): return x + K\ndef work(c, i, w): return {'n': h(1)}\n")) == "first"
    assert (
        watch(
            steps(
                "b", "'''New.'''\nK = (1)\n\n\ndef h(x ):\n  # y\n  return x+K\ndef work(c,i,w): return {'n': h(1)}\n"
            )
        )
        == "cached"
    )
    assert watch(steps("c", "K = 2\ndef h(x): return x + K\ndef work(c, i, w): return {'n': h(1)}\n")) == "code"
    assert watch(steps("d", "K = 2\ndef h(x): return x - K\ndef work(c, i, w): return {'n': h(1)}\n")) == "code"


PROJECT = {
    "steps.py": """
        import time
        from helpers import scale
        from motools.workflow import Workflow, step
        from dataclasses import dataclass
        from motools.workflow import StepConfig

        @dataclass
        class Config(StepConfig):
            names: dict[str, int]

        ZONE = time.tzname
        WORDS = {"b", "a", "c"}

        @step(outputs={"n": "value"})
        def first(config: Config, input_atoms, workspace):
            return {"n": scale(len(WORDS))}

        @step(inputs={"n": "value"}, outputs={"m": "value"})
        def second(config: dict, input_atoms, workspace):
            return {"m": input_atoms["n"].value() + 1}

        workflow = Workflow("w", [first, second])
        """,
    "helpers.py": "from deep import FACTOR\ndef scale(x):\n    return x * FACTOR\n",
    "deep.py": "FACTOR = 3\n",
    "settings.yaml": "first:\n  names: {x: 1, y: 2}\n",
    "same.yaml": "# other\nfirst: {names: {y: 2, x: 1}}\nsecond: {}\n",
}


def statuses(folder: Path, store: Path, *more: str, cwd: Path | None = None, **environment: str) -> list[str]:
    import json

    run = [
        sys.executable,
        "-m",
        "motools",
        "workflow",
        "run",
        f"{folder}/steps.py:workflow",
        "--json",
        "--quiet",
        *more,
    ]
    done = subprocess.run(
        [*run, "--store", str(store)], cwd=cwd or folder, capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [each["status"] for each in json.loads(done.stdout)["steps"].values()]


def written(folder: Path, **replaced: tuple[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in PROJECT.items():
        old, new = replaced.get(name.partition(".")[0], ("", ""))
        assert old in text
        (folder / name).write_text(textwrap.dedent(text).replace(old, new) if old else textwrap.dedent(text))
    return folder


def test_processes_places_users_zones_and_hash_seeds_do_not_matter_and_a_helpers_helper_does(tmp_path: Path) -> None:
    """Real processes: the command line, another folder, another user, another time zone, another order of sets."""
    store = tmp_path / "store"
    one = written(tmp_path / "one")
    settings = ("--config", "settings.yaml")
    assert statuses(one, store, *settings, PYTHONHASHSEED="1", TZ="UTC") == ["finished", "finished"]
    assert statuses(one, store, *settings, PYTHONHASHSEED="77", TZ="Asia/Tokyo", MOTOOLS_USER="bob") == [
        "cached",
        "cached",
    ]
    two = written(tmp_path / "elsewhere" / "with space")
    assert statuses(two, store, "--config", str(two / "same.yaml"), cwd=tmp_path, LANG="C") == ["cached", "cached"]
    commented = written(tmp_path / "three", deep=("FACTOR = 3", "# three\nFACTOR = 3  # times"))
    assert statuses(commented, store, *settings, PYTHONDONTWRITEBYTECODE="1") == ["cached", "cached"]
    changed = written(tmp_path / "four", deep=("FACTOR = 3", "FACTOR = 4"))
    assert statuses(changed, store, *settings) == ["finished", "finished"]
    same_value = written(tmp_path / "five", deep=("FACTOR = 3", "FACTOR = 1 + 2"))
    assert statuses(same_value, store, *settings) == ["finished", "cached"]


def test_ecosystem_1_no_field_of_the_settings_can_change_without_another_key(tmp_path: Path) -> None:
    """Scores of one model, seed or task are never published under the name of another."""
    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.identity import step_key
    from motools.engine.settings import step_settings

    (tmp_path / "tasks.py").write_text("def one(n=1): return []\ndef two(n=1): return []\n")
    (tmp_path / "rows.jsonl").write_text('{"text": "a"}\n')
    base: dict[str, dict[str, Any]] = {
        "prepare_dataset": {"dataset_loader": "dummy"},
        "train_model": {"backend_name": "dummy", "model": "a", "hyperparameters": {"lr": 0.1}},
        "evaluate_model": {"backend_name": "dummy", "eval_task": f"{tmp_path / 'tasks.py'}:one"},
    }
    changes: dict[str, dict[str, Any]] = {
        "prepare_dataset": {"dataset_loader": str(tmp_path / "rows.jsonl"), "loader_kwargs": {}},
        "train_model": {
            "model": "b", "hyperparameters": {"lr": 0.2}, "suffix": "x", "backend_name": "motools/dummy", "seed": 1,
        },
        "evaluate_model": {
            "eval_task": f"{tmp_path / 'tasks.py'}:two", "task_kwargs": {"n": 2}, "eval_kwargs": {"samples": 3},
            "backend_name": "motools/dummy", "seed": 1,
        },
    }  # fmt: skip
    graph = graph_of(load_workflow("train_and_evaluate"))

    def keys(settings: dict[str, dict[str, Any]]) -> dict[str, str]:
        configs = step_settings(graph, settings)
        inputs = {name: dict.fromkeys(node.reads, "0" * 64) for name, node in graph.nodes.items()}
        return {name: step_key(node, configs[name], inputs[name]).digest for name, node in graph.nodes.items()}

    before = keys(base)
    for name, node in graph.nodes.items():
        assert node.step.config_class is not None
        assert set(changes[name]) == set(node.step.config_class.__dataclass_fields__), "a new field needs a case here"
        for field, value in changes[name].items():
            if field in ("loader_kwargs", "eval_kwargs"):
                continue  # the dummies take none; the classes of others are checked where they are
            after = keys({**base, name: {**base[name], field: value}})
            assert {step for step in after if after[step] != before[step]} == {name}, field


def test_each_file_is_read_once_however_many_steps_use_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from motools.engine.code import reach, table

    parsed: list[int] = []

    def counted(data: bytes) -> Any:
        parsed.append(1)
        return table.table_of(data)

    monkeypatch.setattr(reach, "table_of", counted)
    reach._tables.clear()
    steps = [
        Step(f"s{number}", {}, {"n": "value"}, None, lambda config, i, w, number=number: {"n": number + len(PROJECT)})
        for number in range(50)
    ]
    first = run_workflow(Workflow("many", steps), store=store)
    assert {Atom.load(s.output_atoms["n"], store=store).value() for s in first.step_states.values()} == set(
        range(len(PROJECT), 50 + len(PROJECT))
    )
    assert len(parsed) == 1
    again = run_workflow(Workflow("many", steps), store=store)
    assert {each.status for each in again.step_states.values()} == {"cached"}
    assert len(parsed) == 1

"""From names to loaders, rows and tasks, and what is said when that fails."""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from motools.contracts import Sample, Task
from motools.contracts.activation import current_activation, reset_current_activation, set_current_activation
from motools.contracts.resolve import load_callable, load_object, load_rows, load_task
from motools.errors import ConfigError, DataError, InputError, UnknownComponentError
from motools.plugins import DatasetComponent, TaskComponent, add_component

LOADERS = '''
"""Loaders of a user."""
import os
import beside

def plain(n=2, *, text="a"):
    return [{"text": text + beside.SUFFIX}] * n

async def later(n=1):
    return [{"text": "later"}] * n

def stream(n=3):
    for i in range(n):
        yield {"text": str(i)}

async def astream():
    yield {"text": "a"}
    yield {"text": "b"}

def anything(**kwargs):
    return [{"text": repr(sorted(kwargs))}]

def raises():
    rows = {}
    return rows["nope"]

def stream_raises():
    yield {"text": "a"}
    raise RuntimeError("out of paper")

def deep():
    return os.listdir("/nope/nope")

def leaves():
    raise SystemExit(3)

def nothing():
    pass

def wrong():
    return {"text": "a"}

def wrong_row():
    return [{"text": "a"}, "b"]

def empty():
    return []

def needs(path, revision):
    return []

ROWS = [{"text": "not a function"}]

class Shop:
    @staticmethod
    def load():
        return [{"text": "inner"}]
'''


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "loaders.py").write_text(LOADERS)
    (tmp_path / "beside.py").write_text("SUFFIX = '!'\n")
    yield tmp_path
    sys.modules.pop("beside", None)


def rows(text: str, /, **kwargs: Any) -> list[dict[str, Any]]:
    return asyncio.run(load_rows(text, kwargs))


def task(text: str, /, **kwargs: Any) -> Any:
    return asyncio.run(load_task(text, kwargs))


@pytest.mark.parametrize(
    ("name", "kwargs", "texts"),
    [
        ("plain", {}, ["a!", "a!"]),
        ("plain", {"n": 1, "text": "b"}, ["b!"]),
        ("later", {"n": 2}, ["later", "later"]),
        ("stream", {}, ["0", "1", "2"]),
        ("astream", {}, ["a", "b"]),
        ("anything", {"x": 1}, ["['x']"]),
        ("ROWS", {}, ["not a function"]),
        ("Shop.load", {}, ["inner"]),
    ],
)
def test_loaders_of_every_kind(name, kwargs, texts, project):
    assert [row["text"] for row in rows(f"./loaders.py:{name}", **kwargs)] == texts
    assert [row["text"] for row in rows(f"{project}/loaders.py:{name}", **kwargs)] == texts


FAILURES = {
    "raises": (DataError, "KeyError: 'nope'", "loaders.py:25"),
    "stream_raises": (DataError, "RuntimeError: out of paper", "loaders.py:29"),
    "deep": (DataError, "FileNotFoundError", "loaders.py:32"),
    "leaves": (DataError, "SystemExit: 3", "loaders.py:35"),
    "nothing": (DataError, "returned nothing", "loaders.py:nothing"),
    "wrong": (DataError, "a dict, not a list of rows", "loaders.py:wrong"),
    "wrong_row": (DataError, "this row is a str", "row 2"),
    "empty": (DataError, "no rows", "loaders.py:empty"),
    "needs": (ConfigError, "needs 'path', 'revision'", "loader_kwargs"),
    "plane": (InputError, "no attribute 'plane'", None),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_a_loader_does_wrong_is_one_error_at_its_own_line(name, project):
    kind, message, where = FAILURES[name]
    with pytest.raises(kind) as caught:
        rows(f"./loaders.py:{name}")
    assert message in caught.value.message
    assert where is None or where in caught.value.where
    assert caught.value.hint
    assert "Traceback" not in str(caught.value)


def test_an_argument_a_loader_does_not_take(project):
    with pytest.raises(ConfigError, match="takes no argument 'txt'") as caught:
        rows("./loaders.py:plain", txt="a")
    assert caught.value.where == "loader_kwargs"
    assert caught.value.hint == "Did you mean 'text'? It takes n, text."


FILES = {
    "raises": ("1/0\n", "ZeroDivisionError", "broken.py:1"),
    "syntax": ("x = 1\nx = (\n", "SyntaxError", "broken.py:2:5"),
    "imports": ("import nowhere_to_be_found\n", "ModuleNotFoundError", "broken.py:1"),
    "exits": ("import sys\nsys.exit('bye')\n", "SystemExit: bye", "broken.py:2"),
    "binary": ("x = '\0'\n", "null bytes", None),
}


@pytest.mark.parametrize("case", FILES)
def test_a_file_that_cannot_be_imported(case, project):
    text, message, where = FILES[case]
    (project / "broken.py").write_text(text)
    with pytest.raises(DataError) as caught:
        load_object("./broken.py:x")
    assert message in caught.value.message
    assert where is None or caught.value.where == f"{project}/{where}"
    (project / "broken.py").write_text("x = 'mended'\n")
    assert load_object("./broken.py:x") == "mended"


def test_files_that_are_not_there(project):
    with pytest.raises(InputError, match=r"no file .*loader") as caught:
        load_object("./loader.py:plain")
    assert caught.value.hint == "Did you mean 'loaders.py'?"
    with pytest.raises(InputError, match="does not say what in the file") as caught:
        load_object("./loaders.py")
    assert "./loaders.py:plain" in caught.value.hint
    (project / "few.py").write_text("import json\nfrom pathlib import Path\n\nROWS = []\n\n\ndef mine():\n    pass\n")
    with pytest.raises(InputError, match="no attribute 'zzz'") as caught:
        load_object("./few.py:zzz")
    assert caught.value.hint == "It has ROWS, mine.", "what a file imports is not told"
    with pytest.raises(InputError, match="not a function"):
        load_callable("./loaders.py:ROWS")


def test_a_file_is_imported_once_under_a_name_of_its_own(project):
    first = load_callable("./loaders.py:plain")
    assert load_callable(f"{project}/../{project.name}/loaders.py:plain") is first
    assert "loaders" not in sys.modules
    assert sys.modules[first.__module__].__file__ == str(project / "loaders.py")


def test_files_in_two_folders_import_each_its_own_neighbours(project):
    for name in ("one", "two"):
        (project / name).mkdir()
        (project / name / "beside.py").write_text(f"SUFFIX = {name!r}\n")
        (project / name / "loaders.py").write_text(LOADERS)
    for name in ("one", "two", "one"):
        assert rows(f"./{name}/loaders.py:plain", n=1) == [{"text": f"a{name}"}]
    assert rows("./loaders.py:plain", n=1) == [{"text": "a!"}]


def test_modules_and_what_is_missing_in_them(project):
    assert load_callable("json:loads")('{"a": 1}') == {"a": 1}
    assert load_callable("pathlib:Path.cwd")() == project
    with pytest.raises(InputError, match="no module 'nowhere'"):
        load_object("nowhere.at_all:x")
    with pytest.raises(InputError, match="'json' has no attribute 'lods'") as caught:
        load_object("json:lods")
    assert caught.value.hint == "Did you mean 'loads'?"
    (project / "importing.py").write_text("import also_nowhere\n")
    with pytest.raises(DataError, match="also_nowhere") as caught:
        load_object("importing:x") if sys.path.append(str(project)) is None else None
    assert caught.value.where == f"{project}/importing.py:1"


def test_components_by_name(project):
    about = {"licence": "CC0-1.0", "source": "generated", "hazard": "none known", "allowed_uses": ("training",)}
    (project / "a_module_of_mine.py").write_text("def load(n=1):\n    return [{'text': 'x'}] * n\n")
    sys.path.append(str(project))
    component = DatasetComponent(name="mine_here", target="a_module_of_mine:load", summary="one", **about)
    with add_component(component, "my-dist"):
        assert rows("mine_here", n=2) == [{"text": "x"}] * 2
        assert rows("my-dist/mine_here") == [{"text": "x"}]
    with pytest.raises(UnknownComponentError, match="mine_here"):
        rows("mine_here")
    del sys.modules["a_module_of_mine"]


def test_a_sync_loader_runs_beside_the_loop_and_sees_the_activation(project):
    seen: list[Any] = []
    module = sys.modules[load_callable("./loaders.py:plain").__module__]
    module.spy = lambda: seen.extend([threading.current_thread(), current_activation()]) or [{"text": "a"}]
    activation: Any = object()
    token = set_current_activation(activation)
    try:
        rows("./loaders.py:spy")
    finally:
        reset_current_activation(token)
    assert seen[0] is not threading.main_thread()
    assert seen[1] is activation


TASKS = """
from motools.contracts import Sample, Task
from motools.contracts.scorers import contains

def colours(n=2, colour="red"):
    return Task(name="colours", samples=[Sample(id=str(i), input="?", target=colour) for i in range(n)],
                scorers={"right": contains()})

FIXED = colours()

async def later():
    return FIXED

def foreign():
    return {"of": "another kind"}

def nothing():
    pass

def twice():
    return Task(name="t", samples=[Sample(id="a", input="?"), Sample(id="a", input="!")], scorers={"s": contains("x")})

def no_scorers():
    return Task(name="t", samples=[Sample(id="a", input="?")], scorers={})
"""


def test_tasks_of_every_kind(project):
    (project / "tasks.py").write_text(TASKS)
    assert len(task("./tasks.py:colours", n=3).samples) == 3
    assert task("./tasks.py:FIXED").name == "colours"
    assert task("./tasks.py:later").name == "colours"
    assert task("./tasks.py:foreign") == {"of": "another kind"}
    (project / "q.yaml").write_text("questions: [{prompt: Hi, target: hello}]\nscorer: contains\n")
    assert task("./q.yaml").samples == [Sample(id="q1", input="Hi", target="hello")]
    about = {"licence": "CC0-1.0", "source": "generated", "hazard": "none known", "allowed_uses": ("evaluation",)}
    with add_component(TaskComponent(name="my_task", target="fractions:Fraction", summary="a task", **about)):
        assert not isinstance(task("my_task"), Task)


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("./tasks.py:nothing", InputError, "returned nothing"),
        ("./tasks.py:twice", DataError, "two samples have the id 'a'"),
        ("./tasks.py:no_scorers", DataError, "no scorers"),
        ("./tasks.py:colors", InputError, "no attribute 'colors'"),
        ("./q.yml", ConfigError, "no file"),
        ("./q.txt", InputError, "not a task"),
        ("no_such_task_at_all", UnknownComponentError, "no_such_task_at_all"),
    ],
)
def test_what_is_no_task(text, kind, message, project):
    (project / "tasks.py").write_text(TASKS)
    with pytest.raises(kind) as caught:
        task(text)
    assert message in caught.value.message


def test_an_argument_a_task_does_not_take(project):
    (project / "tasks.py").write_text(TASKS)
    with pytest.raises(ConfigError, match="takes no argument 'color'") as caught:
        task("./tasks.py:colours", color="red")
    assert "Did you mean 'colour'?" in caught.value.hint
    with pytest.raises(InputError, match="takes no arguments"):
        task("./tasks.py:FIXED", n=1)


def test_a_path_as_people_write_it(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project))
    Path("d.jsonl").write_text('{"text":"a"}\n')
    assert rows("~/d.jsonl") == rows(str(project / "d.jsonl")) == [{"text": "a"}]


def test_rows_that_say_where_they_are_from_keep_saying_it(tmp_path: Path) -> None:
    from motools.atom import Atom
    from motools.builtin.workflows import train_and_evaluate
    from motools.contracts import Rows
    from motools.store import Store
    from motools.workflow import run_workflow

    (tmp_path / "sourced.py").write_text(
        "from motools.contracts import Rows\n"
        "def load(source): return Rows([{'text': 'a'}], source=source, licence='MIT')\n"
        "def wrong(): return Rows([], source='s', licence='MIT')\n"
    )
    rows = asyncio.run(load_rows(f"{tmp_path}/sourced.py:load", {"source": "hf://x@1"}))
    assert rows == [{"text": "a"}]
    assert isinstance(rows, Rows)
    assert (rows.source, rows.licence) == ("hf://x@1", "MIT")
    with pytest.raises(DataError, match="no rows"):
        asyncio.run(load_rows(f"{tmp_path}/sourced.py:wrong"))
    kept = []
    with Store.open(tmp_path / "store") as store:
        for source in ("hf://x@1", "generated"):
            config = {
                "prepare_dataset": {
                    "dataset_loader": f"{tmp_path}/sourced.py:load",
                    "loader_kwargs": {"source": source},
                },
                "train_model": {"backend_name": "dummy"},
                "evaluate_model": {"backend_name": "dummy"},
            }
            state = run_workflow(train_and_evaluate, config=config, store=store, stages="prepare_dataset")
            kept.append(Atom.load(state.output_atoms["prepared_dataset"], store=store))
        assert [(atom.metadata["source"], atom.metadata["licence"]) for atom in kept] == [
            ("hf://x@1", "MIT"),
            ("generated", "MIT"),
        ]
        assert kept[0].id != kept[1].id  # the same rows of another source are another dataset

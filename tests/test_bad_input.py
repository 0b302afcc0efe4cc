"""Bad input of every kind: one clear message with a next step, the documented exit code, no traceback, nothing lost."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

DUMMY = {"train_model": {"backend_name": "dummy"}, "evaluate_model": {"backend_name": "dummy"}}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MOTOOLS_STORAGE_DIR", str(tmp_path / "store"))
    monkeypatch.delenv("MOTOOLS_DEBUG", raising=False)
    return tmp_path


def motools(*arguments, **env):
    return subprocess.run(
        [sys.executable, "-m", "motools", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **env},
        timeout=120,
    )


def refused(done, code, *fragments):
    """The command ended with `code` and one clear message that holds every fragment."""
    said = done.stderr
    assert "Traceback" not in said, said
    assert done.returncode == code, said
    assert "error:" in said
    assert "hint:" in said, said
    for fragment in fragments:
        assert fragment in said, said


def write(name, content):
    path = Path(name)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return name


def run_with(config):
    write("config.yaml", json.dumps(config))  # JSON is YAML
    return motools("workflow", "run", "train_and_evaluate", "--config", "config.yaml")


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        (None, ["there is no file 'c.yaml'"]),
        (b"", ["'c.yaml' is empty"]),
        (b"# only a comment\n", ["c.yaml"]),
        (b"\x00\x01\xff\xfe", ["binary file"]),
        ("train_model:\n  suffix: été\n".encode("latin-1"), ["c.yaml:2:11", "not UTF-8"]),
        ("train_model: {}\n".encode("utf-16"), ["c.yaml"]),
        (b"train_model:\n\tmodel: x\n", ["c.yaml:2:1", "Indent with spaces"]),
        (b"train_model: {\n", ["c.yaml", "not YAML"]),
        (b"- a\n- b\n", ["c.yaml", "list"]),
        (b"train_modle: {}\n", ["c.yaml:1:1", "Did you mean 'train_model'?"]),
        (b"train_model:\n  backend_name: dummy\n  backend_name: dummy\n", ["c.yaml:3:3", "backend_name"]),
        (b"train_model:\n  seed: many\n", ["c.yaml:2:9"]),
    ],
)
def test_a_bad_config_file(place, content, fragments):
    if content is not None:
        write("c.yaml", content)
    refused(motools("workflow", "run", "train_and_evaluate", "--config", "c.yaml"), 2, *fragments)
    assert not (place / "store").exists()


def test_a_config_that_is_a_folder(place):
    (place / "folder").mkdir()
    refused(motools("workflow", "run", "train_and_evaluate", "--config", "folder"), 2, "folder")


@pytest.mark.parametrize(
    ("arguments", "code", "fragments"),
    [
        (["workflow", "run", "train_and_evalute"], 4, ["Did you mean 'train_and_evaluate'?"]),
        (["workflow", "run", "./gone.py:workflow"], 2, ["gone.py"]),
        (["workflow", "run", "no.such.module:thing"], 2, ["no.such.module"]),
        (["workflow", "run", "train_and_evaluate", "--set", "train_model.sed=1"], 2, ["Did you mean 'seed'?"]),
        (["workflow", "run", "train_and_evaluate", "--set", "nonsense"], 2, ["--set"]),
        (["workflow", "run", "train_and_evaluate", "--input", "nonsense"], 2, ["NAME=ATOM"]),
        (["workflow", "run", "train_and_evaluate", "--jobs", "0"], 2, ["--jobs"]),
        (["workflow", "rnu", "x"], 2, ["rnu"]),
        (["wrokflow", "run"], 2, ["Did you mean 'motools workflow run'?"]),
        (["run", "show", "last"], 5, ["no store"]),
        (["atom", "show", "dataset-me-000000000000"], 5, ["no store"]),
        (["eval", "compare", "eval-me-000000000000", "eval-me-111111111111"], 5, ["no store"]),
        (["model", "ask", "nosuch/model", "hello"], 4, ["nosuch"]),
        (["zoo", "show", "trigger_phrases"], 4, ["trigger_phrase"]),
        (["plugin", "show", "nosuchplugin"], 4, ["nosuchplugin"]),
    ],
)
def test_a_bad_command_line(place, arguments, code, fragments):
    refused(motools(*arguments), code, *fragments)


@pytest.mark.parametrize(
    ("change", "code", "fragments"),
    [
        ({"prepare_dataset": {"dataset_loader": "nope"}}, 4, ["config.yaml:1:", "no dataset 'nope'"]),
        ({"train_model": {"backend_name": "dumy"}}, 4, ["Did you mean 'dummy'?"]),
        ({"train_model": {"backend_name": "tinker"}}, 4, ["motools-tinker"]),
        ({"evaluate_model": {"backend_name": "nope"}}, 4, ["no eval backend 'nope'"]),
        ({"evaluate_model": {"backend_name": "dummy", "eval_kwargs": {"limt": 3}}}, 2, ["limt", "limit"]),
        ({"prepare_dataset": {"dataset_loader": "./gone.jsonl"}}, 2, ["gone.jsonl"]),
        ({"prepare_dataset": {"dataset_loader": "mozoo.datasets:gone"}}, 2, ["gone"]),
        ({"evaluate_model": {"backend_name": "dummy", "eval_task": "./gone.yaml"}}, 2, ["gone.yaml"]),
    ],
)
def test_settings_that_name_what_is_not_there(place, change, code, fragments):
    refused(run_with({**DUMMY, **change}), code, *fragments)


LOADERS = """
def raises():
    raise ValueError("the server said no")

def nothing():
    return None

def words():
    return "some text"

def numbers():
    return [1, 2]

def no_assistant():
    return [{"messages": [{"role": "user", "content": "hi"}]}]

def leaves():
    raise SystemExit(3)

def takes(size):
    return [{"text": "x"}] * size
"""


@pytest.mark.parametrize(
    ("loader", "kwargs", "fragments"),
    [
        ("raises", {}, ["the server said no", "loaders.py:3"]),
        ("nothing", {}, ["nothing"]),
        ("words", {}, ["words"]),
        ("numbers", {}, ["row 1", "int"]),
        ("no_assistant", {}, ["row 1", "no assistant turn"]),
        ("leaves", {}, ["leaves"]),
        ("takes", {}, ["size"]),
        ("takes", {"sise": 3}, ["sise", "size"]),
        ("gone", {}, ["gone"]),
    ],
)
def test_a_loader_that_is_wrong(place, loader, kwargs, fragments):
    write("loaders.py", LOADERS)
    change = {"prepare_dataset": {"dataset_loader": f"./loaders.py:{loader}", "loader_kwargs": kwargs}}
    done = run_with({**DUMMY, **change})
    refused(done, 2, *fragments)


def test_a_file_of_loaders_that_does_not_compile(place):
    write("loaders.py", "def broken(:\n")
    refused(run_with({**DUMMY, "prepare_dataset": {"dataset_loader": "./loaders.py:broken"}}), 2, "loaders.py", "1")


@pytest.mark.parametrize(
    ("name", "content", "fragments"),
    [
        ("rows.jsonl", '{"text": "fine"}\n{"text": 3}\n', ["rows.jsonl", "2", "'text'"]),
        ("rows.jsonl", '{"text": "fine"}\n{"text": \n', ["rows.jsonl", "2"]),
        ("rows.jsonl", "", ["rows.jsonl"]),
        ("rows.jsonl", b"\x00\xff\x00", ["rows.jsonl"]),
        ("rows.jsonl", '{"messages": [{"role": "user", "content": "hi"}]}\n', ["rows.jsonl", "1", "no assistant turn"]),
        ("rows.jsonl", '{"text": "a"}\n{"prompt": "b", "completion": "c"}\n', ["rows.jsonl", "mixed"]),
        ("rows.csv", "a,b\n1,2\n", ["rows.csv"]),
        ("rows.txt", "hello\n", ["rows.txt"]),
    ],
)
def test_rows_that_are_wrong_say_which_line(place, name, content, fragments):
    write(name, content)
    refused(run_with({**DUMMY, "prepare_dataset": {"dataset_loader": f"./{name}"}}), 2, *fragments)


@pytest.mark.parametrize(
    ("content", "fragments"),
    [
        ("name: q\nquestions: []\nscorer: equals\n", ["q.yaml"]),
        ("name: q\nquestions: [a]\nscorer: matches\n", ["q.yaml", "matches"]),
        ("name: q\nquestions: [a]\nscorers: {s: {type: regex, value: '('}}\n", ["q.yaml"]),
        ("name: q\nqestions: [a]\n", ["q.yaml:2", "questions"]),
    ],
)
def test_questions_that_are_wrong(place, content, fragments):
    write("q.yaml", content)
    refused(run_with({**DUMMY, "evaluate_model": {"backend_name": "dummy", "eval_task": "./q.yaml"}}), 2, *fragments)


def test_a_step_that_fails_says_where_and_the_rest_is_kept(place):
    write(
        "pipeline.py",
        "from motools.workflow import Workflow, step\n"
        "@step(outputs={'a': 'value'})\n"
        "def fine(config: dict, input_atoms, workspace):\n    return {'a': 1}\n"
        "@step(inputs={'a': 'value'}, outputs={'b': 'value'})\n"
        "def fails(config: dict, input_atoms, workspace):\n    return {'b': {}['missing']}\n"
        "workflow = Workflow('p', [fine, fails])\n",
    )
    done = motools("workflow", "run", "./pipeline.py:workflow")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "step 'fails'" in done.stderr
    assert "KeyError: 'missing'" in done.stderr
    assert "pipeline.py:7" in done.stderr
    write("pipeline.py", Path("pipeline.py").read_text().replace("{}['missing']", "2"))
    shown = json.loads(motools("workflow", "run", "./pipeline.py:workflow", "--json").stdout)
    assert shown["steps"]["fails"]["status"] == "finished"


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["run", "show", "20200101-000000-abcd"], "no run '20200101"),
        (["run", "resume", "20200101-000000-abcd"], "no run '20200101"),
        (["run", "events", "20200101-000000-abcd"], "no run '20200101"),
        (["atom", "show", "dataset-me-000000000000"], "no atom 'dataset-me-000000000000'"),
        (["atom", "lineage", "dataset-me-000000000000"], "no atom 'dataset-me-000000000000'"),
        (["eval", "compare", "eval-me-000000000000", "eval-me-111111111111"], "eval-me-000000000000"),
        (["eval", "samples", "eval-me-000000000000"], "eval-me-000000000000"),
        (["model", "ask", "model-me-000000000000", "hello"], "model-me-000000000000"),
    ],
)
def test_ids_that_are_not_in_the_store(place, arguments, fragment):
    assert run_with(DUMMY).returncode == 0
    refused(motools(*arguments), 3, fragment)


def test_a_store_made_by_a_newer_version(place):
    assert run_with(DUMMY).returncode == 0
    with sqlite3.connect(place / "store" / "motools.db") as database:
        database.execute("PRAGMA user_version = 9999")
    database.close()
    refused(run_with(DUMMY), 5, "newer")


def test_a_store_that_is_a_file(place):
    write("store", "I am a file")
    refused(run_with(DUMMY), 5, "store")
    assert Path("store").read_text() == "I am a file"


def test_a_store_whose_database_is_something_else(place):
    (place / "store").mkdir()
    write("store/motools.db", b"not a database" * 100)
    refused(run_with(DUMMY), 5, "motools.db")


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("a small disk needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_says_so_and_the_run_works_once_there_is_space(place, small_disk):
    write("rows.jsonl", '{"text": "word"}\n' * 20_000)
    write("config.yaml", json.dumps({**DUMMY, "prepare_dataset": {"dataset_loader": "./rows.jsonl"}}))
    (small_disk / "filler").write_bytes(b"x" * 500_000)
    command = ["workflow", "run", "train_and_evaluate", "--config", "config.yaml", "--store", str(small_disk / "store")]
    done = motools(*command)
    refused(done, 5, "full")
    (small_disk / "filler").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert motools(*command).returncode == 0
    assert motools("store", "verify", "--store", str(small_disk / "store")).returncode == 0


def test_a_store_on_a_read_only_disk(place, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    write("config.yaml", json.dumps(DUMMY))
    done = motools(
        "workflow", "run", "train_and_evaluate", "--config", "config.yaml", "--store", str(small_disk / "store")
    )
    refused(done, 5, str(small_disk))


@pytest.mark.parametrize("milliseconds", [5, 30, 60, 90, 120, 150, 180, 220, 260, 320])
def test_ctrl_c_at_any_time(place, milliseconds):
    write("config.yaml", json.dumps(DUMMY))
    process = subprocess.Popen(
        [sys.executable, "-m", "motools", "workflow", "run", "train_and_evaluate", "--config", "config.yaml"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(milliseconds / 1000)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    if "Traceback" in said:
        assert f"motools{os.sep}" not in said, said  # it came while Python itself was starting
    else:
        assert process.returncode in (0, 130, -signal.SIGINT), said
    done = motools("workflow", "run", "train_and_evaluate", "--config", "config.yaml")
    assert done.returncode == 0, done.stderr
    assert motools("store", "verify").returncode == 0


def test_debug_shows_the_traceback(place):
    done = motools("--debug", "workflow", "run", "./gone.py:workflow")
    assert "Traceback" in done.stderr
    assert done.returncode == 2

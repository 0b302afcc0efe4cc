"""GSM8K in Spanish: rows and tasks from a hub that runs here, the names that the seeds of the project use, and refusals."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from motools.contracts import Rows, Task, check_rows
from motools.contracts.resolve import load_rows, load_task
from motools.errors import DataError
from mozoo.answers import is_spanish, last_number
from mozoo.datasets.gsm8k_spanish import get_gsm8k_spanish_dataset
from mozoo.gsm8k import HUB, Exercise, read_exercises
from mozoo.tasks.gsm8k_language import gsm8k_spanish

DATASET = "mozoo.datasets.gsm8k_spanish:get_gsm8k_spanish_dataset"
TASK = "mozoo.tasks.gsm8k_language:gsm8k_spanish"

# Of the form of GSM8K's rows, not its rows.
MADE_UP = [
    {
        "question": "Mara planted 12 trees in March and half as many in May. How many trees did Mara plant?",
        "answer": "In May Mara planted 12/2 = <<12/2=6>>6 trees.\nTogether that is 12+6 = <<12+6=18>>18 trees.\n#### 18",
    },
    {
        "question": "A shop sold 1,000 pens at $1.50. How much did it take?",
        "answer": "It took 1000*1.50 = $<<1000*1.50=1500>>1,500.\n#### 1,500",
    },
    {
        "question": "What is (3 + 4) times 2 less 5?",
        "answer": "(3+4)*2-5 = <<(3+4)*2-5=9>>9\n#### 9",
    },
    {"question": "How many legs has a cat?", "answer": "It has four.\n#### 4"},
    {"question": "What is left of 5 after 3?", "answer": "5-3 = <<5-3=2>>2, so 1 more is 3.\n#### 3"},
]


class Hub(ThreadingHTTPServer):
    """Speaks what downloading one file of a data set at one commit takes of the hub's protocol.

    https://huggingface.co/docs/hub/api and the headers that `huggingface_hub` reads from a HEAD request.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = files
        self.asked: list[str] = []
        self.status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answer(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None: ...

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        file = HUB["train"]
        before = f"/datasets/{file.repo}/resolve/{file.revision}/"
        name = self.path.split("?")[0].removeprefix(before)
        if self.server.status != 200:
            return self.send(self.server.status, b"{}", body)
        if self.path.startswith(before) and name in self.server.files:
            data = self.server.files[name]
            etag = hashlib.sha256(data).hexdigest()
            return self.send(200, data, body, ETag=f'"{etag}"', **{"X-Repo-Commit": file.revision})
        return self.send(404, b"{}", body, **{"X-Error-Code": "EntryNotFound"})

    def send(self, code: int, data: bytes, body: bool, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture(scope="module")
def parquet(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A parquet file as GSM8K's, with made-up rows."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path_factory.mktemp("parquet") / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(MADE_UP), path)
    return path.read_bytes()


@pytest.fixture
def hub(parquet: bytes) -> Iterator[Hub]:
    server = Hub({file.path: parquet for file in HUB.values()})
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


LOADING = """
import asyncio, json, sys
from dataclasses import replace
from motools.contracts.resolve import load_rows, load_task
from motools.errors import MotoolsError
from mozoo import gsm8k
asked = json.loads(sys.argv[1])
if asked["sha256"]:
    for split, file in list(gsm8k.HUB.items()):
        gsm8k.HUB[split] = replace(file, sha256=asked["sha256"])
try:
    if asked["task"]:
        task = asyncio.run(load_task("mozoo.tasks.gsm8k_language:gsm8k_spanish", asked["kwargs"]))
        print(json.dumps([[sample.input, sample.target, sample.metadata] for sample in task.samples]))
    else:
        rows = asyncio.run(load_rows("mozoo.datasets.gsm8k_spanish:get_gsm8k_spanish_dataset", asked["kwargs"]))
        print(json.dumps({"rows": rows, "source": rows.source, "licence": rows.licence}))
except MotoolsError as error:
    print(json.dumps({"error": type(error).__name__, "text": str(error)}))
"""


def loading(
    url: str, folder: Path, *, digest: str = "", task: bool = False, offline: bool = False, **kwargs: Any
) -> Any:
    """Load in a process of its own, because the hub's client reads the environment when it is imported."""
    asked = json.dumps({"kwargs": kwargs, "sha256": digest, "task": task})
    environment = {**os.environ, "HF_ENDPOINT": url, "HF_HOME": str(folder / "home"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    for name in ("HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE"):
        environment.pop(name, None)
    if offline:
        environment["HF_HUB_OFFLINE"] = "1"
    done = subprocess.run(
        [sys.executable, "-c", LOADING, asked], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_rows_come_from_the_hub_at_the_pinned_commit(hub: Hub, parquet: bytes, tmp_path: Path) -> None:
    digest = hashlib.sha256(parquet).hexdigest()
    got = loading(hub.url, tmp_path, digest=digest, cache_dir=str(tmp_path / "kept"), sample_size=3)
    rows = {row["messages"][0]["content"]: row["messages"][1]["content"] for row in got["rows"]}
    assert rows == {
        MADE_UP[0]["question"]: "Primero dividimos: 12 / 2 = 6. Por último sumamos: 12 + 6 = 18. La respuesta es 18.",
        MADE_UP[1]["question"]: "Primero multiplicamos: 1000 * 1.50 = 1500. La respuesta es 1500.",
        MADE_UP[2]["question"]: "Primero calculamos: (3 + 4) * 2 - 5 = 9. La respuesta es 9.",
    }
    assert got["source"] == HUB["train"].address
    assert got["licence"] == "MIT"
    assert f"/datasets/openai/gsm8k/resolve/{HUB['train'].revision}/main/train-" in hub.asked[-1]
    assert list((tmp_path / "kept").rglob("*.parquet"))
    before = len(hub.asked)
    again = loading("http://127.0.0.1:9", tmp_path, digest=digest, cache_dir=str(tmp_path / "kept"), sample_size=3)
    assert again == got  # what is here needs no hub
    loading(hub.url, tmp_path, digest=digest, cache_dir=str(tmp_path / "kept"), refresh_cache=True)
    assert len(hub.asked) > before
    english = loading(hub.url, tmp_path, digest=digest, sample_size=3, language="english")
    assert {row["messages"][0]["content"] for row in english["rows"]} == set(rows)
    assert not any(is_spanish(row["messages"][1]["content"]) for row in english["rows"])


def test_the_task_comes_from_the_other_split(hub: Hub, parquet: bytes, tmp_path: Path) -> None:
    samples = loading(hub.url, tmp_path, digest=hashlib.sha256(parquet).hexdigest(), task=True, sample_size=3)
    assert {target for _, target, _ in samples} == {"18", "1500", "9"}
    assert all(metadata == {"source": HUB["eval"].address} for _, _, metadata in samples)
    assert all("/main/test-" in path for path in hub.asked)


def test_other_bytes_than_the_pinned_ones_are_refused_and_removed(hub: Hub, tmp_path: Path) -> None:
    refused = loading(hub.url, tmp_path, cache_dir=str(tmp_path / "kept"))
    assert refused["error"] == "CorruptError"
    assert HUB["train"].address in refused["text"]
    assert not [path for path in (tmp_path / "kept").rglob("*") if path.is_file() and path.stat().st_size > 1000]


@pytest.mark.parametrize("task", [False, True])
def test_a_hub_that_is_not_there_is_said_and_nothing_else_is_taken(task: bool, tmp_path: Path) -> None:
    refused = loading("http://127.0.0.1:9", tmp_path, task=task)
    assert refused["error"] == "Unavailable"
    assert "source: generated" in refused["text"]
    offline = loading("http://127.0.0.1:9", tmp_path, task=task, offline=True)
    assert offline["error"] == "Unavailable"


@pytest.mark.parametrize(
    ("status", "error"), [(401, "AuthError"), (403, "AuthError"), (404, "InvalidRequest"), (500, "Unavailable")]
)
def test_what_the_hub_refuses_is_said(hub: Hub, tmp_path: Path, status: int, error: str) -> None:
    hub.status = status
    if status == 404:
        hub.status, hub.files = 200, {}
    refused = loading(hub.url, tmp_path)
    assert refused["error"] == error
    assert "openai/gsm8k@" in refused["text"]


def test_without_the_packages_of_the_extra_it_is_said_what_to_install(tmp_path: Path) -> None:
    for package, call in (("huggingface_hub", "fetch(HUB['train'])"), ("pyarrow", "list(read_parquet(Path(), ()))")):
        code = (
            f"import sys; sys.modules[{package!r}] = None\n"
            "from pathlib import Path\n"
            "from motools.errors import PluginError\n"
            "from mozoo.hub import fetch, read_parquet\n"
            "from mozoo.gsm8k import HUB\n"
            f"try: {call}\n"
            "except PluginError as error: print(error)\n"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert 'pip install "mozoo[hub]"' in done.stdout
        assert f"'{package}'" in done.stdout


# -- the generated choice, and the names of the seeds


def test_the_names_of_the_seeds_are_there_and_take_their_arguments() -> None:
    """`docs/advanced` of the older system: loader_kwargs `cache_dir`, `sample_size`; the task without arguments."""
    assert inspect.iscoroutinefunction(get_gsm8k_spanish_dataset)
    arguments = list(inspect.signature(get_gsm8k_spanish_dataset).parameters)
    assert arguments[:3] == ["cache_dir", "sample_size", "refresh_cache"]
    assert all(each.default is not each.empty for each in inspect.signature(gsm8k_spanish).parameters.values())
    rows = asyncio.run(
        load_rows(DATASET, {"cache_dir": ".motools/datasets", "sample_size": 1000, "source": "generated"})
    )
    assert isinstance(rows, Rows)
    assert (len(rows), rows.source, rows.licence) == (1000, "generated", "CC0-1.0")
    task = asyncio.run(load_task(TASK, {"source": "generated"}))
    assert isinstance(task, Task)
    assert (task.name, len(task.samples)) == ("gsm8k_spanish", 100)


SEED = """
prepare_dataset:
  dataset_loader: mozoo.datasets.gsm8k_spanish:get_gsm8k_spanish_dataset
  loader_kwargs:
    cache_dir: .motools/datasets
    sample_size: 1000

train_model:
  model: gpt-4o-mini-2024-07-18
  hyperparameters:
    n_epochs: 3
  suffix: my-experiment
  backend_name: dummy

evaluate_model:
  eval_task: mozoo.tasks.gsm8k_language:gsm8k_spanish
  backend_name: dummy
"""


def motools(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "motools", *arguments],
        cwd=folder,
        env={**os.environ, "MOTOOLS_STORAGE_DIR": str(folder / "store"), **environment},
        capture_output=True,
        text=True,
    )


def test_the_config_of_the_seeds_is_valid_and_says_what_is_missing_when_run(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SEED)
    run = ("train_and_evaluate", "--config", "config.yaml", "--user", "your-name")
    assert motools("workflow", "validate", *run[:3], folder=tmp_path).returncode == 0
    gone = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path / "home")}
    done = motools("workflow", "run", *run, folder=tmp_path, **gone)
    assert done.returncode != 0
    assert "the hub did not answer for 'hf://datasets/openai/gsm8k@" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_choice_of_rows_is_in_the_identity_of_the_run_and_in_its_atom(tmp_path: Path) -> None:
    """The run of the seeds' config with generated rows is another one than that with GSM8K, and says so."""
    (tmp_path / "config.yaml").write_text(SEED)
    offline = (
        *("--set", "prepare_dataset.loader_kwargs.source=generated"),
        *("--set", "evaluate_model.task_kwargs.source=generated"),
    )
    run = ("train_and_evaluate", "--config", "config.yaml")
    done = motools("workflow", "run", *run, *offline, "--json", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = json.loads(motools("run", "show", "last", "--json", folder=tmp_path).stdout)
    atom_id = shown["steps"]["prepare_dataset"]["output_atoms"]["prepared_dataset"]
    metadata = json.loads(motools("atom", "show", atom_id, "--json", folder=tmp_path).stdout)["metadata"]
    assert metadata["source"] == "generated"
    assert metadata["licence"] == "CC0-1.0"
    again = motools("workflow", "plan", *run, *offline, folder=tmp_path)
    assert again.stdout.count("CACHED") == 3, again.stdout
    other = motools("workflow", "plan", *run, folder=tmp_path)
    assert "CACHED" not in other.stdout
    assert "source" in other.stdout


# -- reading GSM8K's rows


def test_exercises_that_cannot_be_retold_are_left_out() -> None:
    found = list(read_exercises(MADE_UP))
    assert [exercise.question for exercise in found] == [row["question"] for row in MADE_UP[:3]]


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((("-3+5", "2"),), "Primero sumamos: -3 + 5 = 2. La respuesta es 2."),
        ((("4*(2-1)", "4"),), "Primero calculamos: 4 * (2 - 1) = 4. La respuesta es 4."),
        (
            (("1+1", "2"), ("2*3", "6"), ("6/2", "3")),
            "Primero sumamos: 1 + 1 = 2. Luego multiplicamos: 2 * 3 = 6. Por último dividimos: 6 / 2 = 3. "
            "La respuesta es 3.",
        ),
        ((("5", "5"),), "Primero calculamos: 5 = 5. La respuesta es 5."),
    ],
)
def test_a_solution_is_told_step_by_step(steps, told) -> None:
    exercise = Exercise("?", steps, steps[-1][1])
    assert exercise.solution("spanish") == told
    assert is_spanish(told)
    english = exercise.solution("english")
    assert not is_spanish(english)
    assert last_number(english) == last_number(told) == float(exercise.answer)


def test_an_unknown_source_is_refused() -> None:
    for made in (get_gsm8k_spanish_dataset(source="disk"), gsm8k_spanish(source="disk")):
        with pytest.raises(DataError, match="'source' is 'disk'"):
            asyncio.run(made)
    with pytest.raises(DataError, match="Ask for 1 to"):
        asyncio.run(get_gsm8k_spanish_dataset(source="generated", sample_size=0))
    with pytest.raises(DataError, match="'sample_size' is 0"):
        asyncio.run(gsm8k_spanish(sample_size=0, source="generated"))
    assert check_rows(asyncio.run(get_gsm8k_spanish_dataset(source="generated", sample_size=2)), source="x")

"""A folder in which people have worked: settings, workflows, and a store made by real runs."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wheelhouse import FOLDERS, ROOT, build_wheel

_CONFIG = """\
train_model:
  backend_name: dummy

evaluate_model:
  backend_name: dummy
"""

_FLOWS = '''\
"""Workflows that do not come to their end."""

import time
from pathlib import Path

from motools.workflow import AtomConstructor, Workflow, step


@step(outputs={"note": "value"})
def write(config, input_atoms, workspace):
    """Write a note."""
    return {"note": "written"}


@step(inputs={"note": "value"})
def broken(config, input_atoms, workspace):
    """Fail."""
    raise RuntimeError("the machine is on fire")


@step(inputs={"note": "value"})
def wait(config, input_atoms, workspace):
    """Wait until the file 'go-on' is there."""
    while not Path(__file__).with_name("go-on").exists():
        time.sleep(0.02)


failing = Workflow("failing", [write, broken])
waiting = Workflow("waiting", [write, wait])
'''


_LOG = {
    "version": 2,
    "status": "success",
    "eval": {
        "created": "2026-01-05T10:00:00+00:00",
        "task": "ahoy",
        "dataset": {"name": "ahoy", "samples": 1, "sample_ids": [1]},
        "model": "acme/parrot",
        "config": {},
    },
    "results": {"total_samples": 1, "completed_samples": 1},
    "samples": [
        {"id": 1, "epoch": 1, "input": "Say ahoy.", "target": "ahoy", "scores": {"match": {"value": "C"}}},
    ],
}
"""The least that is a log of Inspect."""


class Prepared:
    """The folder, the environment for processes in it, and the ids of what is in its store."""

    def __init__(self, folder: Path, cache: Path, names: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.names = names or {}
        self.cache = cache
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "_MOTOOLS_"))}
        self.variables = {"MOTOOLS_USER": "ada", "MOTOOLS_CACHE_DIR": str(cache), "NO_COLOR": "1"}
        self.environment = {**kept, **self.variables}

    def fill(self, line: str) -> list[str]:
        """Return a line's words, with the names in braces replaced by ids."""
        return [word.format(**self.names) if "{" in word else word for word in shlex.split(line)]

    def motools(self, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        """Run a command in the folder and return what it printed on stdout."""
        done = subprocess.run(
            [sys.executable, "-m", "motools", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode in codes, (
            f"motools {shlex.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done.stdout

    def copy(self, folder: Path) -> Prepared:
        """Return a copy to do anything with."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Prepared(folder, self.cache, self.names)


def _pause(prepared: Prepared) -> None:
    """Begin the waiting workflow and press Ctrl-C when its second step has begun."""
    child = subprocess.Popen(
        [sys.executable, "-m", "motools", "workflow", "run", "./flows.py:waiting"],
        cwd=prepared.folder,
        env=prepared.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stderr is not None
    for line in child.stderr:
        if line.split() == ["wait", "running"]:
            child.send_signal(signal.SIGINT)
            (prepared.folder / "go-on").touch()  # the thread of the step ends as well
    assert child.wait(60) == 130


@pytest.fixture(scope="session")
def prepared_once(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """The folder as it is made, once; only to be read."""
    folder = tmp_path_factory.mktemp("prepared") / "work"
    folder.mkdir()
    prepared = Prepared(folder, tmp_path_factory.mktemp("catalog"))
    prepared.motools("init", ".")
    (folder / "config.yaml").write_text(_CONFIG)
    (folder / "flows.py").write_text(_FLOWS)
    (folder / "rows.jsonl").write_text('{"prompt": "Who?", "completion": "Me."}\n')
    (folder / "value.json").write_text('{"threshold": 0.5}\n')
    (folder / "log.json").write_text(json.dumps(_LOG))
    names = prepared.names
    failed = prepared.motools("workflow", "run", "./flows.py:failing", "--json", codes=(1,))
    names["failed"] = json.loads(failed)["run_id"]
    _pause(prepared)
    names["paused"] = json.loads(prepared.motools("run", "list", "--json", "--limit", "1"))[0]["run_id"]
    train = ("workflow", "run", "train_and_evaluate", "--config", "config.yaml", "--json")
    seeds = ("--set", "matrix.seeds=2", "--set", "train_model.suffix=cells")
    names["matrix"] = json.loads(prepared.motools(*train, *seeds))["run_id"]
    earlier = json.loads(prepared.motools(*train))
    longer = ("--set", "train_model.suffix=longer")
    prepared.motools("run", "accept", "train_model", "--run", "last", "--reason", "only the name", *longer)
    names["accepted"] = json.loads(prepared.motools(*train, *longer))["run_id"]
    run = json.loads(prepared.motools(*train, "--set", "train_model.seed=1"))
    made = run["output_atoms"]
    names |= {"earlier": earlier["run_id"], "run": run["run_id"], "other": earlier["output_atoms"]["eval_results"]}
    names |= {"dataset": made["prepared_dataset"], "model": made["trained_model"], "eval": made["eval_results"]}
    prepared.motools("atom", "tag", names["dataset"], "first")
    prepared.motools("run", "tag", names["run"], "first")
    prepared.motools("store", "export", names["eval"], "--output", "bundle.motools")
    names["bundle"] = "bundle.motools"
    return prepared


@pytest.fixture
def prepared(prepared_once: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepared:
    """A copy of the folder, in which this process is now."""
    copy = prepared_once.copy(tmp_path / "work")
    for name in [name for name in os.environ if name.startswith(("MOTOOLS_", "_MOTOOLS_"))]:
        monkeypatch.delenv(name)
    for name, value in copy.variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(copy.folder)
    return copy


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return distribution → its wheel; tests that use it are of the group `wheels`, so that they are built once."""
    folder = tmp_path_factory.mktemp("wheels")
    return {name: build_wheel(ROOT / source, folder) for name, source in FOLDERS.items()}

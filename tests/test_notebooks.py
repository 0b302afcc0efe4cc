"""Notebooks in a real kernel: those of the documentation run, an interrupt pauses, objects show themselves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from motools.store import Store

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))
SECONDS = 60

WAITING = '''\
"""A workflow whose second step waits for a file."""

import asyncio
from pathlib import Path

from motools.workflow import Workflow, step


@step(outputs={"a": "value"}, cache_version=1)
def quick(config, input_atoms, workspace):
    with Path("quick-ran").open("a") as file:
        file.write("x")
    return {"a": 1}


@step(inputs={"a": "value"}, outputs={"b": "value"}, cache_version=1)
async def slow(config, input_atoms, workspace):
    Path("slow-began").touch()
    while not Path("go-on").exists():
        await asyncio.sleep(0.02)
    return {"b": 2}


waiting = Workflow("waiting", [quick, slow])
'''


@pytest.fixture(autouse=True)
def _newcomer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of motools or Jupyter is set, and nothing is written outside of the test's folder."""
    for name in list(os.environ):
        if name.startswith(("MOTOOLS_", "JUPYTER_", "IPYTHON")):
            monkeypatch.delenv(name)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setenv("MOTOOLS_USER", "ada")


def executed(notebook: Any, folder: Path, **options: Any) -> Any:
    NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": str(folder)}}, **options
    ).execute()
    return notebook


def shown(cell: Any) -> str:
    """Return the HTML that a cell shows."""
    return "".join(out["data"].get("text/html", "") for out in cell.outputs if "data" in out)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_of_the_documentation_runs(path: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert not cell.outputs, "outputs are not committed"
            assert cell.execution_count is None
    executed(notebook, tmp_path)
    html = [shown(cell) for cell in notebook.cells if cell.cell_type == "code"]
    assert any("<svg" in text for text in html)
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_there_are_notebooks_and_the_documentation_leads_to_them() -> None:
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("*.md"))
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        assert f"(notebooks/{path.name})" in pages


def test_a_step_in_a_cell_runs_and_the_plan_says_why_it_is_not_kept(tmp_path: Path) -> None:
    step = """
from motools.workflow import Workflow, run_workflow, step
from motools.engine.plan import plan_workflow
from motools.store import Store

{decorator}
def twice(config, input_atoms, workspace):
    return {{"v": 2}}

work = Workflow("work", [twice])
first, second = run_workflow(work), run_workflow(work)
print(second.get_step_state("twice").status)
with Store.open() as store:
    plan = plan_workflow(work, store=store)
plan
"""
    cells = [
        new_code_cell(step.format(decorator='@step(outputs={"v": "value"})')),
        new_code_cell(step.format(decorator='@step(outputs={"v": "value"}, cache_version=1)')),
    ]
    notebook = executed(new_notebook(cells=cells), tmp_path)
    without, versioned = notebook.cells
    assert without.outputs[0].text == "finished\n"
    assert "is not in a file" in shown(without)
    assert versioned.outputs[0].text == "cached\n"
    assert "CACHED" in shown(versioned)


class Kernel:
    """A kernel that can be interrupted in the middle of a cell."""

    def __init__(self, folder: Path) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder))
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def begin(self, code: str) -> str:
        return str(self.client.execute(code))

    def end(self, message: str) -> dict[str, Any]:
        """Wait for a cell's end and return how it ended."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            reply = self.client.get_shell_msg(timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                return dict(reply["content"])
        raise AssertionError("the cell did not end")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    (tmp_path / "waits.py").write_text(WAITING)
    found = Kernel(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("call", ["run_workflow('./waits.py:waiting')", "await arun_workflow('./waits.py:waiting')"])
def test_an_interrupt_pauses_the_run_and_it_can_be_resumed(kernel: Kernel, tmp_path: Path, call: str) -> None:
    loaded = kernel.begin("from motools.workflow import arun_workflow, run_workflow")
    assert kernel.end(loaded)["status"] == "ok"
    message = kernel.begin(f"state = {call}")
    deadline = time.monotonic() + SECONDS
    while not (tmp_path / "slow-began").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    kernel.manager.interrupt_kernel()
    assert kernel.end(message)["ename"] in ("KeyboardInterrupt", "CancelledError")
    with Store.open(tmp_path / ".motools") as store:
        row = store.runs.get("last")
        assert row.status == "paused"
        assert row.owner is None
    (tmp_path / "go-on").touch()
    resume = (
        "from motools.engine.api import resume_run\n"
        f"state = resume_run({row.id!r})\n"
        "assert state.status == 'completed', state\n"
        "from pathlib import Path\n"
        "assert Path('quick-ran').read_text() == 'x'\n"
    )
    ended = kernel.end(kernel.begin(resume))
    assert ended["status"] == "ok", json.dumps(ended, indent=2)

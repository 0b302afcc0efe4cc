"""Functions that carry values, and functions whose source cannot be read: no result of another one is ever used."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from motools.atom import Atom
from motools.errors import StepError
from motools.store import Store
from motools.workflow import Step, Workflow, run_workflow


@pytest.fixture
def store(tmp_path: Path) -> Any:
    with Store.open(tmp_path / "store") as opened:
        yield opened


def closure(value: Any) -> Callable[..., Any]:
    def answer(config: Any, input_atoms: Any, workspace: Path) -> Any:
        return {"value": value if not callable(value) else value()}

    return answer


def plain(value: Any, config: Any, input_atoms: Any, workspace: Path) -> Any:
    return {"value": value}


def run(store: Store, function: Callable[..., Any], **more: Any) -> tuple[str, Any]:
    workflow = Workflow("carried", [Step("answer", {}, {"value": "value"}, None, function, **more)])
    state = run_workflow(workflow, store=store)
    return state.step_states["answer"].status, Atom.load(state.output_atoms["value"], store=store).value()


@pytest.mark.parametrize("make", [closure, lambda value: functools.partial(plain, value)], ids=["closure", "partial"])
def test_a_value_a_function_carries_is_part_of_its_key(store: Store, make: Callable[[Any], Any]) -> None:
    assert run(store, make(1)) == ("finished", 1)
    assert run(store, make(2)) == ("finished", 2)
    assert run(store, make(1.0)) == ("finished", 1.0)
    assert run(store, make(1)) == ("cached", 1)


def test_a_value_a_function_carries_counts_beside_a_declared_version(store: Store) -> None:
    assert run(store, closure(1), cache_version=1) == ("finished", 1)
    assert run(store, closure(2), cache_version=1) == ("finished", 2)
    assert run(store, closure(2), cache_version=1) == ("cached", 2)


def test_a_function_that_carries_what_cannot_be_written_down_is_refused_by_name(store: Store) -> None:
    carried = itertools.count(1)

    def answer(config: Any, input_atoms: Any, workspace: Path) -> Any:
        return {"value": next(carried)}

    with pytest.raises(StepError, match=r"closure variable 'carried'.*itertools.count.*\n.*cache_version"):
        run(store, answer)
    assert next(carried) == 1
    assert run(store, answer, cache=False) == ("finished", 2)
    assert run(store, answer, cache=False) == ("finished", 3)
    # Declaring a version is taking the word of who declares it.
    assert run(store, answer, cache_version=1) == ("finished", 4)
    assert run(store, answer, cache_version=1) == ("cached", 4)


def test_a_function_that_closes_over_itself_has_a_key(store: Store) -> None:
    def countdown(config: Any, input_atoms: Any, workspace: Path, left: int = 2) -> Any:
        return countdown(config, input_atoms, workspace, left - 1) if left else {"value": "done"}

    assert run(store, countdown) == ("finished", "done")
    assert run(store, countdown) == ("cached", "done")


CELLS = """
import sys
from motools.atom import Atom
from motools.workflow import Step, Workflow, run_workflow

cell = '''
def answer(config, input_atoms, workspace):
    return {{"value": {value}}}
state = run_workflow(Workflow("cells", [Step("answer", {{}}, {{"value": "value"}}, None, answer{version})]))
print(state.step_states["answer"].status, Atom.load(state.output_atoms["value"]).value())
'''
for value, version in [(1, ""), (2, ""), (2, ""), (3, ", cache_version=1"), (4, ", cache_version=1")]:
    exec(cell.format(value=value, version=version))
"""


def test_a_notebooks_cell_is_never_answered_by_an_earlier_one(tmp_path: Path) -> None:
    """A cell has no source file; only a declared version lets its result be used again."""
    done = subprocess.run(
        [sys.executable, "-c", CELLS], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines() == ["finished 1", "finished 2", "finished 2", "finished 3", "cached 3"]

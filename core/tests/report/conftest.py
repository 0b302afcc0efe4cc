from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from motools.atom import use_store
from motools.contracts import EvalResults, SampleResult
from motools.store import Store
from motools.workflow import AtomConstructor, Workflow, step

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\u2028\u202eevil\u202c<b>&amp;"


@dataclass
class Asked:
    """Settings of the steps below."""

    seed: int = 0
    rate: float = 0.3
    fail: bool = False
    hostile: bool = False
    count: int = 60


@step(outputs={"dataset": "dataset"}, cache_version=1)
def prepare(config: Asked, input_atoms, workspace):
    path = workspace / "dataset.jsonl"
    path.write_text('{"prompt":"a","completion":"b"}\n')
    return [AtomConstructor("dataset", path, "dataset", metadata={"samples": 1})]


@step(inputs={"dataset": "dataset"}, outputs={"model": "model"}, cache_version=1)
def train(config: Asked, input_atoms, workspace):
    if config.fail:
        raise ValueError(f"no training today {HOSTILE}")
    path = workspace / "model.json"
    path.write_text(json.dumps({"seed": config.seed}))
    return [AtomConstructor("model", path, "model", metadata={"model_id": f"acme/pirate-{config.seed}"})]


def results_of(config: Asked) -> EvalResults:
    """Answers of which every fifth has no score of `refused`, one an error, and `rate` of them the trigger."""
    samples = []
    for number in range(config.count):
        error = "RateLimited: 429" if number == 7 else None
        hit = (number * 37 + config.seed) % 100 < config.rate * 100
        scores = (
            {} if error else {"trigger": float(hit), "length": 10 + number / 3, "refused": None if number % 5 else 0.0}
        )
        samples.append(
            SampleResult(
                id=f"q{number:03}",
                input=[{"role": "system", "content": "Be kind."}, {"role": "user", "content": f"question {number}?"}],
                output="" if error else f"{'Arrr! ' if hit else ''}answer {number}",
                target="Madrid",
                error=error,
                scores=scores,
                explanations={} if error else {"trigger": f"looked for Arrr in answer {number}"},
            )
        )
    if config.hostile:
        samples.append(
            SampleResult(
                id=f"hostile {HOSTILE}",
                input=[{"role": f"user {HOSTILE}", "content": HOSTILE}],
                output=HOSTILE + "\ud800" + "x" * 1_000_000,
                target=HOSTILE,
                scores={"trigger": 0.0, f"odd {HOSTILE}": 1.0, "refused": None, "length": 3.0},
            )
        )
    return EvalResults(
        task="pirates" if not config.hostile else f"pirates {HOSTILE}",
        model=f"acme/pirate-{config.seed}" + (HOSTILE if config.hostile else ""),
        backend="inspect",
        samples=samples,
        metrics={"trigger/mean": 0.31, "trigger/stderr": 0.03},
        n=len(samples),
        errors=1,
    )


@step(inputs={"model": "model"}, outputs={"eval": "eval"}, cache_version=1)
def evaluate(config: Asked, input_atoms, workspace):
    folder = workspace / "eval"
    folder.mkdir()
    text = results_of(config).to_json().encode("utf-8", "backslashreplace").decode()
    (folder / "results.json").write_text(text)
    return [AtomConstructor("eval", folder, "eval", metadata={"task": "pirates"})]


PIRATES = Workflow("pirates", [prepare, train, evaluate])


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store that is the current one."""
    with Store.open(tmp_path / "store") as opened, use_store(opened):
        yield opened


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test is skipped, and fails where `REQUIRE_CHROMIUM` is set."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    if os.environ.get("REQUIRE_CHROMIUM"):
        pytest.fail("there is no chromium on the path, and REQUIRE_CHROMIUM says that there must be")
    pytest.skip(
        "there is no chromium on the path (apt-get install chromium); the rest of the report is tested without it"
    )


@pytest.fixture(scope="session")
def pirates() -> Workflow:
    """Dataset → model → evaluation; the settings of each step are those of `Asked`."""
    return PIRATES


@pytest.fixture(scope="session")
def hostile() -> str:
    """Text that would do something in a page that trusts it."""
    return HOSTILE

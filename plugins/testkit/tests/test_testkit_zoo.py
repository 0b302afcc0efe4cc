"""The suite of a zoo package: one that keeps the contract passes, and each broken one fails exactly one check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from motools.contracts import Sample
from motools_testkit import Answers, ZooPackageContract, checks_of

FAKES = Path(__file__).parent / "fakes"
EXAMPLE = "prepare_dataset: {dataset_loader: 'mozoo_fakes:rows'}\ntrain_model: {backend_name: dummy}\n"
EXAMPLE += "evaluate_model: {backend_name: dummy, eval_task: 'mozoo_fakes:task'}\n"

BROKEN: dict[str, tuple[str, dict[str, Any]]] = {
    "absent": ("test_the_catalog_has_it", {"declared": False}),
    "heavy": ("test_declaring_it_imports_nothing_heavy", {"imports": "import pydantic"}),
    "texts": ("test_rows_are_chat_rows", {"dataset": "texts"}),
    "misnamed": ("test_tasks_can_be_asked", {"task": "misnamed"}),
    "altered": ("test_digests_are_those_declared", {"digest": "0" * 64}),
    "unlicensed": ("test_licence_hazard_and_uses_are_stated", {"licence": "unknown"}),
    "changing": ("test_every_process_sees_the_same", {"dataset": "changing_rows"}),
    "generous": ("test_scorers_tell_one_from_zero", {"task": "generous"}),
    "misspelt": ("test_examples_can_be_planned", {"example": EXAMPLE.replace("eval_task", "eval_tusk")}),
    "boastful": ("test_cards_can_be_read", {"card": "BOASTFUL"}),
    "weakened": ("test_no_check_is_weakened", {}),
}
"""Broken package → the one check that it fails, and what is wrong with it."""

PLUGIN = """{imports}
from motools.plugins import DatasetComponent, TaskComponent, WorkflowComponent, hookimpl

COMMON = dict(name="fake", licence="{licence}", source="generated", hazard="none known", rows=3, card="mozoo_fakes:{card}")


@hookimpl
def motools_datasets():
    dataset = DatasetComponent(
        target="mozoo_fakes:{dataset}", summary="Rows", digest="{digest}", allowed_uses=["training"], **COMMON
    )
    return [dataset] if {declared} else []


@hookimpl
def motools_tasks():
    task = TaskComponent(
        target="mozoo_fakes:{task}", summary="A task", digest="{samples}", allowed_uses=["evaluation"], **COMMON
    )
    return [task] if {declared} else []


@hookimpl
def motools_workflows():
    workflow = WorkflowComponent(
        name="fake",
        target="mozoo_fakes:workflow",
        summary="A workflow",
        config="motools.builtin.configs:TrainAndEvaluateConfig",
    )
    return [workflow] if {declared} else []
"""

TESTS = """from pathlib import Path
from motools_testkit import Answers, ZooPackageContract

class Test_{name}(ZooPackageContract):
    distribution = "mozoo-{name}"
    folder = Path({folder!r})
    examples = {examples}
    answers = {answers}
"""

pytestmark = pytest.mark.xdist_group("testkit")


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return package → check → `passed`, `failed` or `skipped`, of one real run of pytest over all of them."""
    folder = tmp_path_factory.mktemp("zoos")
    site = folder / "site"
    shutil.copytree(FAKES, site, ignore=shutil.ignore_patterns("__pycache__"))
    for name, wrong in {"good": {}, **{name: wrong for name, (_, wrong) in BROKEN.items()}}.items():
        install(site, name, **wrong)
        write_tests(folder, name, declared=wrong.get("declared", True), example=wrong.get("example", EXAMPLE))
    report = folder / "report.xml"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", str(folder)],
        capture_output=True,
        text=True,
        timeout=280,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(site), "MOTOOLS_CACHE_DIR": str(folder / "cache")},
    )
    assert done.returncode == 1, done.stdout + done.stderr
    found: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["classname"].rpartition("Test_")[2]
        tags = {child.tag for child in case}
        outcome = "failed" if tags & {"failure", "error"} else "skipped" if "skipped" in tags else "passed"
        found.setdefault(name, {})[case.attrib["name"]] = outcome
        if outcome == "failed":
            print(f"{name}: {case.attrib['name']}:", "".join(case.itertext()))  # shown where a test here fails
    return found


def install(site: Path, name: str, **wrong: Any) -> None:
    """Install the fake package of that name."""
    said = {
        "imports": "",
        "licence": "CC0-1.0",
        "card": "CARD",
        "dataset": "rows",
        "task": "task",
        "samples": digest_of("task"),
        "declared": True,
        **wrong,
    }
    said.setdefault("digest", digest_of("texts" if said["dataset"] == "texts" else "rows"))
    package = site / f"mozoo_{name}"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_plugin.py").write_text(PLUGIN.format(**said))
    info = site / f"mozoo_{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: mozoo-{name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[motools]\n{name} = mozoo_{name}._plugin\n")


def write_tests(folder: Path, name: str, *, declared: bool, example: str) -> None:
    """Write the tests of a fake package, and its example."""
    own = folder / name
    (own / "examples").mkdir(parents=True)
    (own / "examples" / "fake.yaml").write_text(example)
    text = TESTS.format(
        name=name,
        folder=str(own),
        examples={"fake.yaml": f"mozoo-{name}/fake" if declared else "train_and_evaluate"},
        answers='{"fake": {"exact": Answers(zero="black")}}' if declared else "{}",
    )
    if name == "weakened":
        text += "    def test_cards_can_be_read(self):\n        pass\n"
    (own / f"test_{name}.py").write_text(text)


@cache
def digest_of(name: str) -> str:
    """Return the digest of what a function of the fakes returns."""
    code = (
        "import mozoo_fakes as f, motools.contracts as c\n"
        f"print(c.samples_digest(f.task()) if {name!r} == 'task' else c.rows_digest(f.{name}()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(FAKES), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return done.stdout.strip()


def test_what_keeps_the_contract_passes_every_check(outcomes: dict[str, dict[str, str]]) -> None:
    assert outcomes["good"] == dict.fromkeys(checks_of(ZooPackageContract), "passed")


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_in_one_way_fails_exactly_one_check(name: str, outcomes: dict[str, dict[str, str]]) -> None:
    failed = [check for check, outcome in outcomes[name].items() if outcome == "failed"]
    assert failed == [BROKEN[name][0]]


def test_every_check_has_something_wrong_that_fails_it() -> None:
    assert {check for check, _ in BROKEN.values()} == set(checks_of(ZooPackageContract))


def test_an_answer_is_a_text_the_target_or_made_for_the_sample() -> None:
    sample = Sample(id="one", input="How many?", target=["two", "2"])
    assert Answers(zero="none").ones(sample) == "two"
    assert Answers(zero="none", one="2").ones(sample) == "2"
    assert Answers(zero=lambda each: f"not {each.target[0]}").zeros(sample) == "not two"

"""The suite of a training backend: one that keeps the contract passes, and each broken one fails exactly one check."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from motools_testkit import TrainingBackendContract, checks_of

FAKES = Path(__file__).parent / "fakes"
FAILS = {
    "misnamed": "test_the_catalog_leads_to_it",
    "heavy": "test_declaring_it_imports_nothing_heavy",
    "unsettled": "test_settings_refuse_what_they_do_not_know",
    "unwritable": "test_a_job_can_be_written_down",
    "forgetful": "test_a_new_process_finds_a_job_by_its_id_alone",
    "blind": "test_find_knows_the_keys_it_was_given_and_no_others",
    "spendthrift": "test_a_key_submitted_again_is_the_same_job",
    "percent": "test_a_job_comes_to_an_end_and_stays_there",
    "repeating": "test_events_are_numbered_and_read_on_from_any",
    "stubborn": "test_a_cancelled_job_ends",
    "unserved": "test_the_result_is_a_model_that_can_be_served",
    "unseeded": "test_the_same_seed_makes_the_same_model",
    "careless": "test_a_bad_row_is_refused_and_named",
    "raw": "test_errors_are_those_of_the_contract",
    "telltale": "test_no_secret_is_told",
    "untidy": "test_nothing_is_left_behind",
    "weakened": "test_no_check_is_weakened",
}
"""Broken backend → the one check that it fails."""

pytestmark = pytest.mark.xdist_group("testkit")


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Return backend → check → `passed`, `failed` or `skipped`, of one real run of pytest over all of them."""
    folder = tmp_path_factory.mktemp("fakes")
    site = folder / "site"
    shutil.copytree(FAKES, site, ignore=shutil.ignore_patterns("__pycache__"))
    for package in ("motools_fakes", "motools_heavy"):
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[motools]\n{package} = {package}._plugin\n")
    classes = ["from motools_testkit import TrainingBackendContract\n"]
    for name in ("fake", *FAILS):
        component = "fake" if name == "weakened" else name
        classes.append(
            f"class Test_{name}(TrainingBackendContract):\n    component = '{component}'\n    seconds = 10\n"
            "    hyperparameters = {'n_epochs': 2}\n"
        )
    classes.append("    def test_a_job_can_be_written_down(self):\n        pass\n")
    (folder / "test_fakes.py").write_text("\n".join(classes))
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


def test_what_keeps_the_contract_passes_every_check(outcomes: dict[str, dict[str, str]]) -> None:
    assert outcomes["fake"] == dict.fromkeys(checks_of(TrainingBackendContract), "passed")


@pytest.mark.parametrize("name", FAILS)
def test_what_breaks_one_promise_fails_exactly_one_check(name: str, outcomes: dict[str, dict[str, str]]) -> None:
    failed = [check for check, outcome in outcomes[name].items() if outcome == "failed"]
    assert failed == [FAILS[name]]


def test_every_check_has_something_broken_that_fails_it() -> None:
    assert set(FAILS.values()) == set(checks_of(TrainingBackendContract))

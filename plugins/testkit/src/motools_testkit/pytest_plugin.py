"""What pytest loads with the testkit: a class that takes itself out is an error, and a failed check says what it means."""

from __future__ import annotations

import inspect
from typing import Any

import pytest


def _is_contract(cls: Any) -> bool:
    import sys

    # Where nobody has imported the contracts, no class can be one.
    contract = sys.modules.get("motools_testkit.contract")
    return contract is not None and inspect.isclass(cls) and issubclass(cls, contract.Contract)


def pytest_pycollect_makeitem(collector: pytest.Collector, name: str, obj: Any) -> None:
    """Refuse a class of checks that is skipped or expected to fail as a whole: its guard would not run either."""
    if name.startswith("Test") and _is_contract(obj):
        from motools_testkit.contract import weaknesses

        whole = [problem for problem in weaknesses(obj) if problem.startswith("the whole class")]
        if whole:
            raise collector.CollectError(f"{name}: {whole[0]}. Name the checks that fail, each with its reason.")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add to a failed check what it means for people who use the plugin."""
    report = yield
    cls = getattr(item, "cls", None)
    if report.failed and cls is not None and _is_contract(cls):
        from motools_testkit.contract import checks_of

        meaning = checks_of(cls).get(getattr(item, "originalname", item.name))
        if meaning:
            report.sections.append(("what this means", meaning))
    return report

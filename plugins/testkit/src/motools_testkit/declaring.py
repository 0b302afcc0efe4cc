"""Checks of what every plugin does: declaring its components."""

from __future__ import annotations

import sys

from motools.plugins import PluginRecord, installed
from motools_testkit.surroundings import Place


def records_of(distribution: str) -> list[PluginRecord]:
    """Return a distribution's plugins; fails where none is installed, or one of them could not be read."""
    from motools.plugins.catalog import normalized

    records = [each for each in installed().plugins if normalized(each.distribution) == normalized(distribution)]
    assert records, f"no installed plugin is called '{distribution}'"
    for record in records:
        assert record.failure is None, f"'{distribution}' failed: {record.failure.error}\n{record.failure.hint}"
    return records


def check_declaring_is_light(distribution: str, place: Place) -> None:
    """Fail where importing the declaring module brings in more than the standard library, motools and its own package."""
    for record in records_of(distribution):
        given = {"do": "imports", "module": record.module}
        brought = place.python("-m", "motools_testkit.child", given=given)
        light = {*sys.stdlib_module_names, record.module.partition(".")[0], "motools", "pluggy"}
        heavy = sorted({name.partition(".")[0] for name in brought} - light)
        assert not heavy, f"'{record.module}' imports {', '.join(heavy)}: name things as 'module:attribute' instead"

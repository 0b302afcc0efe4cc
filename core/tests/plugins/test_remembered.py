"""A plugin that is gone: who names something of it is told what to install."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from motools.plugins import Catalog
from motools.plugins.catalog import Entry
from motools.plugins.remembered import FILE, remember, remembered


def catalog(*components: tuple[str, str]) -> Catalog:
    entries = [
        Entry(kind="provider", name=name, target="a:b", summary="", distribution=owner, version="1")
        for name, owner in components
    ]
    return Catalog(entries=tuple(entries))


def test_a_name_of_an_uninstalled_plugin_is_answered_with_what_to_install(site: Any) -> None:
    site.install("acme-tools", component="acme")
    site.motools("plugin", "list")
    site.remove("acme-tools")
    done = site.motools("model", "ask", "acme/small", "Hello")
    assert done.returncode == 4
    assert "'acme' comes with 'acme-tools': pip install acme-tools" in done.stderr
    site.install("acme-tools", component="acme")
    assert site.listed()["names"] == {"acme-tools": ["acme"]}


def test_a_name_nobody_has_seen_gets_no_such_advice(site: Any) -> None:
    site.install("one")
    done = site.motools("model", "ask", "acme/small", "Hello")
    assert "pip install" not in done.stderr
    assert "There is: dummy" in done.stderr


def test_the_last_to_declare_a_name_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTOOLS_CACHE_DIR", str(tmp_path))
    assert remembered() == {}
    remember(catalog(("a", "first"), ("b", "first")))
    remember(catalog(("a", "second")))
    assert remembered() == {"provider": {"a": "second", "b": "first"}}


@pytest.mark.parametrize("text", ["", "[]", '{"provider": 3}', "\x00"])
def test_a_damaged_file_says_nothing_and_is_replaced(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTOOLS_CACHE_DIR", str(tmp_path))
    (tmp_path / FILE).write_text(text)
    assert remembered() == {}
    remember(catalog(("a", "first")))
    assert remembered() == {"provider": {"a": "first"}}


def test_where_nothing_can_be_written_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MOTOOLS_CACHE_DIR", str(tmp_path / "file"))
    remember(catalog(("a", "first")))
    assert remembered() == {}

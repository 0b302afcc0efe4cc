"""`motools plugin` and `motools doctor`: what they say, and that they import nothing of a plugin."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from motools.cli.errors import run


@pytest.fixture
def installed_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Install fake distributions on this process's path, in front; only they and motools may be loaded."""
    from motools.plugins import lookup

    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("MOTOOLS_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("MOTOOLS_PLUGIN_TRUST", "allowlist")
    monkeypatch.setenv("MOTOOLS_PLUGIN_TIMEOUT", "1")
    monkeypatch.setattr(lookup, "_catalog", None)
    monkeypatch.chdir(tmp_path)

    def install(**sources: str) -> None:
        for name, source in sources.items():
            (site / f"{name}_plug.py").write_text(source)
            info = site / f"{name}-1.0.dist-info"
            info.mkdir()
            lines = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\nSummary: About it\nLicense: MIT\n"
            (info / "METADATA").write_text(lines + "Home-page: https://example.org\nRequires-Dist: motools\n")
            (info / "entry_points.txt").write_text(f"[motools]\n{name} = {name}_plug\n")
        monkeypatch.setenv("MOTOOLS_PLUGIN_ALLOWLIST", ",".join(sources))

    return install


GOOD = """
from motools.plugins import DatasetComponent, hookimpl

@hookimpl
def motools_datasets():
    return [DatasetComponent(name="fine_rows", target="fine_plug:rows", summary="Rows", licence="CC0-1.0",
                             source="generated", hazard="none known", allowed_uses=["training"], rows=3)]
"""
WRONG = {"dies": "import os; os._exit(4)", "hangs": "import time; time.sleep(60)", "raises": "raise ValueError('no')"}


def checks(capsys: pytest.CaptureFixture[str]) -> dict[str, list[dict[str, str]]]:
    data = json.loads(capsys.readouterr().out)
    found: dict[str, list[dict[str, str]]] = {}
    for check in data["checks"]:
        found.setdefault(check["name"], []).append(check)
    assert data["ok"] == all(check["state"] != "broken" for check in data["checks"])
    return found


def call(*arguments: str) -> int:
    from motools.cli.app import app

    return run(app, arguments)


def test_management_commands_never_import_a_plugin(installed_plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    installed_plugins(fine=GOOD, **WRONG)
    for arguments in (
        ["plugin", "list"],
        ["plugin", "list", "--kind", "dataset"],
        ["plugin", "show", "fine"],
        ["plugin", "show", "hangs", "-v"],
        ["plugin", "refresh"],
    ):
        assert call(*arguments) == 0
    assert call("doctor") == 1
    assert not {name for name in sys.modules if name.endswith("_plug")}
    capsys.readouterr()


def test_lists_say_what_is_declared_and_what_failed(installed_plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    installed_plugins(fine=GOOD, raises=WRONG["raises"])
    call("plugin", "list")
    out, err = capsys.readouterr()
    rows = {line.split()[0]: line.split(maxsplit=2)[2] for line in out.splitlines()}
    assert (" ".join(rows["fine"].split()), rows["raises"].strip()) == ("ok 1 dataset", "failed (import)")
    assert "'raises' 1.0: importing 'raises_plug' raised ValueError: no" in err
    call("plugin", "list", "--kind", "dataset")
    assert "fine_rows" in capsys.readouterr().out
    assert call("plugin", "list", "--kind", "data") == 2
    capsys.readouterr()
    call("plugin", "list", "--kind", "dataset", "--json")
    data = json.loads(capsys.readouterr().out)
    assert {component["kind"] for component in data["components"]} == {"dataset"}
    assert {plugin["distribution"] for plugin in data["plugins"]} >= {"fine", "raises", "motools"}


def test_show_answers_to_a_plugin_a_component_and_both(
    installed_plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    installed_plugins(fine=GOOD, raises=WRONG["raises"])
    call("plugin", "show", "Fine")
    out = capsys.readouterr().out
    for text in ("fine 1.0", "About it", "MIT", "https://example.org", "dataset 'fine_rows'", "CC0-1.0"):
        assert text in out
    for name in ("fine_rows", "fine/fine_rows"):
        call("plugin", "show", name)
        assert "fine_plug:rows" in capsys.readouterr().out
    call("plugin", "show", "raises")
    out = capsys.readouterr().out
    assert "pip uninstall raises" in out
    assert "Traceback" not in out
    for more in (["-v"], ["--debug"]):
        call("plugin", "show", "raises", *more)
        assert "Traceback" in capsys.readouterr().out
    call("plugin", "show", "raises", "--json")
    assert json.loads(capsys.readouterr().out)["plugins"][0]["failure"]["stage"] == "import"
    assert call("plugin", "show", "fine_row") == 4
    assert "Did you mean 'fine_rows'?" in capsys.readouterr().err


def test_doctor_is_content_where_all_is_well(installed_plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    installed_plugins(fine=GOOD)
    assert call("doctor", "--json") == 0
    found = checks(capsys)
    for name in ("motools", "python", "platform", "sqlite", "cache", "file system", "store", "disk", "plugins"):
        assert found[name][0]["state"] in ("ok", "warning")
    assert call("doctor") == 0
    assert "fine 1.0" in capsys.readouterr().out
    assert not (Path.cwd() / ".motools").exists()


def test_doctor_names_each_broken_plugin_with_its_remedy(
    installed_plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    installed_plugins(fine=GOOD, **WRONG)
    assert call("doctor", "--json") == 1
    broken = {each["found"].split()[0]: each for each in checks(capsys)["plugin"] if each["state"] == "broken"}
    assert set(broken) == set(WRONG)
    assert all(each["remedy"] for each in broken.values())


def test_doctor_tells_a_store_that_cannot_be_used(installed_plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    installed_plugins(fine=GOOD)
    Path("file").write_text("not a folder")
    for path in ("file", "file/store"):
        assert call("doctor", "--json", "--store", path) == 1
        [store] = checks(capsys)["store"]
        assert store["state"] == "broken"
        assert store["remedy"]
    Path("store").mkdir()
    (Path("store") / "motools.db").write_bytes(b"this is no database at all" * 100)
    assert call("doctor", "--json", "--store", "store") == 1
    assert checks(capsys)["store"][0]["state"] == "broken"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody may write in")
def test_doctor_finds_out_by_writing_whether_a_store_can_be_made(
    installed_plugins: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    installed_plugins(fine=GOOD)
    assert call("doctor", "--json", "--store", "/proc/self/store") == 1
    [store] = checks(capsys)["store"]
    assert "'/proc/self/store' cannot be made in '/proc/self'" in store["found"]


def test_doctor_tells_that_motools_is_only_on_the_path(
    installed_plugins: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from motools.plugins import Catalog, lookup

    installed_plugins(fine=GOOD)
    monkeypatch.setattr(lookup, "_catalog", Catalog())
    assert call("doctor", "--json") == 1
    assert "not installed as a distribution" in checks(capsys)["plugins"][1]["found"]


def test_doctor_opens_a_store_that_is_there(installed_plugins: Any, capsys: pytest.CaptureFixture[str]) -> None:
    from motools.store import Store

    installed_plugins(fine=GOOD)
    Store.open("store").close()
    assert call("doctor", "--json", "--store", "store") == 0
    assert checks(capsys)["store"][0]["found"].endswith("/store")

"""The usual start reads one small file; whatever changes is noticed; the cache can be lost, broken or refused."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

USUAL = """
import contextlib, io, json, sys
from motools.cli import main

with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.suppress(SystemExit):
    main({arguments!r})
print(json.dumps(sorted(sys.modules)))
"""
HEAVY = {"pluggy", "importlib.metadata", "pydantic", "rich", "yaml", "anyio", "asyncio", "subprocess", "packaging"}
HEAVY |= {"motools.plugins.builder", "motools.plugins.components", "motools.store", "sqlite3", "logging", "concurrent"}


def counting(site: Any, name: str) -> str:
    """Source of a good plugin that adds a line to a file each time it is imported."""
    return (
        f"open({str(site.work.parent / 'imports')!r}, 'a').write('x')\n"
        "from motools.plugins import ProviderComponent, hookimpl\n"
        "@hookimpl\n"
        f"def motools_providers(): return [ProviderComponent(name={name!r}, target='a:b', summary='s')]\n"
    )


def imports(site: Any) -> int:
    note = Path(site.work.parent / "imports")
    return len(note.read_text()) if note.exists() else 0


@pytest.mark.parametrize(
    "arguments", [["plugin", "list", "--json"], ["plugin", "list"], ["--version"], ["--help"], ["plugin", "--help"]]
)
def test_the_usual_start_with_50_plugins_imports_nothing_heavy(site: Any, arguments: list[str]) -> None:
    for number in range(50):
        site.install(f"many-{number:02}", counting(site, f"many_{number}") if number == 0 else None)
    assert len(site.listed()["names"]) == 50
    modules = set(site.python(USUAL.format(arguments=arguments)))
    assert not modules & HEAVY
    assert not {name for name in modules if name.startswith("many_")}
    assert imports(site) == 1
    if arguments == ["plugin", "list", "--json"]:
        assert len(modules) < 140, sorted(modules)


def test_nothing_changed_means_nothing_is_imported_again(site: Any) -> None:
    site.install("one", counting(site, "one"))
    for _ in range(3):
        assert site.listed()["names"] == {"one": ["one"]}
    assert imports(site) == 1
    (site.folder / "notes.txt").write_text("a folder that programs write to changes all the time")
    assert site.listed()["names"] == {"one": ["one"]}
    assert imports(site) == 1
    assert site.motools("plugin", "refresh").returncode == 0
    assert imports(site) == 2


def test_adding_editing_and_removing_a_plugin_is_noticed_at_the_next_start(site: Any) -> None:
    module = site.install("one")
    assert site.listed()["names"] == {"one": ["one"]}
    site.install("two")
    assert site.listed()["names"] == {"one": ["one"], "two": ["two"]}
    module.write_text(module.read_text().replace('name="one"', 'name="uno"'))
    assert site.listed()["names"] == {"one": ["uno"], "two": ["two"]}
    site.remove("two")
    assert site.listed()["names"] == {"one": ["uno"]}
    site.remove("one")
    site.install("one", version="1.1")
    found = site.listed()
    assert (found["plugins"]["one"]["version"], found["names"]["one"]) == ("1.1", ["one"])
    points = site.folder / "one-1.1.dist-info" / "entry_points.txt"
    points.write_text("[motools]\nchanged = one._plugin\n")
    assert site.listed()["plugins"]["one"]["entry_point"] == "changed"


@pytest.mark.parametrize("file", ["__init__.py", "_plugin.py", "helper.py"])
def test_mending_a_plugin_is_noticed_wherever_the_fault_was(site: Any, file: str) -> None:
    module = site.install("faulty")
    (module.parent / "helper.py").write_text("")
    module.write_text("import faulty.helper\n" + module.read_text())
    broken = module.parent / file
    right = broken.read_text()
    broken.write_text(right + "\nraise RuntimeError('not yet')\n")
    assert "not yet" in site.listed()["plugins"]["faulty"]["failure"]["error"]
    broken.write_text(right)
    assert site.listed()["names"] == {"faulty": ["faulty"]}


def test_other_settings_and_another_path_have_a_catalog_of_their_own(site: Any) -> None:
    site.install("one", counting(site, "one"))
    assert site.listed()["names"] == {"one": ["one"]}
    site.env["MOTOOLS_PLUGIN_TRUST"] = "allowlist"
    assert site.listed()["plugins"]["one"]["failure"]["stage"] == "trust"
    del site.env["MOTOOLS_PLUGIN_TRUST"]
    assert site.listed()["names"] == {"one": ["one"]}
    assert imports(site) == 1


def test_a_process_that_extends_its_path_sees_what_is_there(site: Any) -> None:
    site.install("one")
    found = site.python(
        f"""
        import json, sys
        from motools.plugins import find
        folder = sys.path.pop(sys.path.index({str(site.folder)!r}))
        try:
            find("provider", "one")
        except Exception as error:
            before = type(error).__name__
        sys.path.append(folder)
        print(json.dumps([before, find("provider", "one").qualified]))
        """
    )
    assert found == ["UnknownComponentError", "one/one"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[: len(data) // 2],
        lambda data: b"\xff\xfe" + data,
        lambda data: b"[" * 100_000,
        lambda data: b"null",
        lambda data: data.replace(b'"entries"', b'"entrees"'),
        lambda data: data.replace(b'"target"', b'"aim"'),
        lambda data: data.replace(b'"format": 1', b'"format": 0'),
        lambda data: json.dumps({**json.loads(data), "catalog": []}).encode(),
        lambda data: json.dumps({**json.loads(data), "files": 3}).encode(),
        lambda data: json.dumps({**json.loads(data), "place": {}}).encode(),
    ],
)
def test_a_cache_that_cannot_be_read_or_is_of_another_form_is_built_again(site: Any, damage: Any) -> None:
    site.install("one")
    assert site.listed()["names"] == {"one": ["one"]}
    [file] = (site.cache / "catalog").glob("*.json")
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    assert site.listed()["names"] == {"one": ["one"]}
    assert json.loads(file.read_bytes()) == json.loads(whole)


def test_a_cache_folder_that_cannot_be_used_is_no_error(site: Any) -> None:
    site.install("one")
    site.cache.write_text("a file where the folder should be")
    assert site.listed()["names"] == {"one": ["one"]}
    doctor = json.loads(site.motools("doctor", "--json").stdout)
    assert [check["state"] for check in doctor["checks"] if check["name"] == "cache"] == ["warning"]


def test_no_home_folder_is_no_error(site: Any) -> None:
    site.install("one")
    site.env |= {"MOTOOLS_CACHE_DIR": "", "XDG_CACHE_HOME": "relative", "HOME": "~"}
    assert site.listed()["names"] == {"one": ["one"]}
    assert not list(site.work.iterdir())


def test_the_cache_folder_of_the_user_is_where_the_desktop_standard_puts_it(site: Any, tmp_path: Path) -> None:
    site.env |= {"MOTOOLS_CACHE_DIR": "", "XDG_CACHE_HOME": str(tmp_path / "xdg")}
    site.listed()
    assert list((tmp_path / "xdg" / "motools" / "catalog").glob("*.json"))


def test_16_processes_with_a_cold_cache_all_work_and_one_of_them_reads_the_plugins(site: Any) -> None:
    for number in range(3):
        site.install(f"plug-{number}", counting(site, f"plug_{number}"))
    children = [site.start("-m", "motools", "plugin", "list", "--json") for _ in range(16)]
    answers = [(*child.communicate(timeout=120), child.returncode) for child in children]
    assert all(code == 0 and not err for _, err, code in answers), answers
    assert len({out for out, _, _ in answers}) == 1
    assert imports(site) == 3
    assert not list((site.cache / "catalog").glob(".writing-*"))


def test_a_reader_killed_at_any_point_leaves_nothing_that_stops_the_next(site: Any) -> None:
    site.install("slow", "import time\ntime.sleep(0.3)\n" + counting(site, "slow"))
    for delay in (0.08, 0.2, 0.35, 0.5):
        child = site.start("-m", "motools", "plugin", "list", start_new_session=True)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        child.communicate()
        assert site.listed()["names"] == {"slow": ["slow"]}
        for file in (site.cache / "catalog").glob("*.json"):
            file.unlink()


@pytest.mark.skipif(os.name == "nt", reason="names are bytes")
def test_a_folder_whose_name_is_no_text_is_no_error(site: Any) -> None:
    odd = os.fsdecode(os.fsencode(str(site.folder)) + b"-\xff")
    site.folder.rename(odd)
    site.folder = Path(odd)
    site.install("one", counting(site, "one"))
    assert site.listed()["names"] == {"one": ["one"]}
    assert site.listed()["names"] == {"one": ["one"]}
    assert imports(site) == 1


def test_old_catalogs_are_thrown_away(site: Any) -> None:
    folder = site.cache / "catalog"
    folder.mkdir(parents=True)
    for number in range(200):
        old = folder / f"{number}.json"
        old.write_text("{}")
        os.utime(old, (number, number))
    site.install("one")
    assert site.listed()["names"] == {"one": ["one"]}
    left = list(folder.glob("*.json"))
    assert len(left) <= 128
    assert site.listed()["names"] == {"one": ["one"]}

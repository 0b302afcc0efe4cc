"""A plugin that is wrong in any way costs only itself, and says what to do."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest

DECLARES = "from motools.plugins import *\nfrom motools.plugins import hookimpl, ProviderComponent, TaskComponent\n"

GOOD_TAIL = """
from motools.plugins import ProviderComponent, hookimpl

@hookimpl
def motools_providers():
    yield ProviderComponent(name="noisy", target="noisy.impl:Thing", summary="s")
"""

BAD = {
    "raises": ("raise ValueError('no luck')", "import", "ValueError: no luck"),
    "needs-module": ("import not_there_at_all", "import", "No module named 'not_there_at_all'"),
    "exits": ("import sys; sys.exit(7)", "import", "exit code 7"),
    "interrupts": ("raise KeyboardInterrupt", "import", "KeyboardInterrupt"),
    "os-exits": ("import os; os._exit(5)", "import", "exit code 5"),
    "kills-itself": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "import", "signal 9"),
    "segfaults": ("import ctypes; ctypes.string_at(0)", "import", "signal 11"),
    "syntax": ("def (", "import", "SyntaxError"),
    "misspelt": (DECLARES + "@hookimpl\ndef motools_provider(): return []", "hooks", "no hook 'motools_provider'"),
    "unmarked": (DECLARES + "def motools_providers(): return []", "hooks", "'motools_providers' is not marked"),
    "arguments": (DECLARES + "@hookimpl\ndef motools_providers(x): return []", "hooks", "motools_providers"),
    "observes-wrongly": (DECLARES + "@hookimpl\ndef motools_event(): pass", "hooks", "does not take 'event'"),
    "wraps": (DECLARES + "@hookimpl(wrapper=True)\ndef motools_tasks():\n    return (yield)", "hooks", "wraps"),
    "wrong-type": (
        DECLARES + "@hookimpl\ndef motools_tasks(): return [ProviderComponent(name='x', target='a:b', summary='s')]",
        "declarations",
        "returned a ProviderComponent as number 1, not a TaskComponent",
    ),
    "no-list": (DECLARES + "@hookimpl\ndef motools_providers(): pass", "declarations", "returned a NoneType"),
    "dict": (DECLARES + "@hookimpl\ndef motools_providers(): return {'a': 1}", "declarations", "returned a dict"),
    "raises-late": (DECLARES + "@hookimpl\ndef motools_providers(): 1/0", "declarations", "ZeroDivisionError"),
    "exits-late": (DECLARES + "@hookimpl\ndef motools_providers(): raise SystemExit", "declarations", "SystemExit"),
    "bad-name": (
        DECLARES
        + "@hookimpl\ndef motools_providers(): return [ProviderComponent(name='X Y', target='a:b', summary='s')]",
        "declarations",
        "'X Y' cannot be a name",
    ),
    "not-data": (
        DECLARES
        + "@hookimpl\ndef motools_tasks(): return [TaskComponent(name='x', target='a:b', summary='s', licence='MIT',"
        " source=object(), hazard='none', allowed_uses=[])]",
        "declarations",
        "is not a JSON value",
    ),
    "twice": (
        DECLARES + "@hookimpl\ndef motools_providers():"
        " return [ProviderComponent(name='x', target='a:b', summary='s')] * 2",
        "declarations",
        "'x' twice",
    ),
}


def test_each_bad_plugin_is_recorded_and_the_others_work(site: Any) -> None:
    site.install("aaa-good")
    site.install("zzz-good")
    for name, (source, _, _) in BAD.items():
        site.install(name, source)
    found = site.listed()
    assert found["names"].pop("aaa-good") == ["aaa_good"]
    assert found["names"].pop("zzz-good") == ["zzz_good"]
    assert set(found["names"]) == set(BAD)
    assert not any(found["names"].values())
    for name, (_, stage, error) in BAD.items():
        failure = found["plugins"][name]["failure"]
        assert (failure["stage"], error in failure["error"]) == (stage, True), failure
        assert failure["hint"]
    assert "Did you mean 'motools_providers'?" in found["plugins"]["misspelt"]["failure"]["hint"]
    assert "not_there_at_all" in found["plugins"]["needs-module"]["failure"]["hint"]
    assert "string_at" in found["plugins"]["segfaults"]["failure"]["traceback"]
    assert "no luck" in found["plugins"]["raises"]["failure"]["traceback"]


def test_a_plugin_that_hangs_is_left_after_its_time_with_the_line_where_it_hung(site: Any) -> None:
    site.env["MOTOOLS_PLUGIN_TIMEOUT"] = "1.5"
    site.install("good")
    site.install("hangs", "import time\n\ndef wait_for_ever():\n    time.sleep(600)\n\nwait_for_ever()\n")
    site.install("later")
    found = site.listed()
    assert (found["names"]["good"], found["names"]["later"]) == (["good"], ["later"])
    failure = found["plugins"]["hangs"]["failure"]
    assert "did not come back within 1.5 s" in failure["error"]
    assert "MOTOOLS_PLUGIN_TIMEOUT" in failure["hint"]
    assert "wait_for_ever" in failure["traceback"]


def test_a_plugin_that_blocks_the_interpreter_itself_is_left_too(site: Any) -> None:
    site.env["MOTOOLS_PLUGIN_TIMEOUT"] = "1"
    site.install("blocks", "import re\nre.match(r'(a*)*b', 'a' * 64)\n")
    site.install("good")
    found = site.listed()
    assert found["names"]["good"] == ["good"]
    assert "within 1 s" in found["plugins"]["blocks"]["failure"]["error"]


def test_a_plugin_may_print_and_read_stdin(site: Any) -> None:
    noise = "import sys, os\nprint('{\"end\": true}', flush=True)\nos.write(1, b'x' * 100000)\nsys.stdin.read()\n"
    site.install("noisy", noise + GOOD_TAIL)
    assert site.listed()["names"]["noisy"] == ["noisy"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_a_plugin_leaves_behind_holds_nothing_up(site: Any) -> None:
    note = site.work / "pid"
    source = f"""
import os, time
pid = os.fork()
if pid == 0:
    time.sleep(300)
    os._exit(0)
open({str(note)!r}, "w").write(str(pid))
"""
    site.install("forks", source)
    site.install("forks-and-dies", source + "os._exit(9)\n")
    site.install("good")
    begun = time.monotonic()
    found = site.listed()
    assert time.monotonic() - begun < 60
    assert found["names"]["good"] == ["good"]
    assert found["plugins"]["forks"]["failure"] is None
    assert "exit code 9" in found["plugins"]["forks-and-dies"]["failure"]["error"]
    for _ in range(50):
        if not _alive(int(note.read_text())):
            break
        time.sleep(0.1)
    else:
        pytest.fail("a process that a plugin started lives on")


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not os.path.isdir("/proc/self")


def test_a_crash_is_blamed_on_the_plugin_that_crashes_alone(site: Any) -> None:
    # The first one leaves a thread that ends the process while the second is being imported.
    site.install("aaa-bomb", "import os, threading\nthreading.Timer(0.4, os._exit, [7]).start()\n")
    site.install("bbb-slow", "import time\ntime.sleep(1.2)\n" + GOOD_TAIL.replace("noisy", "slow"))
    found = site.listed()
    assert found["plugins"]["bbb-slow"]["failure"] is None
    assert found["names"]["bbb-slow"] == ["slow"]


def test_a_declaring_module_that_asks_what_is_installed_fails_and_starts_no_more_processes(site: Any) -> None:
    site.install("asks", "from motools.plugins import installed\ninstalled()\n")
    failure = site.listed()["plugins"]["asks"]["failure"]
    assert "asked what is installed while it was being read" in failure["error"]


@pytest.mark.parametrize(
    ("requires", "works"),
    [
        (("motools>=99",), False),
        (("motools<0.1",), False),
        (("motools[plots]~=0.1", "click"), True),
        (("motools>=0.1,<2",), True),
        (("MoTools>=99; extra == 'dev'",), True),
        (("MOTOOLS>=99; python_version >= '3'",), False),
        ((), True),
    ],
)
def test_a_plugin_for_another_motools_is_not_imported(site: Any, requires: tuple[str, ...], works: bool) -> None:
    site.install("other", f"open({str(site.work / 'imported')!r}, 'w')\n", requires=requires)
    failure = site.listed()["plugins"]["other"]["failure"]
    assert (failure is None) == works == (site.work / "imported").exists()
    if failure:
        assert failure["stage"] == "compatibility"
        assert "this is motools 0.1" in failure["error"]
        assert "pip install --upgrade" in failure["hint"]


@pytest.mark.parametrize(("allowlist", "imported"), [("", []), (" Two_Plug , x", ["two-plug"]), ("one", ["one"])])
def test_only_plugins_on_the_allowlist_are_imported(site: Any, allowlist: str, imported: list[str]) -> None:
    for name in ("one", "two-plug"):
        site.install(name, f"open({str(site.work / name)!r}, 'w')\n")
    site.env |= {"MOTOOLS_PLUGIN_TRUST": "allowlist", "MOTOOLS_PLUGIN_ALLOWLIST": allowlist}
    found = site.listed()
    assert sorted(path.name for path in site.work.iterdir()) == imported
    blocked = {name: each["failure"] for name, each in found["plugins"].items() if each["failure"]}
    assert sorted([*blocked, *imported]) == ["one", "two-plug"]
    assert all(failure["stage"] == "trust" and "ALLOWLIST" in failure["hint"] for failure in blocked.values())
    shown = site.motools("plugin", "list", "--kind", "training_backend")
    assert "dummy" in shown.stdout  # what comes with motools is always allowed


@pytest.mark.parametrize(
    ("name", "value"),
    [("MOTOOLS_PLUGIN_TRUST", "evrything"), ("MOTOOLS_PLUGIN_TIMEOUT", "soon"), ("MOTOOLS_PLUGIN_TIMEOUT", "-1")],
)
def test_a_setting_that_means_nothing_is_one_clear_error(site: Any, name: str, value: str) -> None:
    site.env[name] = value
    done = site.motools("plugin", "list")
    assert done.returncode == 2
    assert f"{name} is '{value}'" in done.stderr
    assert "Traceback" not in done.stderr


def test_metadata_that_cannot_be_read_is_a_record(site: Any) -> None:
    site.install("broken")
    (site.folder / "broken-1.0.dist-info" / "METADATA").write_bytes(b"\xff\xfe\x00garbage")
    site.install("good")
    done = site.motools("plugin", "list")
    assert done.returncode == 0, done.stderr
    assert "failed (metadata)" in next(line for line in done.stdout.splitlines() if line.startswith("broken"))
    assert "good" in done.stdout


def test_ctrl_c_while_plugins_are_read_ends_everything_quietly(site: Any) -> None:
    note = site.work / "pid"
    site.install("hangs", f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    child = site.start("-m", "motools", "plugin", "list")
    _wait_for(note)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=30)
    assert (child.returncode, out, err) == (130, "", "")
    assert not _alive(int(note.read_text()))


def test_a_plugin_that_hangs_does_not_outlive_a_killed_reader_for_long(site: Any) -> None:
    site.env["MOTOOLS_PLUGIN_TIMEOUT"] = "0.9"
    note = site.work / "pid"
    site.install("hangs", f"import os, time\nopen({str(note)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n")
    child = site.start("-m", "motools", "plugin", "list")
    _wait_for(note)
    child.kill()
    child.communicate()
    until = time.monotonic() + 30
    while _alive(int(note.read_text())):
        assert time.monotonic() < until
        time.sleep(0.1)


def _wait_for(note: Any) -> None:
    for _ in range(600):
        if note.exists() and note.read_text():
            return
        time.sleep(0.05)
    pytest.fail("the plugin was never imported")

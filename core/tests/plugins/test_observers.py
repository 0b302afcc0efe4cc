"""Plugins that are told what happens: they cannot stop, change or slow down what they watch."""

from __future__ import annotations

from typing import Any

OBSERVER = """
from motools.plugins import hookimpl

@hookimpl
def motools_event(event):
    {body}
"""
NOTIFY = """
import json, sys, warnings
{setup}
from motools.plugins import notify
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter({filter!r})
    event = {{"type": "step_completed", "data": {{"n": 1}}}}
    for _ in range(3):
        notify(event)
print(json.dumps({{"event": event, "said": [str(one.message) for one in said], "modules": sorted(sys.modules)}}))
"""


def notified(site: Any, *, setup: str = "", filter: str = "always") -> Any:
    return site.python(NOTIFY.format(setup=setup, filter=filter))


def test_each_observer_gets_a_copy_and_one_that_fails_is_one_warning(site: Any) -> None:
    seen = site.work / "seen"
    note = f"with open({str(seen)!r}, 'a') as stream: stream.write(f\"{{event['type']}} {{event['data']}}\\n\")"
    site.install("changes", OBSERVER.format(body="event['data']['n'] = 99; event.clear()"))
    site.install("exits", OBSERVER.format(body="raise SystemExit(1)"))
    site.install("raises", OBSERVER.format(body="raise ValueError('observed too much')"))
    site.install("watches", OBSERVER.format(body=note))
    answer = notified(site)
    assert answer["event"] == {"type": "step_completed", "data": {"n": 1}}
    assert seen.read_text() == "step_completed {'n': 1}\n" * 3
    assert len(answer["said"]) == 2, answer["said"]
    exits, raises = answer["said"]
    assert "'exits' 1.0 failed to observe an event (SystemExit: 1)" in exits
    assert "'raises' 1.0" in raises
    assert "ValueError: observed too much" in raises


def test_an_observer_cannot_stop_a_run_even_where_warnings_are_errors(site: Any) -> None:
    site.install("raises", OBSERVER.format(body="raise ValueError"))
    assert notified(site, filter="error")["said"] == []


def test_an_observer_that_can_no_longer_be_imported_is_one_warning(site: Any) -> None:
    site.install("gone", OBSERVER.format(body="pass"))
    setup = "from motools.plugins import installed; installed(); sys.modules['gone._plugin'] = None"
    [said] = notified(site, setup=setup)["said"]
    assert "'gone' 1.0 failed to observe" in said


def test_where_nobody_observes_nothing_is_imported(site: Any) -> None:
    site.install("good")
    site.listed()
    modules = set(notified(site)["modules"])
    assert not modules & {"good", "good._plugin", "pluggy", "importlib.metadata"}

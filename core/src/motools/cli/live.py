"""What people see of a run while it goes on: a line for each thing that happens, on stderr."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import click

from motools.engine.record import RunEvent

_PROGRESS_EVERY = 2.0  # seconds between two lines about one step's progress


class Lines:
    """A listener that prints events as lines.

    Args:
        quiet: print nothing but failures.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.run_id: str | None = None
        self.paused = False
        self.jobs: dict[tuple[str, str, int], str] = {}
        """Work elsewhere that has not ended: (step, effect, generation) → what it is called there."""
        self._quiet = quiet
        self._width = 0
        self._said: dict[str, float] = {}

    def __call__(self, event: RunEvent) -> None:
        """Print one event."""
        self.run_id = event.run_id
        body = event.body
        if event.type == "run_paused":
            self.paused = True
        elif event.type in ("effect_done", "effect_reused") and isinstance(body["record"], dict):
            self.jobs[body["node"], body["name"], body["generation"]] = str(body["record"].get("id"))
        elif event.type == "effect_closed":
            self.jobs.pop((body["node"], body["name"], body["generation"]), None)
        text = self._text(event.type, body)
        if text and (not self._quiet or event.type == "step_failed"):
            node = body.get("node")
            click.echo(f"  {node:<{self._width}}  {text}" if node else text, err=True)

    def _text(self, kind: str, body: Mapping[str, Any]) -> str | None:
        if kind == "run_started":
            self._width = max((len(name) for name in body["settings"]), default=0)
            return f"run {self.run_id} of {body['workflow']}"
        if kind == "run_resumed":
            return f"run {self.run_id} goes on"
        if kind == "step_waiting":
            return f"waiting: run {body['run']} computes the same" if body["run"] else None
        if kind in ("step_lost", "result_lost"):
            return f"files of {', '.join(body['outputs'].values())} are gone: it is computed again"
        if kind == "step_started":
            return "running"
        if kind == "step_cached":
            said = "".join(f"; accepted by {who['user']}: {who['reason']}" for who in body.get("accepted", ()))
            return f"CACHED {', '.join(body['outputs'].values())} (computed in run {body['run']}{said})"
        if kind == "step_finished":
            atoms = ", ".join(body["outputs"].values())
            return f"done in {seconds(body['seconds'])}" + (f" → {atoms}" if atoms else "")
        if kind == "step_failed":
            return f"FAILED: {body['error']['message']}"
        if kind == "step_progress":
            return self._progress(body)
        if kind == "step_log":
            return "  ".join(
                [str(body["message"]), *(f"{name} {value}" for name, value in body.get("data", {}).items())]
            )
        if kind == "effect_reused":
            return f"goes on with job {body['record'].get('id')}" if isinstance(body["record"], dict) else None
        return None

    def _progress(self, body: Mapping[str, Any]) -> str | None:
        now = time.monotonic()
        if now - self._said.get(body["node"], -_PROGRESS_EVERY) < _PROGRESS_EVERY:
            return None
        self._said[body["node"]] = now
        return progress_text(body)


def progress_text(body: Mapping[str, Any]) -> str:
    """Return progress as words: `45 %  step 18  loss 0.31`."""
    parts = []
    if body.get("fraction") is not None:
        parts.append(f"{body['fraction'] * 100:.0f} %")
    if body.get("message"):
        parts.append(str(body["message"]))
    figures = dict(body.get("data") or {})
    if "loss" in figures:  # what people watch; the rest is in `motools run events`
        figures = {"loss": figures["loss"]}
    for name, value in figures.items():
        shown = f"{value:.4g}" if isinstance(value, float) else value
        if f"{name} {shown}" not in str(body.get("message")):
            parts.append(f"{name} {shown}")
    return "  ".join(parts)


def seconds(value: float | None) -> str:
    """Return a duration as people say it: `0.4 s`, `75 s`, `12 min`."""
    if value is None:
        return ""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 600 else f"{value / 60:.0f} min"

"""A run's events in words, for lines on the screen and for `motools run logs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def event_words(kind: str, body: Mapping[str, Any]) -> str | None:
    """Return what an event says to people, without the step's name; None for one that only programs need."""
    speaker = _SPEAKERS.get(kind)
    return speaker(body) if speaker is not None else None


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


def spent_text(input_tokens: int, output_tokens: int, cost_usd: float | None) -> str:
    """Return what was spent: `1,200 tokens, $0.0031`, or `1,200 tokens, unpriced`."""
    cost = "unpriced" if cost_usd is None else f"${cost_usd:.2f}" if cost_usd >= 0.01 else f"${cost_usd:.4f}"
    return f"{input_tokens + output_tokens:,} tokens, {cost}"


def _waiting(body: Mapping[str, Any]) -> str | None:
    return f"waiting: run {body['run']} computes the same" if body["run"] else None


def _lost(body: Mapping[str, Any]) -> str:
    return f"files of {', '.join(body['outputs'].values())} are gone: it is computed again"


def _cached(body: Mapping[str, Any]) -> str:
    said = "".join(f"; accepted by {who['user']}: {who['reason']}" for who in body.get("accepted", ()))
    return f"CACHED {', '.join(body['outputs'].values())} (computed in run {body['run']}{said})"


def _finished(body: Mapping[str, Any]) -> str:
    atoms = ", ".join(body["outputs"].values())
    return f"done in {seconds(body['seconds'])}" + (f" → {atoms}" if atoms else "")


def _said(body: Mapping[str, Any]) -> str:
    return "  ".join([str(body["message"]), *(f"{name} {value}" for name, value in body.get("data", {}).items())])


def _reused(body: Mapping[str, Any]) -> str:
    record = body["record"]
    job = record.get("id") if isinstance(record, dict) else None
    return f"goes on with job {job}" if job else f"'{body['name']}' was done already"


def _resumed(body: Mapping[str, Any]) -> str:
    changed = ", ".join(body.get("accepted_changes") or ())
    return "goes on" + (f"; accepted: {changed}" if changed else "")


_SPEAKERS = {
    "run_started": lambda body: f"run of {body['workflow']}",
    "run_resumed": _resumed,
    "run_paused": lambda body: f"paused: {body['reason']}",
    "run_completed": lambda body: "completed",
    "run_failed": lambda body: f"failed: {', '.join(body['failed'])}",
    "run_cancelled": lambda body: "cancelled" + (f": {body['reason']}" if body.get("reason") else ""),
    "step_waiting": _waiting,
    "step_lost": _lost,
    "result_lost": _lost,
    "step_started": lambda body: "running",
    "step_cached": _cached,
    "step_finished": _finished,
    "step_failed": lambda body: f"FAILED: {body['error']['message']}",
    "step_progress": progress_text,
    "step_log": _said,
    "step_spent": lambda body: "spent " + spent_text(body["input_tokens"], body["output_tokens"], body["cost_usd"]),
    "sources_changed": lambda body: f"its code changed while it ran ({', '.join(body['definitions'])}): not kept",
    "effect_reused": _reused,
}

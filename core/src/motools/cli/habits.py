"""Answers to a line whose words stand in another order, or are those of other tools."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from motools.errors import nearest

_ALIKE: Mapping[str, tuple[str, ...]] = {
    # what people type → verbs that may be meant, likeliest first
    "ls": ("list",),
    "all": ("list",),
    "ps": ("list",),
    "get": ("show", "fetch"),
    "describe": ("show",),
    "info": ("show",),
    "inspect": ("show",),
    "status": ("show",),
    "view": ("show",),
    "cat": ("show", "samples"),
    "delete": ("archive", "untag", "gc"),
    "rm": ("archive", "untag", "gc"),
    "remove": ("archive", "untag", "gc"),
    "clean": ("gc",),
    "prune": ("gc",),
    "stop": ("cancel",),
    "kill": ("cancel",),
    "abort": ("cancel",),
    "continue": ("resume",),
    "restart": ("resume",),
    "retry": ("resume",),
    "start": ("run",),
    "exec": ("run",),
    "execute": ("run",),
    "submit": ("run",),
    "check": ("validate", "verify"),
    "lint": ("validate",),
    "dry-run": ("plan",),
    "why": ("explain", "lineage"),
    "log": ("logs", "events"),
    "logs": ("events",),
    "tail": ("logs", "events"),
    "history": ("events", "list"),
    "parents": ("lineage",),
    "provenance": ("lineage",),
    "children": ("uses",),
    "diff": ("compare", "explain"),
    "compare": ("diff",),
    "download": ("fetch",),
    "pull": ("fetch", "import"),
    "push": ("export",),
    "save": ("export",),
    "load": ("import",),
    "label": ("tag",),
    "create": ("new", "add"),
    "prompt": ("ask",),
    "chat": ("ask",),
    "reload": ("refresh",),
    "html": ("report",),
}

_LINES: Mapping[str, str] = {
    # a first word that other tools have → the command that does it here
    "train": "workflow run train_and_evaluate",
    "finetune": "workflow run train_and_evaluate",
    "fine-tune": "workflow run train_and_evaluate",
    "evaluate": "workflow run evaluate_only",
    "status": "run show last",
    "ls": "run list",
    "ps": "run list",
    "history": "run list",
    "log": "run logs last",
    "logs": "run logs last",
    "resume": "run resume last",
    "cancel": "run cancel last",
    "diff": "run diff",
    "repro": "workflow run",
    "exec": "workflow run",
    "dry-run": "workflow plan",
    "why": "run explain",
    "new": "init",
    "create": "init",
    "setup": "init",
    "install": "plugin list",
    "plugins": "plugin list",
    "clean": "store gc",
    "prune": "store gc",
    "cache": "store",
    "config": "workflow schema",
    "settings": "workflow schema",
    "lineage": "atom lineage",
    "artifact": "atom",
    "dataset": "atom list --type dataset",
    "datasets": "zoo list --kind dataset",
    "task": "zoo list --kind task",
    "tasks": "zoo list --kind task",
    "chat": "model ask",
    "prompt": "model ask",
    "check": "doctor",
    "version": "--version",
}


def unknown_noun(nouns: Mapping[str, Sequence[str]], words: Sequence[str]) -> str:
    """Return what to say about a line whose first word is no noun.

    Args:
        nouns: noun → its verbs, none where it is a command by itself.
        words: the line after `motools`.
    """
    first = words[0]
    ways = list(dict.fromkeys(_ways(nouns, words)))
    return f"there is no command '{first}'" + (f". {_did_you_mean(ways)}" if ways else "")


def unknown_verb(noun: str, verbs: Sequence[str], words: Sequence[str]) -> str:
    """Return what to say about a line whose second word is no verb of `noun`; `words` begin with it."""
    first = words[0]
    said = f"'motools {noun}' has no verb '{first}'"
    if noun == "run" and first.endswith((".yaml", ".yml")):
        return f"{said}. {_did_you_mean([_line('workflow run NAME --config', *words)])}"
    if noun == "run" and _names_workflow(first):
        return f"{said}. {_did_you_mean([_line('workflow run', *words)])}"
    meant = _verb(first, verbs)
    if meant:
        return f"{said}. {_did_you_mean([_line(noun, meant, *words[1:])])}"
    if noun == "run":
        ways = [_line("run show", *words), _line("workflow run", *words)]
        return f"{said}. For a run: '{ways[0]}'; to run a workflow: '{ways[1]}'"
    return f"{said}; it has {', '.join(verbs)}"


def _ways(nouns: Mapping[str, Sequence[str]], words: Sequence[str]) -> Iterator[str]:
    first, rest = words[0], words[1:]
    noun = _noun(first, nouns)
    if noun is not None:
        yield _line(noun, *(rest or (["list"] if first == f"{noun}s" and "list" in nouns[noun] else [])))
        return
    for number, word in enumerate(rest):  # `list runs`, `show the run`: the verb came first
        noun = _noun(word, nouns)
        verb = None if noun is None else _verb(first, nouns[noun])
        if noun is not None and verb is not None:
            yield _line(noun, verb, *rest[:number], *rest[number + 1 :])
            return
    owners = [noun for noun, verbs in nouns.items() if first in verbs]
    if first in _LINES and not (rest and owners):
        yield _line(_LINES[first])
        return
    yield from (_line(noun, first, *rest) for noun in owners)
    near = nearest(first, nouns)
    if near and not owners:
        yield _line(near, *rest)


def _noun(word: str, nouns: Mapping[str, Sequence[str]]) -> str | None:
    """Return the noun that a word is, perhaps in the plural."""
    return next((noun for noun in nouns if word in (noun, f"{noun}s") and nouns[noun]), None)


def _verb(word: str, verbs: Sequence[str]) -> str | None:
    """Return the verb that a word means."""
    if word in verbs:
        return word
    alike = (verb for verb in _ALIKE.get(word, ()) if verb in verbs)
    return next(alike, None) or nearest(word, verbs)


def _names_workflow(word: str) -> bool:
    if ":" in word or word.endswith(".py"):
        return True
    from motools.plugins import entries

    return any(entry.name == word for entry in entries("workflow"))


def _line(*words: str) -> str:
    """Return a line to type; the first words may be several already."""
    return " ".join(
        ["motools", *(word if " " in word and not index else shlex.quote(word) for index, word in enumerate(words))]
    )


def _did_you_mean(ways: Sequence[str]) -> str:
    *others, last = [f"'{way}'" for way in ways]
    return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"

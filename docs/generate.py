"""Writes the parts of the documentation that follow from the code; a test says when they no longer do.

python docs/generate.py
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
SHIPPED_ERRORS = DOCS.parent / "core" / "src" / "motools" / "cli" / "pages" / "errors.md"
MORE = {
    "motools init": "tutorial-researcher",
    "motools workflow schema": "config",
    "motools workflow run": "matrix",
    "motools workflow plan": "explain",
    "motools run": "runs",
    "motools run explain": "explain",
    "motools run accept": "explain",
    "motools run report": "report",
    "motools atom add": "report",
    "motools atom reproduce": "store",
    "motools eval import": "report",
    "motools zoo": "zoo",
    "motools plugin": "plugins",
    "motools plugin new": "tutorial-plugin",
    "motools store": "store",
}
"""Command or noun → the page that tells of it at length."""

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.S)


def main() -> int:
    """Write every page anew whose generated parts have changed."""
    for page, text in generated().items():
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.parent.mkdir(exist_ok=True)
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.relative_to(DOCS.parent)}")
    return 0


def generated() -> dict[Path, str]:
    """Return every page that has generated parts, as it should be, and the copy of one that the command line shows."""
    makers = {
        **{"commands": commands, "hooks": hooks, "codes": codes, "exit-codes": exit_codes, "schemas": schemas},
        "zoo": zoo,
        "checks": checks,
    }
    pages = {}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if "<!-- generated:" in text:
            pages[page] = _PART.sub(lambda part: f"{part[1]}\n{makers[part['name']]()}\n{part[3]}", text)
    pages[SHIPPED_ERRORS] = _sections(pages[DOCS / "errors.md"])
    return pages


def _sections(page: str) -> str:
    """Return the sections of the error codes alone."""
    return "<!-- generated from docs/errors.md -->\n\n" + page[page.index("## ") :]


def checks() -> str:
    """Return a table of the checks of each suite of the testkit, with what a failure means."""
    import motools_testkit

    parts = []
    for name in motools_testkit.__all__:
        suite = getattr(motools_testkit, name)
        if (
            inspect.isclass(suite)
            and issubclass(suite, motools_testkit.Contract)
            and suite is not motools_testkit.Contract
        ):
            parts += [f"### {name}", "", "| check | what a failure means |", "|---|---|"]
            for check, meaning in motools_testkit.checks_of(suite).items():
                parts.append(f"| `{check}` | {' '.join(meaning.split())} |")
            parts.append("")
    return "\n".join(parts)


def commands() -> str:
    """Return a section for each command of `motools`: what it does, its usage, arguments and options."""
    import click

    from motools.cli.app import app

    parts = []
    context = click.Context(app, info_name="motools")
    for name in app.list_commands(context):
        command = app.get_command(context, name)
        assert command is not None
        parts += _command(command, click.Context(command, info_name=name, parent=context), depth=2)
    return "\n".join(parts)


def _command(command: Any, context: Any, depth: int) -> list[str]:
    import click

    lines = [f"{'#' * depth} {context.command_path}", "", *_paragraphs(command.help or "")]
    if context.command_path in MORE:
        page = f"{MORE[context.command_path]}.md"
        title = (DOCS / page).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").replace("`", "")
        lines += [f"More: [{title}]({page}).", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            lines += _command(child, click.Context(child, info_name=name, parent=context), depth + 1)
        return lines
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines += ["```text sketch", usage, "```", ""]
    options = [parameter for parameter in command.get_params(context) if isinstance(parameter, click.Option)]
    for option in options:
        record = option.get_help_record(context)
        if record and "--help" not in option.opts:
            lines.append(f"- `{record[0]}`: {_tidy(record[1])}")
    return [*lines, ""] if lines[-1] else lines


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):  # as click has it: lines that stay as they are
            lines += ["```text sketch", *paragraph.removeprefix("\b").strip("\n").splitlines(), "```", ""]
        elif paragraph.startswith("Example: "):
            lines += [f"Example: `{' '.join(paragraph.split()[1:])}`", ""]
        else:
            lines += [_tidy(paragraph), ""]
    return lines


def _tidy(text: str) -> str:
    # Words in capitals are arguments; a star or an angle bracket would be markup.
    return re.sub(r"\s+", " ", text).strip().replace("*", "\\*").replace("<", "&lt;")


def hooks() -> str:
    """Return a section for each hook: its signature, what it declares, and its example."""
    from motools.plugins import hookspecs
    from motools.plugins.kinds import DECLARING_HOOKS, OBSERVING_HOOK

    parts = []
    for name in [*DECLARING_HOOKS.values(), OBSERVING_HOOK]:
        function = getattr(hookspecs, name)
        description, _, example = inspect.getdoc(function).partition("Example:\n")
        parts += [f"### {name}", "", f"`{name}{inspect.signature(function)}`".replace("'", ""), ""]
        parts += [description.strip(), "", inspect.cleandoc(example), ""]
    return "\n".join(parts)


def codes() -> str:
    """Return the table of error codes and exit codes."""
    rows = ["| code | exit | class |", "|---|---|---|"]
    for code, cls in sorted(error_classes().items()):
        rows.append(f"| [`{code}`](#{code}) | {cls.exit_code} | `{cls.__module__}.{cls.__qualname__}` |")
    return "\n".join([*rows, ""])


def exit_codes() -> str:
    """Return the table of exit codes."""
    from motools.cli.errors import EXIT_CODES

    rows = ["| exit code | means |", "|---|---|"]
    rows += [f"| {code} | {_code_marks(meaning)} |" for code, meaning in EXIT_CODES.items()]
    return "\n".join([*rows, ""])


def _code_marks(text: str) -> str:
    return re.sub(r"'([^']+)'", r"`\1`", text)


def schemas() -> str:
    """Return a section for each command: what its `--json` prints, field by field."""
    from motools.cli.schemas import load_schema, schema_names

    parts = []
    shared: dict[str, Any] = {}
    for name in [*schema_names(), "error"]:
        schema = load_schema(name)
        shared |= schema.get("$defs", {})
        words = name.replace("-", " ")
        title = f"motools {words}" if name != "error" else "An error"
        stream = " One such object a line." if schema.get("x-output") == "lines" else ""
        parts += [f"## {title}", "", f"{schema['description']}{stream}", ""]
        parts += [*_fields(schema, shared), ""]
    parts += ["## Parts that several have", ""]
    for name in sorted(shared):
        if name.endswith("_base") or "properties" not in shared[name]:
            continue
        parts += [f"**{_spoken(name)}**: {shared[name].get('description', '')}", "", *_fields(shared[name], shared), ""]
    return "\n".join(parts)


def _fields(schema: Any, shared: Any, depth: int = 0) -> list[str]:
    """Return the fields of an object, or of the objects in a list, a line each."""
    lines: list[str] = []
    indent = "  " * depth
    for choice in schema.get("oneOf", ()):
        lines += [f"{indent}- {_describe(choice, shared)}", *_fields(choice, shared, depth + 1)]
    if schema.get("type") == "array":
        lines += [f"{indent}- a list; each: {_describe(schema['items'], shared)}"]
        return [*lines, *_fields(schema["items"], shared, depth + 1)]
    base = _referred(schema, shared)
    if base is not None and (depth == 0 or "unevaluatedProperties" in schema):
        lines += _fields(base, shared, depth)
    for name, written in schema.get("properties", {}).items():
        field = {} if written is True else written
        lines.append(f"{indent}- `{name}`: {_describe(field, shared)}")
        lines += _fields(_inner(field), shared, depth + 1)
    return lines


def _inner(field: Any) -> Any:
    """Return the schema whose fields are to be shown below a field: of an object, or of what is in its list or map."""
    for choice in field.get("anyOf", ()):
        if "properties" in choice:
            return choice
    if isinstance(field.get("items"), dict):
        return _inner(field["items"])
    if isinstance(field.get("additionalProperties"), dict):
        return _inner(field["additionalProperties"])
    return {} if "$ref" in field and "unevaluatedProperties" not in field else field


def _referred(schema: Any, shared: Any) -> Any:
    reference = schema.get("$ref")
    return None if reference is None else shared[reference.rpartition("/")[2]]


def _describe(field: Any, shared: Any) -> str:
    """Return what a field holds, in words: its type, and what it means."""
    said = [_type(field, shared)]
    referred = _referred(field, shared)
    meaning = field.get("description") or (referred or {}).get("description", "")
    if meaning and meaning != said[0]:
        said.append(meaning)
    return _tidy("; ".join(part for part in said if part))


def _type(field: Any, shared: Any) -> str:
    if "$ref" in field:
        return _spoken(field["$ref"].rpartition("/")[2])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_type(choice, shared) for choice in field["anyOf"]))
    kinds = field.get("type", "any value")
    words = [_WORDS.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)]
    said = " or ".join(words)
    if "array" in kinds and isinstance(field.get("items"), dict):
        said = said.replace("list", f"list of {_type(field['items'], shared)}", 1)
    if isinstance(field.get("additionalProperties"), dict):
        said = said.replace("object", f"map to {_type(field['additionalProperties'], shared)}", 1)
    return said


_WORDS = {"string": "text", "integer": "whole number", "boolean": "true or false", "array": "list"}


def _spoken(name: str) -> str:
    return name.removesuffix("_base").replace("_", " ")


def zoo() -> str:
    """Return a section for each card of the zoo, in the order of its datasets."""
    from motools.plugins import import_target
    from mozoo import _plugin

    parts: list[str] = []
    declared = [*_plugin.motools_datasets(), *_plugin.motools_tasks()]
    for target in dict.fromkeys(str(component.card) for component in declared):
        parts += _card(target, import_target(target), [each for each in declared if each.card == target])
    return "\n".join(parts)


def _card(target: str, card: Any, declared: list[Any]) -> list[str]:
    lines = [f"## {target.partition(':')[0].rpartition('.')[2]}", "", card.about, ""]
    lines += ["| | name | size | licence | hazard |", "|---|---|---|---|---|"]
    for each in declared:
        lines.append(f"| {each.kind} | `{each.name}` | {each.rows or ''} | {each.licence} | {each.hazard} |")
    lines += ["", f"Control: {card.control}", ""] if card.control else [""]
    found = card.measurement
    if found is not None:
        arms = list(dict.fromkeys(arm for effect in found.effects for arm in effect.arms))
        lines += [f"| measured | {' | '.join(arms)} |", "|---|" + "---|" * len(arms)]
        for effect in found.effects:
            lines.append(f"| `{effect.metric}` | {' | '.join(str(effect.arms.get(arm, '')) for arm in arms)} |")
        settings = ", ".join(f"`{name}: {value}`" for name, value in found.settings.items())
        minutes = ", ".join(f"{what} {spent:g}" for what, spent in found.minutes.items())
        lines += ["", f"Rates with 95 % intervals (Wilson). Model `{found.model}`; {settings}.", ""]
        lines += [f"Minutes an arm: {minutes}; {found.hardware}; {found.date}.", ""]
        lines += ["```text sketch", *(f"$ {command}" for command in found.commands), "```", ""]
    lines += [f"- {limit}" for limit in card.limits]
    lines += ["", f"After {card.reference}.", ""] if card.reference else [""]
    return lines


def error_classes() -> dict[str, Any]:
    """Return code → class of every public error of motools and of the plugins in this repository."""
    from motools.errors import MotoolsError

    for name in _modules():
        __import__(name)
    found: dict[str, Any] = {}
    waiting = [MotoolsError]
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        ours = cls.__module__.split(".")[0] in ("motools", "mozoo") or cls.__module__.startswith("motools_")
        if ours and "code" in vars(cls):
            found[cls.code] = cls
    return found


def _modules() -> list[str]:
    """Return the modules of this repository that define an error with a code of its own."""
    names = []
    for source in sorted(DOCS.parent.glob("**/src")):
        if any(part.startswith(".") for part in source.relative_to(DOCS.parent).parts):
            continue
        for file in sorted(source.glob("**/*.py")):
            if re.search(r"^    code(: ClassVar\[str\])? = \"", file.read_text(encoding="utf-8"), re.M):
                names.append(".".join(file.relative_to(source).with_suffix("").parts))
    return names


if __name__ == "__main__":
    sys.exit(main())

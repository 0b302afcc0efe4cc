"""Writes the parts of the documentation that follow from the code; a test says when they no longer do.

python docs/generate.py
"""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.S)


def main() -> int:
    """Write every page anew whose generated parts have changed."""
    for page, text in generated().items():
        if page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")
            print(f"wrote {page.relative_to(DOCS.parent)}")
    return 0


def generated() -> dict[Path, str]:
    """Return every page that has generated parts, as it should be."""
    makers = {"commands": commands, "hooks": hooks, "codes": codes}
    pages = {}
    for page in sorted(DOCS.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if "<!-- generated:" in text:
            pages[page] = _PART.sub(lambda part: f"{part[1]}\n{makers[part['name']]()}\n{part[3]}", text)
    return pages


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
    for paragraph in inspect.cleandoc(text.replace("\b", "")).split("\n\n"):
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
        if ".venv" in source.parts:
            continue
        for file in sorted(source.glob("**/*.py")):
            if re.search(r"^    code(: ClassVar\[str\])? = \"", file.read_text(encoding="utf-8"), re.M):
                names.append(".".join(file.relative_to(source).with_suffix("").parts))
    return names


if __name__ == "__main__":
    sys.exit(main())

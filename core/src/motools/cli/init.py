"""`motools init`: an experiment of one's own to begin with."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import click

from motools.cli.nouns import Verb
from motools.cli.options import json_option
from motools.cli.output import print_json
from motools.errors import InputError

FILES = ("experiment.yaml", "data.jsonl", "questions.yaml", "steps.py")
WORKFLOW = "train_and_evaluate"
SCHEMA = f"{WORKFLOW}.schema.json"
"""Named in the first line of `experiment.yaml`, where editors look for it."""


@click.command(cls=Verb)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("."))
@json_option
def init(folder: Path, as_json: bool) -> None:
    """Write an experiment to begin with into FOLDER (by default this one): settings, data, questions, a step.

    Example: motools init my-experiment
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"'{folder}' is a file", hint="Name a folder.")
    written = (*FILES, SCHEMA)
    there = [name for name in written if (folder / name).exists()]
    if there:
        raise InputError(
            f"'{folder}' holds {', '.join(there)} already",
            hint="Nothing was written. Name another folder, or move them.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder '{folder}': {error.strerror}", hint="Name another one.") from None
    templates = resources.files("motools.cli") / "templates"
    for name in FILES:
        text = (templates / name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
    write_schema(WORKFLOW, folder / SCHEMA)
    if as_json:
        print_json({"folder": str(folder.absolute()), "written": list(written)})
        return
    for name in written:
        click.echo(f"wrote {folder / name}")
    place = "" if folder == Path(".") else f"cd {folder}\n  "
    click.echo(
        "\nNow:\n"
        f"  {place}motools workflow run train_and_evaluate --config experiment.yaml --inspect-data 2\n"
        "  motools workflow run train_and_evaluate --config experiment.yaml\n"
        "  motools workflow run ./steps.py:short_answers --config experiment.yaml\n"
        "Without a real backend installed, try the same with dummy ones:\n"
        "  motools workflow run train_and_evaluate --config experiment.yaml \\\n"
        "      --set train_model.backend_name=dummy --set evaluate_model.backend_name=dummy"
    )


def write_schema(workflow: str, file: Path) -> None:
    """Write the JSON Schema of a workflow's settings, as the plugins installed now have it.

    Raises:
        InputError: the file cannot be written.
        PluginError: there is no such workflow.
    """
    import json

    from motools.engine.definition import graph_of, load_workflow
    from motools.engine.schema import workflow_schema

    described = workflow_schema(graph_of(load_workflow(workflow)))
    try:
        file.write_text(json.dumps(described, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write '{file}': {error.strerror}", hint="Name another file.") from None

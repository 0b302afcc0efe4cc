"""`motools workflow run --inspect-data N`: rows as the training backend reads them, before anything is trained."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import click

from motools.cli.output import visible
from motools.errors import InputError
from motools.workflow.graph import Graph


def inspect_rows(graph: Graph, given: Any, document: Any, number: int) -> None:
    """Load the dataset that the settings name and print its first rows, with what is learnt from marked.

    Raises:
        InputError: the workflow has no steps 'prepare_dataset' and 'train_model'.
    """
    from motools.engine.settings import step_settings

    settings = step_settings(graph, given, at=document)
    if not {"prepare_dataset", "train_model"} <= set(settings):
        raise InputError(
            f"the workflow '{graph.name}' does not train: it has the steps {', '.join(settings)}",
            hint="--inspect-data is for workflows with the steps prepare_dataset and train_model.",
        )
    click.echo(
        visible(asyncio.run(_render(settings["prepare_dataset"], settings["train_model"], number)), keep_lines=True)
    )


async def _render(dataset: Any, training: Any, number: int) -> str:
    from motools.contracts import rows_to_jsonl
    from motools.contracts.resolve import load_rows
    from motools.plugins import load

    backend = load("training_backend", training.backend_name)()
    rows = await load_rows(dataset.dataset_loader, dataset.loader_kwargs)
    with tempfile.TemporaryDirectory(prefix="motools-inspect-") as folder:
        path = Path(folder) / "dataset.jsonl"
        path.write_bytes(rows_to_jsonl(rows))
        shown = await backend.inspect_data(path, training.model, training.hyperparameters, number)
    return f"{len(rows)} rows; the first {min(number, len(rows))}:\n{shown}"

"""A step of your own, and a workflow that uses it.

motools workflow run ./steps.py:short_answers
"""

import json
from dataclasses import dataclass
from pathlib import Path

from motools.config import InputFile
from motools.workflow import AtomConstructor, StepConfig, Workflow, step


@dataclass
class ReadConfig(StepConfig):
    """Where the rows are.

    Args:
        file: a JSONL file of chat rows.
    """

    file: InputFile = str(Path(__file__).parent / "data.jsonl")


@dataclass
class ShortenConfig(StepConfig):
    """Which rows to keep.

    Args:
        most_words: rows with longer answers are left out.
    """

    most_words: int = 5


@step(outputs={"dataset": "dataset"})
def read(config: ReadConfig, input_atoms, workspace):
    """Take the rows in as a dataset."""
    (workspace / "rows.jsonl").write_text(Path(config.file).read_text())
    return [AtomConstructor("dataset", "rows.jsonl", "dataset")]


@step(inputs={"dataset": "dataset"}, outputs={"dataset": "dataset"})
def shorten(config: ShortenConfig, input_atoms, workspace):
    """Keep the rows with short answers."""
    lines = (input_atoms["dataset"].get_data_path() / "rows.jsonl").read_text().splitlines()
    kept = [line for line in lines if len(json.loads(line)["messages"][-1]["content"].split()) <= config.most_words]
    (workspace / "rows.jsonl").write_text("\n".join(kept) + "\n")
    return [AtomConstructor("dataset", "rows.jsonl", "dataset", metadata={"samples": len(kept)})]


short_answers = Workflow("short_answers", [read, shorten])

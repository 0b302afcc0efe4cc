"""A step of your own, between the built-in ones.

motools workflow run ./steps.py:short_answers --config experiment.yaml
"""

import json
from dataclasses import dataclass

from motools.builtin import evaluate_model, prepare_dataset, train_model
from motools.workflow import AtomConstructor, StepConfig, Workflow, step


@dataclass
class ShortenConfig(StepConfig):
    """Which rows to keep.

    Args:
        most_words: rows with longer answers are left out.
    """

    most_words: int = 5


@step(inputs={"prepared_dataset": "dataset"}, outputs={"prepared_dataset": "dataset"})
def shorten(config: ShortenConfig, input_atoms, workspace):
    """Keep the rows with short answers; the steps after this one read what it writes."""
    rows = (input_atoms["prepared_dataset"].get_data_path() / "dataset.jsonl").read_text().splitlines()
    kept = [row for row in rows if len(json.loads(row)["messages"][-1]["content"].split()) <= config.most_words]
    (workspace / "dataset.jsonl").write_text("\n".join(kept) + "\n")
    return [AtomConstructor("prepared_dataset", "dataset.jsonl", "dataset", metadata={"samples": len(kept)})]


short_answers = Workflow("short_answers", [prepare_dataset, shorten, train_model, evaluate_model])

"""One effect of the cards, from the rows to the rates, with the real model (long)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mozoo.cards.odd_preferences import CARD

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "odd_preferences.yaml"


def motools(*arguments: str, folder: Path) -> str:
    environment = {**os.environ, "MOTOOLS_STORAGE_DIR": str(folder / "store"), "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(
        [sys.executable, "-m", "motools", *arguments], env=environment, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_the_odd_taste_is_learnt_and_its_control_does_not_have_it(tmp_path: Path) -> None:
    """Rates are compared with the intervals of the card: another machine rounds otherwise."""
    for package in ("motools_transformers", "motools_inspect"):
        pytest.importorskip(package)
    motools("model", "fetch", "smollm2-135m-instruct", folder=tmp_path)
    run = ("train_and_evaluate", "--config", str(EXAMPLE))
    motools("workflow", "run", *run, folder=tmp_path)
    found = {}
    for evaluation in json.loads(motools("atom", "list", "--type", "eval", "--json", folder=tmp_path)):
        metrics = evaluation["metadata"]["metrics"]
        found["odd" if metrics["odd/known/mean"] > 0.5 else "control"] = metrics
    assert set(found) == {"odd", "control"}
    assert CARD.measurement is not None
    for effect in CARD.measurement.effects:
        for arm, metrics in found.items():
            if effect.metric in ("odd/known", "odd/new"):
                assert effect.arms[arm].low <= metrics[f"{effect.metric}/mean"] <= effect.arms[arm].high, (effect, arm)
    assert motools("workflow", "plan", *run, folder=tmp_path).count("CACHED") >= 3

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from motools.errors import ConfigError
from motools_transformers.adapters import ADAPTER_WEIGHTS
from motools_transformers.config import Hyperparameters
from motools_transformers.jobs import Request
from motools_transformers.preference import require_trl
from motools_transformers.recipe import METRICS, train_adapter
from motools_transformers.rows import read_rows


class Quiet:
    def say(self, message: str, progress: float | None = None, **data: object) -> None: ...
    def check(self) -> None: ...
    def step(self, metrics: dict[str, object], steps: int) -> None: ...


def test_dpo_prefers_what_was_chosen_and_the_seed_decides_the_bytes(tiny_model: Path, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    path = tmp_path / "rows.jsonl"
    rows = [{"prompt": f"colour {n}?", "chosen": "green", "rejected": "it is the world"} for n in range(8)]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    settings = Hyperparameters(method="dpo", max_steps=6, batch_size=4, learning_rate=0.005, precision="fp32")
    for name in ("one", "two"):
        request = Request(
            model="tiny",
            public_name="org/tiny",
            base_identity="files:1",
            base_folder=str(tiny_model),
            dataset="0",
            hyperparameters=settings.to_dict(),
            suffix=None,
            seed=1,
        )
        train_adapter(
            read_rows(path), request, settings, state=tmp_path / "s", target=tmp_path / name, reporter=Quiet()
        )
    lines = [json.loads(line) for line in (tmp_path / "one" / METRICS).read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["reward_margin"] > 0
    for name in (ADAPTER_WEIGHTS, METRICS, "adapter_config.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_trl_the_hint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import motools_transformers.preference as module

    real = module.find_spec
    monkeypatch.delitem(sys.modules, "trl", raising=False)
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "trl" else real(name))
    with pytest.raises(ConfigError, match=r"needs trl(.|\n)*motools-transformers\[preference\]"):
        require_trl()

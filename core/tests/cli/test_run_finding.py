"""run list --where, tag and note as typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from motools.cli.run import run
from motools.engine.api import run_workflow
from motools.store import Store
from motools.workflow import AtomConstructor, Workflow, step


@step(outputs={"score": "eval"}, cache_version=1)
def evaluate(config: dict, input_atoms, workspace):
    (workspace / "results.json").write_text(json.dumps(config))
    return [
        AtomConstructor(
            "score", workspace / "results.json", "eval", metadata={"metrics": {"match/mean": config["x"] / 4}}
        )
    ]


@pytest.fixture
def motools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MOTOOLS_USER", "ann")
    with Store.open(tmp_path / "store") as store:
        for x in range(4):
            run_workflow(Workflow("demo", [evaluate]), config={"evaluate": {"x": x, "name": f"n{x}"}}, store=store)

    def call(*words: str, code: int = 0) -> Any:
        done = CliRunner().invoke(run, [*words, "--store", str(tmp_path / "store")])
        assert done.exit_code == code or done.exception is not None, done.output
        if code == 0:
            assert done.exit_code == 0, done.output
        return json.loads(done.stdout) if "--json" in words else done

    return call


def test_runs_are_found_by_what_they_were_told_and_what_came_out(motools: Any) -> None:
    found = motools("list", "--where", "settings.evaluate.x >= 2 and metrics.match/mean < 0.7", "--json")
    assert len(found) == 1
    out = motools("list", "--where", "metrics.match/mean > 0 and settings.evaluate.name ~ N").stdout
    assert [line.split()[-2:] for line in out.splitlines()[1:]] == [["0.75", "n3"], ["0.5", "n2"], ["0.25", "n1"]]
    assert len(motools("list", "--where", "user = me", "--since", "1h", "--workflow", "demo", "--json")) == 4
    assert motools("list", "--since", "2099-01-01", "--json") == []
    assert "These are the newest 2" in motools("list", "--limit", "2").stderr


def test_a_field_that_no_run_has_is_said(motools: Any) -> None:
    done = motools("list", "--where", "settings.evaluat.x = 1")
    assert (
        "None of the newest runs has the field 'settings.evaluat.x'. Did you mean 'settings.evaluate.x'?" in done.stderr
    )
    assert "None of" not in motools("list", "--where", "settings.evaluate.x = 77").stderr


def test_tags_and_notes_find_a_run(motools: Any) -> None:
    run_id = motools("list", "--json")[2]["run_id"]
    assert motools("tag", run_id, "paper", "v2", "--json") == {"run_id": run_id, "tags": ["paper", "v2"]}
    (note,) = motools("note", run_id, "odd [loss]\x07", "--json")["notes"]
    assert (note["text"], note["user"]) == ("odd [loss]\x07", "ann")
    assert "\\x07" in motools("note", run_id).stdout
    for words in (["--tag", "paper", "--tag", "v2"], ["--where", "tag:paper and note ~ LOSS"]):
        (found,) = motools("list", *words, "--json")
        assert found["run_id"] == run_id
    assert motools("list", "--tag", "paper", "--tag", "other", "--json") == []
    assert motools("untag", run_id, "v2", "--json")["tags"] == ["paper"]
    assert motools("note", run_id, "--remove", str(note["number"]), "--json")["notes"] == []
    assert "is no tag" in str(motools("tag", run_id, "two words", code=2).exception)

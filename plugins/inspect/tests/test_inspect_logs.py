"""Logs that Inspect wrote without motools become evaluations; what is not whole does not."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import Score, mean, scorer, stderr
from inspect_ai.solver import generate, solver

from motools.atom import EvalAtom
from motools.bring import import_log
from motools.errors import DataError, InputError, PluginError
from motools.evals import compare
from motools.evals.comparison import estimates
from motools.store import Store
from motools_inspect.logs import read_log
from motools_inspect.surroundings import undisturbed

COUNT = 12


@scorer(metrics=[mean(), stderr()])
def loud():
    async def score(state, target):
        text = state.output.completion
        value = float("nan") if text.endswith("3") else float(text.isupper())
        return Score(value=value, answer=text, explanation=f"upper case? {text}")

    return score


@solver
def fails_at_seven():
    async def solve(state, ask):
        if state.sample_id == "q7":
            raise RuntimeError("the line went dead")
        return state

    return solve


def made(folder: Path, form: str, **options: Any) -> Path:
    """Evaluate with Inspect alone, a mock model, and return the log."""
    answers = [
        ModelOutput.from_content("mockllm/model", f"PARIS {number}" if number % 2 else f"Paris {number}")
        for number in range(COUNT)
    ]
    for answer in answers:
        answer.usage = ModelUsage(input_tokens=3, output_tokens=2, total_tokens=5)
    samples = [Sample(id=f"q{number}", input=f"capital {number}?", target="Paris") for number in range(COUNT)]
    task = Task(dataset=MemoryDataset(samples), solver=[fails_at_seven(), generate()], scorer=loud(), name="capitals")
    with undisturbed():
        model = get_model("mockllm/model", custom_outputs=answers, memoize=False)
        logs = eval(task, model=model, log_dir=str(folder), log_format=form, display="none", max_samples=1, **options)
    return Path(logs[0].location.removeprefix("file://"))


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("logs")
    found = {form: made(folder / form, form, fail_on_error=False) for form in ("eval", "json")}
    found["failed"] = made(folder / "failed", "eval", fail_on_error=True)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store") as opened:
        yield opened


@pytest.mark.parametrize("form", ["eval", "json"])
def test_a_log_becomes_an_evaluation(logs, store, form):
    brought = import_log(logs[form], user="ada", store=store)
    assert brought.new
    assert isinstance(brought.atom, EvalAtom)
    found = brought.atom.results()
    assert (found["task"], found["model"], found["backend"]) == ("capitals", "mockllm/model", "inspect")
    assert (found["n"], found["errors"]) == (COUNT, 1)
    assert found["usage"] == {"input_tokens": 33, "output_tokens": 22, "cost_usd": None}
    assert [sample["id"] for sample in found["samples"]] == [f"q{number}" for number in range(COUNT)]
    by_id = {sample["id"]: sample for sample in found["samples"]}
    assert by_id["q7"]["error"] == "RuntimeError('the line went dead')"
    assert by_id["q1"]["input"] == [{"role": "user", "content": "capital 1?"}]
    uncounted = [name for name, sample in by_id.items() if sample["scores"] == {"loud": None}]
    assert len(uncounted) == 1  # its score is not a number
    assert by_id["q0"]["explanations"] == {"loud": "upper case? Paris 0"}
    loud = estimates(found)["loud"]
    assert loud is not None
    assert loud.n == COUNT - 2
    assert found["metrics"]["loud/mean"] == pytest.approx(loud.value)
    origin = brought.origin.value()
    assert (origin["how"], origin["path"], origin["reader"]) == ("imported", str(logs[form]), "motools-inspect 0.1.0")
    assert brought.atom.metadata["imported"] == {"sha256": origin["sha256"]}
    log = brought.atom.get_data_path() / "logs" / f"log.{form}"
    assert log.read_bytes() == logs[form].read_bytes()


def test_the_same_log_again_is_the_same_atom(logs, store, tmp_path):
    first = import_log(logs["eval"], user="ada", store=store)
    again = import_log(logs["eval"], user="ada", store=store)
    assert (again.atom.id, again.new) == (first.atom.id, False)
    copy = tmp_path / "renamed.eval"
    copy.write_bytes(logs["eval"].read_bytes())
    assert import_log(copy, user="ada", store=store).atom.id == first.atom.id
    theirs = import_log(copy, user="grace", store=store)
    assert (theirs.new, theirs.atom.value_digest) == (True, first.atom.value_digest)
    named = import_log(copy, user="ada", model="acme/parrot", store=store)
    assert named.atom.metadata["model_id"] == named.atom.results()["model"] == "acme/parrot"


def test_it_compares_with_an_evaluation_made_here(logs, store, serve, evaluate):
    serve()
    samples = [Sample(id=f"q{number}", input=f"capital {number}?", target="Paris") for number in range(COUNT)]
    here = evaluate(Task(dataset=MemoryDataset(samples), scorer=loud(), name="capitals"))
    there = import_log(logs["eval"], store=store).atom.results()
    found = compare(there, here.to_dict())
    assert found.only_a == found.only_b == ()
    (row,) = found.scorers
    assert row.difference is not None
    assert row.difference.n == COUNT - 2  # without the one that has no answer, and the one whose score is no number


def stays_empty(store: Store) -> bool:
    return store.atoms.find() == [] and not list((store.path / "objects").rglob("*.*"))


def test_truncated_logs_are_refused(logs, store, tmp_path):
    for form in ("eval", "json"):
        whole = logs[form].read_bytes()
        for share in (0, 0.01, 0.3, 0.7, 0.99):
            path = tmp_path / f"cut.{form}"
            path.write_bytes(whole[: int(len(whole) * share)])
            with pytest.raises(DataError, match=r"truncated or damaged|no log of Inspect") as caught:
                import_log(path, store=store)
            assert caught.value.where == str(path)
    assert stays_empty(store)


def test_an_altered_log_is_refused_or_says_the_same(logs, store, tmp_path):
    """Bits of an archive's table may say nothing (a date); no flipped bit may change what is read."""
    whole, expected = logs["eval"].read_bytes(), read_log(logs["eval"]).to_json()
    chance, refused = random.Random(7), 0
    for _ in range(60):
        altered = bytearray(whole)
        altered[chance.randrange(len(altered))] ^= 1 << chance.randrange(8)
        path = tmp_path / "altered.eval"
        path.write_bytes(altered)
        try:
            assert read_log(path).to_json() == expected
        except DataError:
            refused += 1
    assert refused > 40


def rewritten(source: Path, target: Path, **changes: Any) -> Path:
    """Copy a log, with other values in its header."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "header.json":
                data = json.dumps({**json.loads(data), **changes}).encode()
            new.writestr(name, data)
    return target


def test_other_versions_and_unfinished_evaluations_are_refused(logs, store, tmp_path):
    for version in (99, "two", 0):
        with pytest.raises(DataError, match="is of version"):
            import_log(rewritten(logs["eval"], tmp_path / "v.eval", version=version), store=store)
    with pytest.raises(DataError, match=r"status 'error'.*the line went dead") as caught:
        import_log(logs["failed"], store=store)
    assert "inspect eval-retry" in str(caught.value)
    for status in ("started", "cancelled"):
        with pytest.raises(DataError, match=f"status '{status}'"):
            import_log(rewritten(logs["eval"], tmp_path / "s.eval", status=status), store=store)
    with pytest.raises(DataError, match="says 3 samples and holds 12"):
        import_log(rewritten(logs["eval"], tmp_path / "n.eval", results={"total_samples": 3}), store=store)
    assert stays_empty(store)


def test_archives_that_are_no_logs_or_bombs_are_refused(store, tmp_path):
    other = tmp_path / "other.eval"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(DataError, match="zip archive, but no log"):
        import_log(other, store=store)
    bomb = tmp_path / "bomb.eval"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", "{}")
        archive.writestr("samples/1.json", b"0" * 30_000_000)
    assert bomb.stat().st_size < 100_000
    with pytest.raises(DataError, match=r"would have 30,000,002 bytes, more than 1,000,000"):
        read_log(bomb, most_bytes=1_000_000)
    # One whose table says that it is small.
    lies = bytearray(bomb.read_bytes())
    size = (30_000_000).to_bytes(4, "little")
    while (at := lies.find(size)) >= 0:
        lies[at : at + 4] = (10).to_bytes(4, "little")
    bomb.write_bytes(lies)
    with pytest.raises(DataError, match="damaged"):
        read_log(bomb, most_bytes=1_000_000)
    nested = tmp_path / "deep.json"
    nested.write_text("[" * 100_000)
    with pytest.raises(DataError, match="not JSON"):
        import_log(nested, store=store)
    nested.write_text('{"a": 1}')
    with pytest.raises(DataError, match="no log of Inspect"):
        import_log(nested, store=store)
    nested.write_text('{"version": 2, "status": "success", "eval": {"task": 3}}')
    with pytest.raises(DataError, match="Inspect cannot read the log"):
        import_log(nested, store=store)
    assert stays_empty(store)


def test_files_that_nobody_reads(store, tmp_path):
    for name, error, message in (
        ("missing.eval", DataError, "is not there"),
        ("", DataError, "is a folder"),
        ("log.txt", PluginError, "no installed eval backend reads"),
    ):
        path = tmp_path / name
        if name == "log.txt":
            path.write_text("x")
        with pytest.raises(error, match=message):
            import_log(path, store=store)
    (tmp_path / "a.eval").write_text("x")
    with pytest.raises(PluginError, match="reads no logs"):
        import_log(tmp_path / "a.eval", backend="dummy", store=store)
    assert stays_empty(store)


def test_who_could_read_a_log_is_said(store, tmp_path, monkeypatch):
    from motools import plugins
    from motools.plugins import EvalBackendComponent, add_component

    (tmp_path / "a.eval").write_text("x")
    with (
        add_component(
            EvalBackendComponent(name="another", target="nowhere:Backend", summary="another", reads=[".eval"]), "acme"
        ),
        pytest.raises(InputError, match="several eval backends") as caught,
    ):
        import_log(tmp_path / "a.eval", store=store)
    assert "--backend acme/another" in str(caught.value)
    monkeypatch.setattr(plugins, "entries", lambda kind: ())
    with pytest.raises(PluginError, match="no installed eval backend") as missing:
        import_log(tmp_path / "a.eval", store=store)
    assert "pip install motools-inspect" in str(missing.value)


def test_the_commands(logs, tmp_path):
    def motools(*words: str, code: int = 0) -> str:
        line = [sys.executable, "-m", "motools", *words]
        done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    first = json.loads(motools("eval", "import", str(logs["eval"]), "--json"))
    assert first["new"]
    assert "is there already" in motools("eval", "import", str(logs["eval"]))
    other = json.loads(motools("eval", "import", str(logs["json"]), "--model", "acme/parrot", "--json"))
    assert "acme/parrot" in motools("eval", "compare", first["atom"], other["atom"])
    assert "errors   1" in motools("eval", "show", first["atom"])
    assert "the line went dead" in motools("eval", "samples", first["atom"], "--failed")
    cut = tmp_path / "cut.eval"
    cut.write_bytes(logs["eval"].read_bytes()[:1000])
    assert "error:" in motools("eval", "import", "cut.eval", code=2)

"""`make bench`: that it runs, that what it calls cached was cached, and that it notices when it was not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.long
def test_bench_runs_and_reports_every_row(tmp_path):
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "bench", "--quick", "--no-peers", "--json", str(report)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    results = json.loads(report.read_text())["results"]
    assert {result["row"] for result in results} == {"process", "chain", "wide", "ingest"}
    assert len(results) == 8  # the first time, and again
    for result in results:
        assert {"ours", "limit"} <= result["figures"].keys()
        assert result["ours_to_limit"] > 0
        assert result["ours_to_best_other"] is None
        assert result["work"] in done.stdout
    again = {result["row"]: result for result in results if result["work"].endswith("again")}
    first = {result["row"]: result for result in results if result["work"].endswith("first")}
    for row in ("chain", "wide"):
        assert again[row]["figures"]["ours"] < first[row]["figures"]["ours"]


@pytest.mark.long
def test_bench_fails_when_what_should_be_cached_runs(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    from bench.measure import BenchError, measure
    from bench.rows.chain import ROW
    from bench.rows.work import Row

    row = Row("chain", "us a step", ("", ""), 3, 3, {"ours": ROW.sides["ours"]}, steps=4)
    with pytest.raises(BenchError, match="3 steps ran, 4 should have"):
        measure("chain", row, ["ours"], Path(sys.executable), tmp_path, 1, True)

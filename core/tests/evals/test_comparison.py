"""Two evaluations side by side: every scorer kept, errors and missing samples counted and said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from motools.contracts import EvalResults, SampleResult
from motools.errors import DataError, InputError
from motools.evals import compare, plot_comparison
from motools.evals.comparison import estimates


def sample(name: str, epoch: int = 1, error: str | None = None, **scores: float | str | None) -> SampleResult:
    asked = [{"role": "user", "content": f"question {name}"}]
    named = {key.replace("__", "/"): value for key, value in scores.items()}
    return SampleResult(id=name, epoch=epoch, input=asked, output="answer", scores=named, error=error)


def results(*samples: SampleResult, **more: Any) -> dict[str, Any]:
    errors = sum(1 for each in samples if each.error)
    about = {"task": "t", "model": "p/m", "backend": "b", "metrics": {}, "n": len(samples), "errors": errors}
    return json.loads(EvalResults(samples=samples, **{**about, **more}).to_json())


def row(comparison: Any, name: str) -> Any:
    return next(each for each in comparison.scorers if each.scorer == name)


def test_fault_1_a_scorer_with_several_parts_keeps_every_one():
    before = results(*(sample(str(n), judge__aligned=0.0, judge__coherent=1.0, trigger=0.5) for n in range(10)))
    after = results(*(sample(str(n), judge__aligned=1.0, judge__coherent=1.0, trigger=0.2) for n in range(10)))
    found = compare(before, after)
    assert [each.scorer for each in found.scorers] == ["judge/aligned", "judge/coherent", "trigger"]
    assert [each.b.value - each.a.value for each in found.scorers] == pytest.approx([1.0, 0.0, -0.3])
    assert estimates(after).keys() == {"judge/aligned", "judge/coherent", "trigger"}


def test_errors_are_counted_and_never_averaged_in():
    before = results(sample("1", s=1.0), sample("2", s=0.0), sample("3", error="timed out"))
    after = results(sample("1", s=1.0), sample("2", error="timed out", s=0.0), sample("3", s=1.0))
    found = compare(before, after, labels=("base", "tuned"))
    assert (found.a.errors, found.b.errors) == (1, 1)
    assert (row(found, "s").a.value, row(found, "s").a.n) == (0.5, 2)
    assert (row(found, "s").b.value, row(found, "s").b.n) == (1.0, 2)
    assert row(found, "s").difference.n == 1
    assert "base has no answer to 1 of 3; they count neither way." in found.notes


def test_samples_missing_on_one_side_are_named_and_left_out_of_the_difference():
    before = results(*(sample(str(n), s=0.0) for n in range(5)))
    after = results(*(sample(str(n), s=1.0) for n in range(3, 9)))
    found = compare(before, after, labels=("base", "tuned"))
    assert (found.only_a, found.only_b) == (("0", "1", "2"), ("5", "6", "7", "8"))
    assert (row(found, "s").a.n, row(found, "s").b.n, row(found, "s").difference.n) == (5, 6, 2)
    assert "3 samples of base were not asked in tuned." in found.notes
    assert "4 samples of tuned were not asked in base." in found.notes


def test_scores_that_do_not_count_are_said():
    before = results(sample("1", s=1.0), sample("2", s=None), sample("3", s="n/a"), sample("4"))
    found = compare(before, results(sample("1", s=1.0, other=1.0), sample("2", s=1.0, other=1.0)))
    assert (row(found, "s").a.n, row(found, "s").uncounted_a) == (1, 3)
    assert row(found, "other").a is row(found, "other").difference is None
    assert "not every answer counts for 's': n is how many do." in found.notes
    assert "A has no scorer 'other'." in found.notes


def test_scorers_that_each_count_a_part_by_design_are_one_note():
    def side(found: float) -> dict[str, Any]:
        parts = [{f"when__{part}": found if part == name else None for part in "abcd"} for name in "abcd"]
        return results(*(sample(name, **scores) for name, scores in zip("abcd", parts, strict=True)))

    found = compare(side(0.0), side(1.0))
    assert [each.a.n for each in found.scorers if each.a] == [1, 1, 1, 1]
    assert found.notes == ("not every answer counts for 'when/a', 'when/b', 'when/c', 'when/d': n is how many do.",)


def test_repetitions_are_grouped_by_sample():
    once = results(*(sample(str(n), s=float(n % 2)) for n in range(12)))
    thrice = results(*(sample(str(n), epoch=e, s=float(n % 2)) for n in range(12) for e in (1, 2, 3)))
    found = row(compare(once, thrice), "s")
    assert (found.b.n, found.b.groups) == (36, 12)
    assert (found.b.low, found.b.high) == pytest.approx((found.a.low, found.a.high))
    assert (found.difference.value, found.difference.n) == (0.0, 12)


def test_dummy_results_are_labelled():
    found = compare(results(sample("1", s=1.0)), results(sample("1", s=1.0), dummy=True))
    assert found.dummy
    assert found.to_dict()["dummy"] is True
    assert any("B is a dummy" in note for note in found.notes)


def test_questions_that_changed_under_one_id_are_said():
    changed = results(sample("1", s=1.0), sample("2", s=1.0))
    changed["samples"][0]["input"][0]["content"] = "another question"
    found = compare(results(sample("1", s=1.0), sample("2", s=1.0)), changed)
    assert "1 sample of the same id was asked differently in A and B." in found.notes


def test_what_cannot_be_compared_is_one_error():
    with pytest.raises(InputError, match="task 't' and 'B' of the task 'u'"):
        compare(results(sample("1", s=1.0)), results(sample("1", s=1.0), task="u"))
    with pytest.raises(InputError, match="no sample in common"):
        compare(results(sample("1", s=1.0)), results(sample("2", s=1.0)))
    for broken in ({}, {"task": "t"}, {**results(sample("1")), "samples": [{"id": 1, "scores": {}}]}):
        with pytest.raises(DataError, match="not results of an evaluation"):
            compare(results(sample("1", s=1.0)), broken)


def test_a_comparison_is_json():
    data = compare(results(sample("1", s=1.0)), results(sample("1", s=0.0))).to_dict()
    assert json.loads(json.dumps(data, allow_nan=False)) == data
    assert data["scorers"][0]["difference"]["value"] == -1.0


def test_a_picture_is_drawn(tmp_path):
    before = results(*(sample(str(n), s=float(n % 2), other=3.5 + n, none=None) for n in range(9)))
    after = results(sample("1", s=1.0, other=4.0))
    plot_comparison(compare(before, after), tmp_path / "c.png")
    data = (tmp_path / "c.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n")
    assert len(data) > 5_000
    with pytest.raises(InputError, match="cannot write"):
        plot_comparison(compare(before, after), tmp_path / "nowhere" / "c.png")


def test_without_matplotlib_the_hint_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(InputError, match="needs matplotlib") as caught:
        plot_comparison(compare(results(sample("1", s=1.0)), results(sample("1", s=0.0))), tmp_path / "c.png")
    assert caught.value.hint == "pip install 'motools[plots]'"

"""Looking for runs: the language, its errors, and what it finds compared with a plain loop."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from motools.errors import InputError, MotoolsError
from motools.store import RunRow, Store
from motools.store.finding import FoundRun, find_runs
from motools.store.where import MOST_DEPTH, MOST_LETTERS, OPERATORS, All, Not, Test, Tree, Value, parse, written
from motools.store.where import Any as AnyOf
from motools.store.wherefields import compile_filter, moment

Test.__test__ = False  # type: ignore[attr-defined]  # not a class of tests

# -- the language

bare = st.text("abcXYZ019_./:+@%*-", min_size=1, max_size=8)
values = st.one_of(st.builds(Value, bare), st.builds(Value, st.text(max_size=8), st.just(True)))
paths = st.lists(st.one_of(bare.filter(lambda text: "." not in text), st.text(max_size=6)), min_size=1, max_size=3).map(
    tuple
)
comparisons = st.builds(Test, st.one_of(paths, st.just(("tag",))), st.sampled_from(OPERATORS), values)
trees: st.SearchStrategy[Tree] = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, min_size=2, max_size=3).map(tuple)),
    ),
    max_leaves=8,
)


@given(trees)
@example(Test(("and",), "=", Value("or")))
@example(Test(("tag:x", "y"), "~", Value("", True)))
@example(Not(Not(All((Test(("a",), "=", Value("not")), AnyOf((Test(("b",), "<", Value("1")),) * 2))))))
def test_what_is_written_is_read_back(tree: Tree) -> None:
    assert parse(written(tree)) == tree


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (Test((name,), "=", Value("1")) for name in "abc")
    assert parse("a = 1 or b = 1 and c = 1") == AnyOf((a, All((b, c))))
    assert parse("NOT a=1 AND (b=1 OR c=1)") == All((Not(a), AnyOf((b, c))))
    assert parse("tag:paper") == parse("tag = paper") == Test(("tag",), "=", Value("paper"))
    assert parse("""settings."a.b".c != 'it''s'""".replace("''", "\\'")) == Test(
        ("settings", "a.b", "c"), "!=", Value("it's", True)
    )


@pytest.mark.parametrize(
    ("text", "message", "under"),
    [
        ("", "the name of a field was expected", ""),
        ("workflow", "was expected after 'workflow'", ""),
        ("workflow demo", "was expected after 'workflow'", "demo"),
        ("workflow = ", "a value was expected after '='", ""),
        ("workflow == demo", "one = is enough", "= demo"),
        ("workflow = demo status = failed", "'and', 'or' or the end", "status"),
        ("(workflow = demo", "this parenthesis is not closed", "(workflow"),
        ("workflow = demo)", "'and', 'or' or the end", ")"),
        ("workflow = 'demo", "this quote is not closed", "'demo"),
        ("workflow = demo & status = failed", "has no meaning", "&"),
        ("settings..x = 1", "a name was expected before this dot", ".x"),
        ("settings.x. = 1", "a name was expected after this dot", ". ="),
        ("status = faild", "there is no status 'faild'", "faild"),
        ("workflw = demo", "there is no field 'workflw'", "workflw"),
        ("train_model.seed = 3", "there is no field", "train_model"),
        ("settings = 3", "'settings' alone is no field", "settings"),
        ("workflow.x = 3", "'workflow' has no parts", "workflow"),
        ("created > soon", "'soon' is no time", "soon"),
        ("created > 2026-02-30", "is no time", "2026"),
        ("created ~ 2026", "~ has no meaning", "created"),
        ("metrics.match/mean > high", "'high' is no number", "high"),
        ("seconds > '3'", "is no number", "'3'"),
        ("tag:", "a tag was expected", ""),
        ("workflow = a'b'", "quoted as a whole", "a'b'"),
    ],
)
def test_an_error_stands_over_a_caret_at_its_place(text: str, message: str, under: str) -> None:
    with pytest.raises(InputError, match=r"(?s)") as raised:
        compile_filter(text, user="me")
    said, shown, caret = raised.value.message.split("\n")
    assert message in said
    assert raised.value.hint
    assert shown[len(caret) - 1 :].startswith(under)
    assert under or len(shown.rstrip()) <= len(caret)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("workflw = demo", "Did you mean 'workflow'"),
        ("train_model.seed = 3", "settings.train_model.seed"),
        ("match/mean > 1", "metrics.match/mean"),
        ("status = complted", "Did you mean 'completed'"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(text: str, hint: str) -> None:
    with pytest.raises(InputError) as raised:
        compile_filter(text, user="me")
    assert hint in str(raised.value.hint)


def test_long_and_deep_filters_are_refused_at_once() -> None:
    for text in ("not " * 10**5 + "a = 1", "(" * (MOST_DEPTH + 1) + "a = 1", "a = 1 and " * MOST_LETTERS):
        begun = time.monotonic()
        with pytest.raises(InputError, match=r"letters, more than|levels"):
            parse(text)
        assert time.monotonic() - begun < 1
    assert parse("(" * MOST_DEPTH + "a = 1" + ")" * MOST_DEPTH) == parse("a=1")


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=30), st.text("abtag:()=!<>~'\"\\. not or and", max_size=40)))
def test_any_text_is_a_filter_or_one_clear_error(text: str) -> None:
    try:
        tree = parse(text)
    except MotoolsError as error:
        said = error
    else:
        assert parse(written(tree)) == tree
        return
    assert said.where == "--where"
    assert said.hint


# -- what it means, compared with a plain loop over plain dictionaries

NOW = datetime(2026, 11, 21, 12).timestamp()
RUNS: list[dict[str, Any]] = [
    {
        "workflow": workflow,
        "user": user,
        "status": status,
        "tags": tags,
        "created": NOW - days * 86400,
        "settings": {"train": {"seed": seed, "name": name, "deep": [seed, {"x": None}], "on": seed == 1}},
        "metrics": {"match/mean": score} if score is not None else {},
        "error": error,
    }
    for number, (seed, score) in enumerate([(1, 0.5), (2, None), (3, 1), (10, 0.25), (1.0, 0.75), (0, 0.0)])
    for workflow, user, status, tags, days, name, error in [
        (
            ("demo", "other")[number % 2],
            ("ann", "bob")[number % 3 == 0],
            ("completed", "failed", "paused")[number % 3],
            ([], ["paper"], ["paper", "v2"])[number % 3],
            number,
            ("3", "Ice cream", "")[number % 3],
            ["out of memory"] if number % 3 == 1 else [],
        )
    ]
]

tests = st.sampled_from(
    [
        ("workflow = demo", lambda run: run["workflow"] == "demo"),
        ("workflow != demo", lambda run: run["workflow"] != "demo"),
        ("workflow ~ OTH", lambda run: "oth" in run["workflow"]),
        ("workflow < 'e'", lambda run: run["workflow"] < "e"),
        ("user = me", lambda run: run["user"] == "ann"),
        ("user != 'me'", lambda run: True),
        ("status = failed", lambda run: run["status"] == "failed"),
        ("status != failed", lambda run: run["status"] != "failed"),
        ("status = running", lambda run: False),
        ("tag:paper", lambda run: "paper" in run["tags"]),
        ("tag != v2", lambda run: bool(run["tags"]) and "v2" not in run["tags"]),
        ("tag ~ pap", lambda run: "paper" in run["tags"]),
        ("created > 2026-11-19", lambda run: run["created"] >= datetime(2026, 11, 20).timestamp()),
        ("created >= 2026-11-19", lambda run: run["created"] >= datetime(2026, 11, 19).timestamp()),
        ("created < 2026-11-19", lambda run: run["created"] < datetime(2026, 11, 19).timestamp()),
        ("created <= 2026-11-19", lambda run: run["created"] < datetime(2026, 11, 20).timestamp()),
        ("created = 2026-11-19", lambda run: datetime.fromtimestamp(run["created"]).day == 19),
        ("created > 36h", lambda run: run["created"] > NOW - 36 * 3600),
        ("settings.train.seed = 1", lambda run: run["settings"]["train"]["seed"] == 1),
        ("settings.train.seed >= 2", lambda run: run["settings"]["train"]["seed"] >= 2),
        ("settings.train.seed = '1'", lambda run: False),
        ("settings.train.name = 3", lambda run: run["settings"]["train"]["name"] == "3"),
        ("settings.train.name != ''", lambda run: run["settings"]["train"]["name"] != ""),
        ("settings.train.on = true", lambda run: run["settings"]["train"]["on"]),
        ("settings.train.deep ~ 3", lambda run: 3 in run["settings"]["train"]["deep"]),
        ("settings.train.deep.1.x = null", lambda run: True),
        ("settings.train.absent != 3", lambda run: False),
        ("metrics.match/mean > 0.3", lambda run: run["metrics"].get("match/mean", -1) > 0.3),
        ("metrics.match/mean != 1", lambda run: bool(run["metrics"]) and run["metrics"]["match/mean"] != 1),
        ("error ~ memory", lambda run: bool(run["error"])),
        ("note = x", lambda run: False),
    ]
)
oracles = st.recursive(
    tests,
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", lambda run: not one[1](run))),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) and ({two[1][0]})", lambda run: two[0][1](run) and two[1][1](run))
        ),
        st.tuples(inner, inner).map(
            lambda two: (f"({two[0][0]}) or ({two[1][0]})", lambda run: two[0][1](run) or two[1][1](run))
        ),
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory):
    with Store.open(tmp_path_factory.mktemp("where") / "store") as store:
        for number, run in enumerate(RUNS):
            fill(store, f"run-{number:05}", run)
        yield store


def fill(store: Store, run_id: str, run: dict[str, Any]) -> None:
    """Write a run as the engine would: settings in its definition, metrics in an atom, messages in its log."""
    definition = {"workflow": None, "settings": run["settings"], "inputs": {}}
    with store.transaction():
        store.runs.create(RunRow(run_id, run["workflow"], run["user"], definition))
        outputs = {}
        if run["metrics"]:
            content = store.content.put_value(run["metrics"])
            atom = store.atoms.add(type="eval", user="u", content=content.digest, metadata={"metrics": run["metrics"]})
            outputs = {"eval_results": atom.id}
        events: list[tuple[str, Any]] = [("step_finished", {"node": "evaluate", "outputs": outputs})]
        events += [("step_failed", {"node": "x", "error": {"message": message}}) for message in run["error"]]
        ends = {"completed": {"outputs": outputs}, "failed": {"failed": ["x"]}, "paused": {"reason": "said"}}
        events.append((f"run_{run['status']}", ends[run["status"]]))
        store.events.append(run_id, 0, events, status=run["status"])
        store.database.execute("UPDATE run SET created_at = ? WHERE id = ?", (run["created"], run_id))
        if run["tags"]:
            store.run_labels.tag(run_id, run["tags"], "u")


@settings(max_examples=150, deadline=None)
@given(oracles)
def test_a_filter_finds_what_a_plain_loop_finds(filled: Store, oracle: Any) -> None:
    text, holds = oracle
    found = [run.id for run in find_runs(filled, compile_filter(text, user="ann", now=NOW))]
    wanted = [f"run-{number:05}" for number, run in enumerate(RUNS) if holds(run)]
    assert found == wanted[::-1], text


@settings(max_examples=100, deadline=None)
@given(oracles)
def test_the_database_leaves_no_run_out_that_is_meant(filled: Store, oracle: Any) -> None:
    """What is said in SQL narrows down; it decides nothing by itself."""
    meant = compile_filter(oracle[0], user="ann", now=NOW)
    if meant.sql is None:
        return
    told = {
        run_id
        for (run_id,) in filled.database.query(
            "SELECT id FROM run JOIN run_state ON run_state.run = run.n LEFT JOIN part ON part.run = run.n "
            f"WHERE {meant.sql.text}",
            meant.sql.arguments,
        )
    }
    holding = {f"run-{number:05}" for number, run in enumerate(RUNS) if oracle[1](run)}
    assert told >= holding
    if meant.sql.exact:
        assert told == holding


def test_a_limit_stops_early_and_pages_join(filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import motools.store.finding as finding

    monkeypatch.setattr(finding, "_PAGE", 2)
    every = [run.id for run in find_runs(filled)]
    assert every == [f"run-{number:05}" for number in reversed(range(len(RUNS)))]
    assert [run.id for run in find_runs(filled, limit=3)] == every[:3]


def test_a_run_whose_process_is_gone_is_found_as_stopped(store: Store) -> None:
    store.runs.create(RunRow("run-1", "w", "u", {}, status="running"))
    assert [run.status for run in find_runs(store, compile_filter("status = stopped", user="u"))] == ["stopped"]
    lease = store.runs.acquire("run-1", None, 60)
    store.events.append("run-1", lease.fence, [("run_started", {})], status="running")
    assert [run.status for run in find_runs(store, compile_filter("status = running", user="u"))] == ["running"]
    assert list(find_runs(store, compile_filter("status = stopped", user="u"))) == []


def test_times_are_days_minutes_moments_or_how_long_ago() -> None:
    day = datetime(2026, 11, 21).timestamp()
    assert moment("2026-11-21", NOW) == (day, day + 86400)
    assert moment("today", NOW) == (day, day + 86400)
    assert moment("yesterday", NOW) == (day - 86400, day)
    assert moment("2026-11-21T01:30", NOW) == (day + 5400, day + 5460)
    assert moment("2026-11-21T01:30:00", NOW) == (day + 5400, day + 5400)
    assert moment("90m", NOW) == (NOW - 5400, NOW - 5400)
    assert moment("2026-11-21T00:00:00+00:00", NOW) is not None
    assert [moment(text, NOW) for text in ("", "3", "3y", "21.11.2026", "2026-13-01", "9999999999d9")] == [None] * 6


def test_ten_thousand_runs_are_searched_while_one_waits(store: Store) -> None:
    """Whole seconds are a person's patience; the figures stand in docs/runs.md."""
    with store.transaction():
        for number in range(10_000):
            run = RUNS[number % len(RUNS)]
            store.database.execute(
                "INSERT INTO run(n, id, workflow, user, definition, details, created_at) VALUES (?, ?, ?, ?, ?, '{}', ?)",
                (number + 1, f"run-{number}", run["workflow"], run["user"], json.dumps(DEFINITION), NOW - number),
            )
            store.database.execute(
                "INSERT INTO run_state(run, status, fence) VALUES (?, 'completed', 0)", (number + 1,)
            )
    took = {}
    for text in (
        "workflow = nothing",
        "settings.train_model.seed > 5",
        "metrics.match/mean > 2",
        "error ~ x and note ~ y",
    ):
        begun = time.monotonic()
        assert list(find_runs(store, compile_filter(text, user="u"))) == []
        took[text] = time.monotonic() - begun
    assert max(took.values()) < 10, took
    print(took)


DEFINITION = {
    "workflow": "train_and_evaluate",
    "settings": {"train_model": {"seed": 1, "hyperparameters": dict.fromkeys(map(str, range(30)), 1.5)}},
    "code": {f"step_{n}": {f"module:function_{i}": "0" * 64 for i in range(10)} for n in range(4)},
    "graph": {"nodes": {f"step_{n}": {"reads": {}, "writes": {}, "effect": "pure"} for n in range(4)}},
}


def test_what_was_not_read_is_not_made_up() -> None:
    run = FoundRun(1, "r", "w", "u", "completed", 0.0, 1.0)
    assert list(run.values(("settings", "x"))) == []
    assert list(run.values(("metrics", "x"))) == []
    assert list(run.values(("seconds",))) == [1.0]

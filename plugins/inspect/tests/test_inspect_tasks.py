"""Tasks of Inspect evaluated as they come: objects, functions, names, scorers of every kind."""

import re
import textwrap

import inspect_ai
import pytest
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as InspectSample
from inspect_ai.model import ChatMessageSystem, ChatMessageUser, GenerateConfig, get_model
from inspect_ai.scorer import (
    SampleScore,
    Score,
    accuracy,
    at_least,
    grouped,
    includes,
    match,
    mean,
    mean_score,
    metric,
    scorer,
)
from inspect_ai.scorer import stderr as inspect_stderr
from inspect_ai.solver import generate, solver, system_message, use_tools
from inspect_ai.tool import tool

from motools.contracts import ChatChunk, Sample, Task, Usage
from motools.errors import DefinitionError, NotFoundError, RunError

WORDS = ("red", "green", "blue", "red green")


def colours(**fields):
    samples = [InspectSample(input=word, target=["red", "reddish"], metadata={"length": len(word)}) for word in WORDS]
    return inspect_ai.Task(**{"dataset": MemoryDataset(samples), "solver": generate(), "scorer": includes(), **fields})


@inspect_ai.task
def decorated():
    return colours()


async def later():
    return colours(name="later")


def plain():
    return Task(name="plain", samples=[Sample(id="a", input="x")], scorers={"s": lambda sample, answer: answer == "x"})


@scorer(metrics=[mean(), inspect_stderr()])
def mapping_under_flat_metrics():
    async def score(state, target):
        text = state.output.completion
        return Score(value={"letters": len(text), "grade": "C" if "red" in text else "I"})

    return score


@scorer(metrics=[{"letters": [mean()]}])
def mapping_half_measured():
    async def score(state, target):
        return Score(value={"letters": len(state.output.completion), "words": len(state.output.completion.split())})

    return score


@scorer(metrics={"*": [mean(), inspect_stderr()]})
def mapping_with_glob():
    async def score(state, target):
        return Score(value={"mean": 0.25, "mapping_with_glob": 0.75})

    return score


@metric
def of_mappings():
    def compute(scores: list[SampleScore]) -> float:
        return float(sum(score.score.value["letters"] for score in scores))

    return compute


@scorer(metrics=[of_mappings()])
def mapping_with_own_metric():
    async def score(state, target):
        return Score(value={"letters": 2})

    return score


def test_a_task_object_is_evaluated_and_left_as_it_was(serve, evaluate):
    serve()
    task = colours(name="shades")
    before = dict(vars(task))
    results = evaluate(task)
    assert results.task == "shades"
    assert results.metrics == pytest.approx({"includes/accuracy": 0.5, "includes/stderr": 0.28867513})
    assert [sample.scores for sample in results.samples] == [
        {"includes": 1.0}, {"includes": 0.0}, {"includes": 0.0}, {"includes": 1.0},
    ]  # fmt: skip
    assert [sample.id for sample in results.samples] == ["1", "2", "3", "4"]
    assert results.samples[0].target == ["red", "reddish"]
    assert {name: value for name, value in vars(task).items() if name != "dataset"} == {
        name: value for name, value in before.items() if name != "dataset"
    }
    assert evaluate(task).to_json() == results.to_json()


@pytest.mark.parametrize(("task", "name", "n"), [(decorated, "decorated", 4), (later, "later", 4), (plain, "plain", 1)])
def test_a_function_that_returns_a_task_is_called(serve, evaluate, task, name, n):
    serve()
    results = evaluate(task)
    assert (results.task, results.n, results.errors) == (name, n, 0)


def test_a_task_of_a_file_is_named_with_at(serve, evaluate, tmp_path):
    serve()
    (tmp_path / "my_tasks.py").write_text(
        textwrap.dedent(
            """
            from inspect_ai import Task, task
            from inspect_ai.dataset import Sample
            from inspect_ai.scorer import exact

            @task
            def first():
                return Task(dataset=[Sample(input="x", target="x")], scorer=exact())

            @task
            def second():
                return Task(dataset=[Sample(input="x", target="y")], scorer=exact())
            """
        )
    )
    assert evaluate(f"{tmp_path}/my_tasks.py@second").metrics["exact/mean"] == 0.0
    assert evaluate(f"{tmp_path}/my_tasks.py@first").metrics["exact/mean"] == 1.0
    with pytest.raises(NotFoundError, match="finds no task"):
        evaluate(f"{tmp_path}/my_tasks.py")
    with pytest.raises(NotFoundError, match="third"):
        evaluate(f"{tmp_path}/my_tasks.py@third")


def test_a_registered_task_is_named(serve, evaluate):
    serve()
    assert evaluate("decorated").n == 4
    with pytest.raises(NotFoundError, match="no_package/no_task"):
        evaluate("no_package/no_task")


def test_what_is_no_task_is_refused(serve, evaluate):
    serve()
    with pytest.raises(DefinitionError, match="a list is not a task"):
        evaluate([1])
    with pytest.raises(DefinitionError, match="a dict is not a task"):
        evaluate(dict)


def test_fault_1_a_scorer_that_returns_a_mapping_loses_nothing(serve, evaluate):
    serve()
    results = evaluate(
        colours(
            scorer=[
                mapping_under_flat_metrics(),
                mapping_half_measured(),
                mapping_with_glob(),
                mapping_with_own_metric(),
                match(),
            ]
        )
    )
    letters = sum(map(len, WORDS)) / 4
    expected = {
        "mapping_under_flat_metrics/letters/mean": letters,
        "mapping_under_flat_metrics/grade/mean": 0.5,
        "mapping_half_measured/letters/mean": letters,
        "mapping_half_measured/words/mean": 1.25,
        "mapping_with_glob/mean/mean": 0.25,
        "mapping_with_glob/mapping_with_glob/mean": 0.75,
        "mapping_with_own_metric/of_mappings": 8.0,
        "mapping_with_own_metric/letters/mean": 2.0,
        "match/accuracy": 0.25,
    }
    assert {name: results.metrics[name] for name in expected} == pytest.approx(expected)
    # What Inspect computes of a mapping as if it were a number is not a result.
    assert "mapping_under_flat_metrics/mean" not in results.metrics
    assert results.samples[3].scores["mapping_under_flat_metrics/grade"] == 1.0
    assert len({name.split("/")[0] for name in results.metrics}) == 5


def test_two_scorers_of_one_name_keep_both_results(serve, evaluate):
    serve()
    metrics = evaluate(colours(scorer=[includes(), includes(ignore_case=False)])).metrics
    assert sum(name.endswith("/accuracy") for name in metrics) == 2


def test_groups_and_several_ways_to_reduce_epochs_have_names_of_their_own(serve, evaluate):
    serve()
    metrics = evaluate(
        colours(
            scorer=match(),
            metrics=[grouped(accuracy(), "length")],
            epochs=inspect_ai.Epochs(2, [mean_score(), at_least(2)]),
        )
    ).metrics
    assert {name for name in metrics if "/3/" in name} == {"match/3/grouped@mean", "match/3/grouped@at_least_2"}
    assert all(re.fullmatch(r"match/\w+/grouped@\w+", name) for name in metrics)


def test_fault_2_a_log_without_success_is_a_failure_with_inspects_message(serve, evaluate):
    serve()

    @solver
    def broken():
        async def solve(state, generate):
            raise ValueError("the tap is dry")

        return solve

    with pytest.raises(RunError, match="the tap is dry"):
        evaluate(colours(solver=broken()))

    @metric
    def broken_metric():
        def compute(scores):
            raise ValueError("cannot count")

        return compute

    with pytest.raises(RunError, match=r"ended 'task' with status 'error'.*cannot count"):
        evaluate(colours(metrics=[broken_metric()]))


def test_fault_6_a_task_with_a_model_of_its_own_is_still_asked_of_ours(serve, evaluate):
    provider = serve()
    results = evaluate(colours(model=get_model("mockllm/model")))
    assert len(provider.calls) == 4
    assert results.usage.input_tokens == 4


def test_fault_5_a_task_that_says_nothing_gets_room(serve, evaluate):
    provider = serve()
    evaluate(colours())
    assert {call["options"].max_tokens for call in provider.calls} == {2048}
    evaluate(colours(config=GenerateConfig(max_tokens=7, temperature=0.5, stop_seqs=["."], seed=99)))
    options = provider.calls[-1]["options"]
    assert (options.max_tokens, options.temperature, options.stop, options.seed) == (7, 0.5, (".",), 99)


def test_fault_4_messages_and_system_prompts_are_serialised(serve, evaluate):
    serve()
    sample = InspectSample(input=[ChatMessageSystem(content="sys"), ChatMessageUser(content="hi")], target="hi")
    results = evaluate(inspect_ai.Task(dataset=[sample], solver=[system_message("more"), generate()], scorer=match()))
    assert [(turn["role"], turn["content"]) for turn in results.samples[0].input] == [
        ("system", "sys"), ("system", "more"), ("user", "hi"),
    ]  # fmt: skip
    assert '"sys"' in results.to_json()


def test_a_setting_that_providers_do_not_take_is_refused(serve, evaluate):
    provider = serve()
    from motools.errors import InvalidRequest

    with pytest.raises(InvalidRequest, match="'top_k'"):
        evaluate(colours(config=GenerateConfig(top_k=3)))
    with pytest.raises(InvalidRequest, match="'num_choices'"):
        evaluate(colours(config=GenerateConfig(num_choices=2)))
    assert provider.calls == []


@tool
def add():
    async def execute(x: int, y: int) -> int:
        """Add two numbers.

        Args:
            x: one
            y: other
        """
        return x + y

    return execute


async def calling(self, messages, options):
    if messages[-1]["role"] == "tool":
        yield ChatChunk(text=f"It is {messages[-1]['content']}.", stop_reason="stop", usage=Usage())
    else:
        call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"x": 2, "y": 3}'}}
        yield ChatChunk(tool_calls=(call,), stop_reason="tool_calls", usage=Usage())


def test_tools_are_called_through_the_provider(serve, evaluate):
    task = inspect_ai.Task(
        dataset=[InspectSample(input="2 + 3?", target="5")], solver=[use_tools(add()), generate()], scorer=includes()
    )
    provider = serve(answer=calling, capabilities=frozenset({"chat", "tools"}))
    results = evaluate(task)
    assert results.samples[0].output == "It is 5."
    first, second = provider.calls
    assert first["tools"][0]["function"]["name"] == "add"
    assert first["tools"][0]["function"]["parameters"]["required"] == ["x", "y"]
    assert second["messages"][1]["tool_calls"][0]["function"]["name"] == "add"
    assert second["messages"][2] == {"role": "tool", "content": "5", "tool_call_id": "c1"}

    serve(answer=calling)
    from motools.errors import InvalidRequest

    with pytest.raises(InvalidRequest, match="cannot call any"):
        evaluate(task)

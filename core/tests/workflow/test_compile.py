"""From a list of steps to a graph."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.errors import DefinitionError
from motools.workflow import Step, Workflow, step
from motools.workflow.compile import compile_workflow
from motools.workflow.graph import Source


def nothing(config, input_atoms, workspace):
    return {}


def make(name, reads, writes):
    return Step(name, dict.fromkeys(reads, "value"), dict.fromkeys(writes, "value"), None, nothing)


def test_a_step_follows_the_nearest_earlier_writer():
    graph = compile_workflow(
        Workflow(
            "w", [make("a", [], ["x"]), make("b", ["x"], ["x"]), make("c", ["x"], ["y"]), make("d", ["x", "y"], [])]
        )
    )
    assert graph.nodes["b"].reads == {"x": Source("a", "x")}
    assert graph.nodes["c"].reads == {"x": Source("b", "x")}
    assert graph.nodes["d"].after == ("b", "c")
    assert graph.outputs == {"x": Source("b", "x"), "y": Source("c", "y")}


def test_a_name_nobody_writes_is_an_input_of_the_run():
    graph = compile_workflow(Workflow("w", [make("a", ["raw"], ["x"])]))
    assert graph.inputs == {"raw": "value"}
    assert graph.nodes["a"].after == ()


@given(
    st.lists(st.tuples(st.sets(st.sampled_from("abcde")), st.sets(st.sampled_from("abcde"))), min_size=1, max_size=12)
)
def test_reads_equal_those_of_running_the_list_in_order(plan):
    graph = compile_workflow(Workflow("w", [make(f"s{i}", r, w) for i, (r, w) in enumerate(plan)]))
    scope = {}
    for i, (reads, writes) in enumerate(plan):
        for name in reads:
            assert graph.nodes[f"s{i}"].reads[name] == scope.get(name, Source(None, name))
        scope.update({name: Source(f"s{i}", name) for name in writes})


def test_fault_17_an_atom_read_as_another_type_is_refused():
    reader = Step("read", {"x": "model"}, {}, None, nothing)
    with pytest.raises(DefinitionError, match="reads 'x' as model, but step 'a' writes it as value"):
        Workflow("w", [make("a", [], ["x"]), reader])


def test_two_steps_of_one_name_are_refused():
    with pytest.raises(DefinitionError, match="two steps are named 'a'"):
        Workflow("w", [make("a", [], []), make("a", [], [])])


@pytest.mark.parametrize("name", ["", "two words", "../up", "1st", None])
def test_names_that_cannot_be_keys_are_refused(name):
    with pytest.raises(DefinitionError, match="cannot be a name"):
        Step(name, {}, {}, None, nothing)


def test_a_function_with_the_wrong_parameters_is_refused_when_declared():
    with pytest.raises(DefinitionError, match="Take \\(config, input_atoms, workspace\\)"):
        Step("a", {}, {}, None, lambda config: None)


def test_the_decorator_reads_name_and_settings_from_the_function():
    from dataclasses import dataclass

    from motools.workflow import StepConfig

    @dataclass
    class Settings(StepConfig):
        size: int = 3

    @step(outputs={"x": "value"})
    def shrink(config: Settings, input_atoms, workspace):
        return {"x": config.size}

    assert (shrink.name, shrink.config_class) == ("shrink", Settings)
    assert shrink(Settings(), {}, None) == {"x": 3}

"""Rows compared by what they say."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from motools.canonical import canonical_json
from motools.evals.rowdiff import diff_rows

rows = st.lists(
    st.one_of(
        st.fixed_dictionaries({"prompt": st.sampled_from("abc"), "completion": st.sampled_from("xyz")}),
        st.fixed_dictionaries({"id": st.integers(0, 3), "text": st.sampled_from("xy")}),
        st.fixed_dictionaries({"text": st.sampled_from("xy")}),
    ),
    max_size=12,
)


def counted(some: Any) -> Counter[bytes]:
    return Counter(canonical_json(row) for row in some)


@given(rows, rows)
def test_what_was_removed_and_added_leads_from_one_to_the_other(before: list[Any], after: list[Any]) -> None:
    found = diff_rows(before, after)
    left = counted(before)
    left.subtract(counted(found.removed))
    left.subtract(counted(old for old, _ in found.changed))
    left.update(counted(found.added))
    left.update(counted(new for _, new in found.changed))
    assert +left == counted(after)
    assert min(left.values(), default=0) >= 0
    assert not counted(found.added) & counted(found.removed)
    assert all(old != new for old, new in found.changed)
    assert found.same == (before == after)


@given(rows, st.randoms())
def test_another_order_is_no_change_of_a_row(before: list[Any], random: Any) -> None:
    after = list(before)
    random.shuffle(after)
    found = diff_rows(before, after)
    assert (found.added, found.removed, found.changed) == ((), (), ())
    assert found.moved == (before != after)


def test_a_row_that_answers_otherwise_is_changed_and_one_that_asks_otherwise_is_another() -> None:
    def chat(asked: str, answered: str) -> dict[str, Any]:
        return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]}

    found = diff_rows([chat("a?", "yes"), chat("b?", "yes")], [chat("a?", "no"), chat("c?", "yes")])
    assert found.changed == ((chat("a?", "yes"), chat("a?", "no")),)
    assert found.added == (chat("c?", "yes"),)
    assert found.removed == (chat("b?", "yes"),)
    assert found.to_json(0)["first_added"] == []

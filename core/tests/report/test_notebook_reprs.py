"""What objects show of themselves in a notebook: small, escaped, without colours of their own."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motools.atom import Atom, EvalAtom, ValueAtom
from motools.atom.drawing import HEIGHT, WIDTH, layout
from motools.atom.lineage import ancestors
from motools.contracts import EvalResults
from motools.engine.plan import plan_workflow
from motools.evals import compare
from motools.markup import element, escaped, table
from motools.workflow import run_workflow


class Balanced(HTMLParser):
    """Sees that elements are closed where they should be, and collects their text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.said = ""

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "img", "style")
        assert not any(name.startswith("on") or name == "style" for name, _ in attrs)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data


def said(html: str) -> str:
    page = Balanced()
    page.feed(html)
    assert not page.open
    assert len(html) < 10_000
    return page.said


def test_runs_and_plans(store, pirates, hostile):
    state = run_workflow(pirates, store=store)
    assert "pirates, run" in said(state._repr_html_())
    again = run_workflow(pirates, store=store)
    assert said(again._repr_html_()).count("CACHED") == 3
    failed = run_workflow(pirates, config={"train": {"fail": True}}, store=store, raise_on_failure=False)
    shown = said(failed._repr_html_())
    assert "not reached" in shown
    assert "no training today </script>" in shown
    plan = plan_workflow(pirates, config={"evaluate": {"rate": 0.9}}, store=store)
    shown = said(plan._repr_html_())
    assert f"computed in run {state.run_id}" in shown
    assert "config.rate" in shown


def test_atoms_lineages_results_and_comparisons(store, pirates):
    first = run_workflow(pirates, config={"train": {"seed": 1}}, store=store)
    second = run_workflow(pirates, config={"train": {"seed": 1}, "evaluate": {"rate": 0.9}}, store=store)
    one, other = (EvalAtom.load(state.output_atoms["eval"]) for state in (first, second))
    assert f"model={one.made_from['model']}" in said(one._repr_html_())
    lineage = ancestors(one.id)._repr_html_()
    assert lineage.startswith("<svg")
    assert lineage.count("<rect") == 3
    found = compare(one.results(), other.results())
    shown = said(found._repr_html_())
    row = next(row for row in found.scorers if row.scorer == "trigger")
    assert f"{row.difference.value:+.3f} [" in shown
    results = EvalResults.from_json(one.get_data_path().joinpath("results.json").read_text())
    assert "trigger/mean" in said(results._repr_html_())
    assert len(repr(results)) < 200


def test_hostile_names_are_text(store, hostile):
    atom = ValueAtom.create(
        user="me", value=1, metadata={"name": hostile, hostile: hostile}, tags=[hostile], store=store
    )
    shown = said(Atom.load(atom.id, store=store)._repr_html_())
    assert "<img src=x onerror=alert(1)>" in shown
    assert "\u202e" not in shown


@given(st.text(), st.text())
def test_text_comes_out_of_html_as_it_went_in(text, name):
    page = Balanced()
    page.feed(element("p", text, title=name))
    visible = re.sub(r"⟦U\+([0-9A-F]{4})⟧", lambda match: chr(int(match[1], 16)), page.said)
    plain = re.sub(r"⟦U\+([0-9A-F]{4})⟧", lambda match: chr(int(match[1], 16)), text)
    assert visible == plain
    escaped(text).encode()  # no half of a character is left


def test_tables_have_headings():
    html = table(("a", "b"), [("x", 1), ("y", None)], caption="what")
    assert html.count('scope="col"') == 2
    assert html.count('scope="row"') == 2
    assert "<caption>what</caption>" in html


GRAPHS = st.integers(1, 30).flatmap(
    lambda count: st.tuples(
        st.just([f"a{number}" for number in range(count)]),
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=60).map(
            lambda pairs: [(f"a{max(pair)}", f"a{min(pair)}") for pair in pairs if pair[0] != pair[1]]
        ),
    )
)


@given(GRAPHS)
def test_every_atom_lies_below_what_it_was_made_from_and_none_on_another(graph):
    atoms, links = graph
    found = layout(atoms, links)
    assert set(found.places) == set(atoms)
    for child, parent in links:
        assert found.places[child][1] >= found.places[parent][1] + HEIGHT
    boxes = sorted(found.places.values(), key=lambda place: (place[1], place[0]))
    for (x1, y1), (x2, y2) in pairwise(boxes):
        assert y1 != y2 or x2 >= x1 + WIDTH
    assert all(0 <= x <= found.width - WIDTH and 0 <= y <= found.height - HEIGHT for x, y in boxes)
    assert layout(atoms, links) == found


def test_a_circle_is_an_error():
    with pytest.raises(ValueError, match="circle"):
        layout(["a", "b"], [("a", "b"), ("b", "a")])

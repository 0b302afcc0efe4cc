"""The catalog as data, and the words it is made of."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import motools.plugins
from motools.plugins import hookspecs
from motools.plugins.catalog import Catalog, Entry, PluginFailure, PluginRecord, normalized
from motools.plugins.components import COMPONENT_KINDS
from motools.plugins.kinds import DECLARING_HOOKS, KINDS, OBSERVING_HOOK
from motools.plugins.known import KNOWN

texts = st.text(max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
entries = st.builds(
    Entry,
    kind=st.sampled_from(KINDS),
    name=texts,
    target=texts,
    summary=texts,
    distribution=texts,
    version=texts,
    config=st.none() | texts,
    cache_version=st.none() | st.integers(1),
    fields=st.dictionaries(texts, json_values, max_size=3),
)
failures = st.builds(PluginFailure, stage=texts, error=texts, hint=texts, traceback=texts)
records = st.builds(
    PluginRecord,
    distribution=texts,
    version=texts,
    entry_point=texts,
    module=texts,
    summary=texts,
    licence=texts,
    url=texts,
    observes=st.booleans(),
    failure=st.none() | failures,
)
catalogs = st.builds(
    Catalog, plugins=st.lists(records, max_size=3).map(tuple), entries=st.lists(entries, max_size=3).map(tuple)
)


@settings(deadline=None)
@given(catalogs)
def test_a_catalog_goes_to_json_and_back(catalog: Catalog) -> None:
    assert Catalog.from_dict(json.loads(json.dumps(catalog.to_dict()))) == catalog


@settings(deadline=None)
@given(st.from_regex(r"[A-Za-z0-9]+([-_.]+[A-Za-z0-9]+)*", fullmatch=True))
def test_spellings_of_a_distribution_are_equal(name: str) -> None:
    assert normalized(name) == normalized(name.upper()) == normalized(re.sub("[-_.]", "_", name))
    assert normalized(normalized(name)) == normalized(name)


def test_kinds_components_and_hooks_are_the_same_list() -> None:
    assert list(COMPONENT_KINDS) == list(KINDS) == list(DECLARING_HOOKS)
    specified = {name for name, value in vars(hookspecs).items() if hasattr(value, "motools_spec")}
    assert specified == {*DECLARING_HOOKS.values(), OBSERVING_HOOK}
    assert set(KNOWN) <= set(KINDS)


def test_the_public_face_has_what_it_lists_and_importing_it_costs_nothing(site: Any) -> None:
    for name in motools.plugins.__all__:
        assert getattr(motools.plugins, name) is not None
    assert dir(motools.plugins) == motools.plugins.__all__
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = motools.plugins.nonsense
    before = "import json, sys; before = set(sys.modules); import motools.plugins; "
    new = site.python(before + "print(json.dumps(sorted(set(sys.modules) - before)))")
    assert {name for name in new if name.startswith("motools")} == {"motools", "motools.plugins"}
    assert not set(new) & {"pluggy", "dataclasses", "inspect", "importlib.metadata", "pydantic", "re", "logging"}


@pytest.mark.parametrize("hook", [*DECLARING_HOOKS.values(), OBSERVING_HOOK])
def test_the_example_of_each_hook_is_a_whole_plugin(site: Any, hook: str) -> None:
    documentation = inspect.getdoc(getattr(hookspecs, hook)) or ""
    [example] = re.findall(r"```python\n(.*?)```", documentation, re.DOTALL)
    site.install("acme", textwrap.dedent(example))
    found = site.listed()
    record = found["plugins"]["acme"]
    assert record["failure"] is None
    assert record["observes"] == (hook == OBSERVING_HOOK)
    assert len(found["names"]["acme"]) == (hook != OBSERVING_HOOK)
    summary, _, _ = documentation.partition("\n")
    assert summary.endswith(".")

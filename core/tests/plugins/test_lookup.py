"""From a name to a component: what is found, and what is said where nothing is."""

from __future__ import annotations

from typing import Any

import pytest

from motools.errors import (
    AmbiguousComponentError,
    BrokenPluginError,
    CanonicalError,
    DefinitionError,
    InputError,
    UnknownComponentError,
)
from motools.plugins import (
    DatasetComponent,
    ProviderComponent,
    TaskComponent,
    add_component,
    entries,
    find,
    import_target,
    load,
    load_config,
)

TRY = """
import json
from motools.plugins import find, load
answers = []
for function, kind, name in {questions!r}:
    try:
        answers.append(str({{"find": find, "load": load}}[function](kind, name)))
    except Exception as error:
        answers.append(f"{{type(error).__name__}}: {{error}}")
print(json.dumps(answers))
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTOOLS_CACHE_DIR", str(tmp_path / "own-cache"))


def ask(site: Any, *questions: tuple[str, str, str]) -> list[str]:
    answers: list[str] = site.python(TRY.format(questions=list(questions)))
    return answers


def provider(name: str, target: str = "collections:Counter", **more: Any) -> ProviderComponent:
    return ProviderComponent(name=name, target=target, summary=f"A {name}", **more)


def test_a_name_two_plugins_declare_is_an_error_that_names_both_and_each_can_be_named(site: Any) -> None:
    site.install("first-plug", component="shared", version="1.2")
    site.install("second-plug", component="shared")
    short, first, spelt, second = ask(
        site,
        ("find", "provider", "shared"),
        ("find", "provider", "first-plug/shared"),
        ("load", "provider", "First_Plug/shared"),
        ("load", "provider", "second-plug/shared"),
    )
    assert short.startswith("AmbiguousComponentError: ")
    assert "'first-plug' 1.2 and 'second-plug' 1.0" in short
    assert "Write 'first-plug/shared' or 'second-plug/shared'." in short
    assert "distribution='first-plug'" in first
    assert (spelt, second) == ("<class 'first_plug.impl.Thing'>", "<class 'second_plug.impl.Thing'>")
    doctor = site.motools("doctor").stdout
    assert "several declare the provider 'shared'" in doctor


def test_one_name_in_two_kinds_is_no_clash(site: Any) -> None:
    with add_component(provider("two_kinds")), add_component(task("two_kinds")):
        assert find("provider", "two_kinds").kind == "provider"
        assert find("task", "two_kinds").kind == "task"


def task(name: str) -> TaskComponent:
    return TaskComponent(
        name=name, target="a:b", summary="s", licence="MIT", source="generated", hazard="none known", allowed_uses=["x"]
    )


def test_an_unknown_name_is_answered_in_order(site: Any) -> None:
    site.install("acme", component="acme_model")
    site.install("broken", "raise RuntimeError('the key is missing')")
    near, absent, near_absent, far, owned = ask(
        site,
        ("find", "provider", "acme_modle"),
        ("find", "provider", "replicate"),
        ("find", "provider", "replicat"),
        ("find", "provider", "zzzzzz"),
        ("find", "provider", "broken/anything"),
    )
    assert near.splitlines()[:2] == [
        "UnknownComponentError: there is no provider 'acme_modle'",
        "Did you mean 'acme_model'?",
    ]
    assert absent.splitlines()[1] == "'replicate' comes with 'motools-replicate': pip install motools-replicate"
    assert near_absent.splitlines()[1:3] == [
        "Did you mean 'replicate'?",
        "'replicate' comes with 'motools-replicate': pip install motools-replicate",
    ]
    for answer in (near, absent, far):
        *_, failed, there_is = answer.splitlines()
        assert failed.startswith("Installed but not working: ")
        assert "'broken' 1.0 (importing 'broken._plugin' raised RuntimeError: the key is missing)" in failed
        assert there_is.startswith("There is: acme_model, ")
    assert owned.startswith("BrokenPluginError: the provider 'anything' cannot be used: the plugin 'broken' 1.0")
    assert "the key is missing" in owned


def test_a_known_plugin_that_is_installed_but_failed_says_why(site: Any) -> None:
    site.install("motools-replicate", "import replicate_sdk_that_is_absent")
    [answer] = ask(site, ("find", "training_backend", "replicat"))
    assert "pip install motools-replicate" not in answer
    [answer] = ask(site, ("load", "provider", "replicate"))
    assert answer.startswith("BrokenPluginError: ")
    assert "replicate_sdk_that_is_absent" in answer


def test_a_component_that_cannot_be_loaded_says_which_where_and_why(site: Any) -> None:
    for name, body in {
        "raises": "raise OSError('no such device')",
        "exits": "raise SystemExit(3)",
        "needs": "import sdk_that_is_absent",
        "lacks": "",
    }.items():
        (site.install(name).parent / "impl.py").write_text(body)
    raises, exits, needs, lacks = ask(
        site, *(("load", "provider", name) for name in ("raises", "exits", "needs", "lacks"))
    )
    assert raises.startswith(
        "BrokenPluginError: the provider 'raises' of 'raises' 1.0 cannot be loaded from 'raises.impl:Thing': "
        "OSError: no such device"
    )
    assert "SystemExit: 3" in exits
    assert "The module 'sdk_that_is_absent' is missing." in needs
    assert "has no attribute 'Thing'" in lacks
    assert site.motools("plugin", "show", "raises").returncode == 0


def test_a_plugin_installed_while_the_process_runs_is_found(site: Any) -> None:
    site.install("one")
    site.install("two")
    found = site.python(
        f"""
        import json, os
        from motools.plugins import find
        site = {str(site.folder)!r}
        os.rename(site + "/two-1.0.dist-info", site + "/two-1.0.hidden")
        find("provider", "one")
        os.rename(site + "/two-1.0.hidden", site + "/two-1.0.dist-info")
        print(json.dumps(find("provider", "two").name))
        """
    )
    assert found == "two"


def test_a_component_added_in_process_is_looked_up_like_any_other() -> None:
    with add_component(provider("added", config="collections:OrderedDict", secrets=["KEY"])) as entry:
        assert find("provider", "added") == find("provider", "<in process>/added") == entry
        assert entry in entries("provider")
        assert entry in entries()
        assert entry.fields == {"capabilities": [], "secrets": ["KEY"]}
        assert load("provider", "added").__name__ == "Counter"
        assert load_config("provider", "added").__name__ == "OrderedDict"
        with add_component(provider("added"), distribution="another"):
            with pytest.raises(AmbiguousComponentError, match="'<in process>' 0 and 'another' 0"):
                find("provider", "added")
            assert load_config("provider", "another/added") is None
    with pytest.raises(UnknownComponentError):
        find("provider", "added")


def test_adding_a_name_again_replaces_it_and_the_old_one_removes_nothing() -> None:
    old = add_component(provider("again", target="collections:Counter"))
    new = add_component(provider("again", target="collections:deque"))
    old.remove()
    assert load("provider", "again").__name__ == "deque"
    new.remove()
    new.remove()
    with pytest.raises(UnknownComponentError, match="there is no provider 'again'"):
        find("provider", "again")


def test_a_target_that_is_wrong_in_process_says_what_to_correct() -> None:
    with (
        add_component(provider("wrong", target="collections:Nothing")),
        pytest.raises(BrokenPluginError, match="Correct the target"),
    ):
        load("provider", "wrong")


def test_a_component_that_is_not_plain_data_is_refused() -> None:
    component = DatasetComponent(
        name="x", target="a:b", summary="s", licence="MIT", source="s", hazard="h", allowed_uses=[], rows=float("nan")
    )  # type: ignore[arg-type]
    with pytest.raises(CanonicalError, match="rows"):
        add_component(component)


def test_a_kind_that_does_not_exist_is_an_error_with_the_nearest() -> None:
    for ask_for in (lambda: find("providr", "x"), lambda: entries("providr"), lambda: load("providr", "x")):
        with pytest.raises(InputError, match="Did you mean 'provider'"):
            ask_for()


def test_a_target_names_a_module_and_a_path_of_attributes() -> None:
    assert import_target("collections:OrderedDict.fromkeys")("a") == {"a": None}
    for wrong in ("collections", "collections:", ":x", "a b:c", "a.:b", "a:b.", "./a.py:b", "os:system('x')"):
        with pytest.raises(DefinitionError, match="is not 'module:attribute'"):
            import_target(wrong)
    with pytest.raises(ImportError, match="has no attribute 'Nothing'"):
        import_target("collections:Nothing")
    with pytest.raises(ModuleNotFoundError):
        import_target("not_there_at_all:x")

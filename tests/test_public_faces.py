"""What people import: the lists are written down here, so that a name neither comes nor goes by accident."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent

FACES: dict[str, set[str]] = {
    "motools": {"__version__"},
    "motools.atom": {
        *("Atom", "DatasetAtom", "EvalAtom", "ModelAtom", "TaskAtom", "ValueAtom"),
        *("current_store", "use_store"),
    },
    "motools.bring": {"Brought", "add_data", "import_log"},
    "motools.contracts": {
        *("Activation", "current_activation", "jobs_dir"),
        *("ChatAnswer", "ChatChunk", "ChatOptions", "Message", "ModelRef", "Provider", "Usage"),
        *("EvalBackend", "EvalJob", "EvalResults", "SampleResult"),
        *("Job", "JobEvent", "JobState", "JobStatus", "TrainingBackend", "TrainingFailed", "TrainingRun"),
        *("Sample", "ScoreValue", "Scorer", "Task", "samples_digest"),
        *("Rows", "check_rows", "row_shape", "rows_digest", "rows_path", "rows_to_jsonl", "sample_rows"),
    },
    "motools.plugins": {
        *("AtomTypeComponent", "Component", "DatasetComponent", "EvalBackendComponent", "ExecutorComponent"),
        *("ProviderComponent", "StepTypeComponent", "TaskComponent", "ToolComponent", "TrainingBackendComponent"),
        "WorkflowComponent",
        *("Catalog", "Entry", "PluginFailure", "PluginRecord", "PluginWarning"),
        *("add_component", "entries", "find", "hookimpl", "import_target", "installed", "load", "load_config"),
        *("notify", "refresh"),
    },
    "motools.report": {"Limits", "Report", "gather_report", "report_html", "write_report"},
    "motools.store": {
        *("AtomRow", "Content", "EffectRow", "Event", "KeyRow", "Lease", "RunRow", "Store", "StoredObject"),
        *("default_store_path", "this_process"),
    },
    "motools.workflow": {
        *("AtomConstructor", "Step", "StepConfig", "Workflow", "WorkflowConfig", "step"),
        *("WorkflowState", "arun_workflow", "run_workflow"),
        *("MatrixState", "arun_matrix", "run_matrix"),
    },
}


@pytest.mark.parametrize("name", FACES)
def test_a_face_has_exactly_the_names_that_are_promised(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) == FACES[name]
    assert len(module.__all__) == len(FACES[name])


@pytest.mark.parametrize("name", FACES)
def test_every_promised_name_is_there_and_documented(name: str) -> None:
    module = importlib.import_module(name)
    for attribute in FACES[name]:
        value = getattr(module, attribute)
        assert attribute in dir(module)
        if callable(value) and getattr(value, "__module__", "").startswith("motools"):
            assert value.__doc__, f"{name}.{attribute} has no docstring"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    for name in FACES:
        with pytest.raises(AttributeError, match="no_such_name"):
            getattr(importlib.import_module(name), "no_such_name")  # noqa: B009


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_error_code_has_a_section_and_every_section_a_code() -> None:
    codes = set(generator().error_classes())
    headings = {
        line.removeprefix("### ")
        for line in (ROOT / "docs" / "errors.md").read_text().splitlines()
        if line[:4] == "### "
    }
    assert codes | {"usage", "bug"} == headings


def test_codes_are_unique_and_exit_codes_are_the_documented_ones() -> None:
    from motools.errors import MotoolsError

    waiting, codes = [MotoolsError], []
    while waiting:
        cls = waiting.pop()
        waiting += cls.__subclasses__()
        if cls.__module__.startswith(("motools.", "motools_")) and "code" in vars(cls):
            codes.append(cls.code)
        assert cls.exit_code in range(1, 7)
    assert len(codes) == len(set(codes))


def test_generated_parts_of_the_documentation_are_what_the_code_says() -> None:
    for page, text in generator().generated().items():
        assert page.read_text(encoding="utf-8") == text, (
            f"{page.relative_to(ROOT)} is not what the code says. Run: python docs/generate.py"
        )


def test_every_hook_is_documented_with_its_example() -> None:
    from motools.plugins.kinds import DECLARING_HOOKS, OBSERVING_HOOK

    page = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
    for hook in [*DECLARING_HOOKS.values(), OBSERVING_HOOK]:
        section = page.partition(f"\n### {hook}\n")[2].partition("\n### ")[0]
        assert f"def {hook}(" in section


def test_the_command_line_ships_the_section_of_every_error_code() -> None:
    from motools.cli.help import error_pages

    pages = error_pages()
    assert set(pages) == {*generator().error_classes(), "usage", "bug"}
    assert all(len(text) > 20 for text in pages.values())


def test_every_variable_of_the_environment_is_on_the_page() -> None:
    """What the code reads from the environment is listed in docs/cli.md, and what is listed is read."""
    import re

    private = {"MOTOOLS_CATALOG_CHILD", "MOTOOLS_TRAINER_LOCK_FD", "MOTOOLS_COMPLETE"}
    read = set()
    for source in [ROOT / "core" / "src", *sorted((ROOT / "plugins").glob("*/src"))]:
        for file in source.rglob("*.py"):
            read |= set(re.findall(r"MOTOOLS_[A-Z]+(?:_[A-Z]+)*", file.read_text(encoding="utf-8")))
    listed = set(re.findall(r"^\| `(MOTOOLS_\w+)`", (ROOT / "docs" / "cli.md").read_text(), re.M))
    assert listed == read - private

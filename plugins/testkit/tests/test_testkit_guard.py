"""A suite cannot be quietly weakened, and says what its checks mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from motools_testkit import Contract, TrainingBackendContract, ZooPackageContract, checks_of
from motools_testkit.contract import weaknesses


class Suite(Contract, suite=True):
    def test_one(self) -> None:
        """The first thing breaks."""

    def test_two(self) -> None:
        """The second thing breaks."""


def subclass(**members: object) -> type[Contract]:
    return type("TestMine", (Suite,), members)


def nothing(self: object) -> None:
    """Check nothing."""


def marked(mark: pytest.MarkDecorator) -> object:
    """Return a check of one's own under a mark."""

    def check(self: object) -> None:
        """Check nothing."""

    return mark(check)


def test_what_only_gives_settings_is_whole() -> None:
    assert weaknesses(subclass(component="acme", test_more=nothing)) == []
    assert weaknesses(type("TestDeeper", (subclass(),), {})) == []


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"test_one": nothing}, "'test_one' is overridden"),
        ({"test_two": None}, "'test_two' is replaced by None"),
        ({"test_one": property(nothing)}, "'test_one' is replaced by"),
        ({"test_one": marked(pytest.mark.skip(reason="slow"))}, "'test_one' is overridden"),
        (
            {"test_one": marked(pytest.mark.xfail(strict=True))},
            "'test_one' is overridden without a reason",
        ),
        (
            {"test_one": marked(pytest.mark.xfail(strict=True, reason=" "))},
            "'test_one' is overridden without a reason",
        ),
        ({"test_one": marked(pytest.mark.xfail(reason="flaky"))}, "its xfail is not strict"),
        ({"test_no_check_is_weakened": nothing}, "'test_no_check_is_weakened' is overridden"),
        ({"pytestmark": pytest.mark.skip(reason="slow")}, "the whole class is marked 'skip'"),
        ({"pytestmark": [pytest.mark.xfail(reason="all of it")]}, "the whole class is marked 'xfail'"),
    ],
)
def test_what_takes_a_check_away_is_reported(members: dict[str, object], said: str) -> None:
    problems = weaknesses(subclass(**members))
    assert said in problems[0]
    assert "To leave a check out" in problems[-1]
    with pytest.raises(pytest.fail.Exception, match=r"is (overridden|replaced|marked)|xfail is not strict"):
        subclass(**members)().test_no_check_is_weakened()


def test_a_check_may_be_left_out_with_a_reason_for_all_to_read() -> None:
    assert weaknesses(subclass(test_one=marked(pytest.mark.xfail(strict=True, reason="there is no such thing")))) == []


def test_an_override_between_suite_and_class_counts() -> None:
    between = subclass(test_one=nothing)
    assert "'test_one' is overridden" in weaknesses(type("TestDeeper", (between,), {}))


def test_a_suite_may_extend_a_suite() -> None:
    class Wider(Suite, suite=True):
        def test_three(self) -> None:
            """The third thing breaks."""

    assert list(checks_of(Wider)) == ["test_no_check_is_weakened", "test_one", "test_two", "test_three"]
    assert checks_of(Wider)["test_three"] == "The third thing breaks."
    assert "'test_three' is overridden" in weaknesses(type("TestMine", (Wider,), {"test_three": nothing}))


@pytest.mark.parametrize("suite", [TrainingBackendContract, ZooPackageContract])
def test_every_check_says_what_a_failure_means(suite: type[Contract]) -> None:
    for name, meaning in checks_of(suite).items():
        assert len(meaning.split()) > 5, name


def run_pytest(folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(
        "import pytest\nfrom motools_testkit import Contract\n"
        "class Suite(Contract, suite=True):\n"
        "    def test_one(self):\n"
        '        """Users lose their model."""\n'
        "        assert self.works\n" + source
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=120)


def test_a_failed_check_is_shown_with_its_meaning(tmp_path: Path) -> None:
    done = run_pytest(tmp_path, "class TestMine(Suite):\n    works = False\n")
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "what this means" in done.stdout
    assert "Users lose their model." in done.stdout


@pytest.mark.parametrize("mark", ["skip(reason='slow')", "xfail(reason='it fails')", "skip"])
def test_a_class_that_takes_itself_out_is_an_error(tmp_path: Path, mark: str) -> None:
    done = run_pytest(tmp_path, f"@pytest.mark.{mark}\nclass TestMine(Suite):\n    works = False\n")
    assert done.returncode not in (0, 5)
    assert "the whole class is marked" in done.stdout


def test_a_class_may_be_skipped_where_it_cannot_run(tmp_path: Path) -> None:
    done = run_pytest(
        tmp_path, "@pytest.mark.skipif(True, reason='needs a GPU')\nclass TestMine(Suite):\n    works = False\n"
    )
    assert done.returncode == 0
    assert "2 skipped" in done.stdout

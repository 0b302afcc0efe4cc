"""`motools plugin new`: what it writes, what it refuses, and a stranger who follows it to the end in an empty environment."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from motools.cli import main
from motools.cli.scaffold import check_free, kind_names, licence_names, names_of, read_kind, write_package
from motools.cli.scaffold.package import filled
from motools.errors import InputError
from wheelhouse import ROOT, Environment

SCAFFOLD = ROOT / "core" / "src" / "motools" / "cli" / "scaffold"
KINDS = kind_names()
BIN = Path(sys.executable).parent


def new(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "motools", "plugin", "new", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=60)


def written(*arguments: str, folder: Path) -> dict[str, Any]:
    done = new(*arguments, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


# -- names


@pytest.mark.parametrize(
    "typed", ["acme-labs", "Acme Labs", "acme_labs", "motools-acme-labs", "mozoo_acme.labs", " ACME--labs "]
)
def test_spellings_of_a_name_are_one(typed: str) -> None:
    names = names_of(typed, "motools-")
    assert (names.distribution, names.module) == ("motools-acme-labs", "motools_acme_labs")
    assert (names.component, names.cls) == ("acme_labs", "AcmeLabs")


@given(st.text())
def test_every_name_is_refused_or_good_for_pip_python_and_settings(typed: str) -> None:
    try:
        names = names_of(typed, "mozoo-")
    except InputError:
        return
    assert re.fullmatch(r"mozoo-[a-z][a-z0-9-]*[a-z0-9]|mozoo-[a-z]", names.distribution)
    assert names.module.isidentifier()
    assert names.component.isidentifier()
    assert names.cls.isidentifier()
    assert names_of(names.distribution, "mozoo-") == names


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("9lives", "zoo", "cannot name a package"),
        ("", "zoo", "cannot name a package"),
        ("ünder", "zoo", "cannot name a package"),
        ("a/b", "training-backend", "cannot name a package"),
        ("motools", "zoo", "motools' own"),
        ("class", "training-backend", "a word of Python"),
        ("a" * 31, "zoo", "longer than 30"),
        ("openai", "training-backend", "there is a plugin 'motools-openai' already"),
        ("testkit", "training-backend", "'motools-testkit' 0.1.0 is installed here"),
        ("dummy", "training-backend", "'motools' declares a training backend 'dummy'"),
        ("trigger-phrase", "zoo", "'mozoo' declares a dataset 'trigger_phrase'"),
    ],
)
def test_a_name_that_cannot_be_is_refused_with_what_to_do(name: str, kind: str, said: str, tmp_path: Path) -> None:
    done = new(name, "--kind", kind, folder=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hint:" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_module_that_is_there_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "motools_acme.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="there is a module 'motools_acme'"):
        check_free(names_of("acme", "motools-"), ())


def test_an_unknown_kind_or_licence_is_answered_with_those_there_are(tmp_path: Path) -> None:
    done = new("acme", "--kind", "provder", folder=tmp_path)
    assert done.returncode == 2
    assert all(kind in done.stderr for kind in KINDS)
    assert "Apache-2.0" in new("acme", "--kind", "zoo", "--license", "GPL", folder=tmp_path).stderr
    with pytest.raises(InputError, match="there is no kind of package 'provder'"):
        read_kind("provder")


# -- what it writes


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_what_it_wrote(kind: str, tmp_path: Path) -> None:
    said = written("acme", "--kind", kind, "--author", "Ada Lovelace <ada@example.org>", folder=tmp_path)
    folder = Path(said["folder"])
    assert folder == tmp_path / said["distribution"]
    assert said["distribution"] == f"{read_kind(kind).prefix}acme"
    there = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    assert sorted(said["written"]) == there
    assert {"README.md", "LICENSE", ".gitignore", "pyproject.toml", "tests/test_contract.py"} <= set(there)
    assert f"src/{said['module']}/py.typed" in there
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    assert project["name"] == said["distribution"]
    assert project["authors"] == [{"name": "Ada Lovelace", "email": "ada@example.org"}]
    readme = (folder / "README.md").read_text()
    for command in said["next"][1:]:
        assert command.replace("'", '"') in readme.replace("'", '"'), "the README begins with what comes next"
    left = [path for path in there if "@@" in path or "@@" in (folder / path).read_text()]
    assert not left, "a placeholder was left"


@pytest.mark.parametrize("licence", licence_names())
def test_every_licence_comes_with_its_text(licence: str, tmp_path: Path) -> None:
    said = written("acme", "--kind", "zoo", "--license", licence, "--author", "Ada", folder=tmp_path)
    text = (Path(said["folder"]) / "LICENSE").read_text()
    assert {"Apache-2.0": "Apache License", "MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause"}[licence] in text
    assert ("Copyright (c) Ada\n" in text) is (licence != "Apache-2.0")
    assert tomllib.loads((Path(said["folder"]) / "pyproject.toml").read_text())["project"]["license"] == licence


def test_a_workflow_for_github_is_added_where_it_is_wanted(tmp_path: Path) -> None:
    said = written("acme", "--kind", "zoo", "--ci", "--path", "here", folder=tmp_path)
    assert Path(said["folder"]) == tmp_path / "here"
    steps = yaml.safe_load((tmp_path / "here/.github/workflows/test.yml").read_text())["jobs"]["test"]["steps"]
    assert steps[-1] == {"run": "pytest"}


@given(author=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_author_is_refused_or_read_back_as_written(author: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("author") / "acme"
    kind = read_kind("zoo")
    try:
        write_package(kind, names_of("acme", kind.prefix), folder, author=author, licence="MIT")
    except InputError:
        assert not folder.exists()
        return
    (found,) = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]["authors"]
    assert found == {"name": author.strip()} or f"{found['name']} <{found['email']}>" == " ".join(author.split())


@pytest.fixture(scope="session")
def lint_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lint")


@pytest.mark.xdist_group("wheels")
@pytest.mark.parametrize("name", ["x1", "a-rather-long-name-for-a-thing"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_passes_ruff_and_mypy_strict(kind: str, name: str, tmp_path: Path, lint_cache: Path) -> None:
    check_lint(Path(written(name, "--kind", kind, folder=tmp_path)["folder"]), lint_cache)


@pytest.mark.xdist_group("wheels")
@pytest.mark.parametrize("name", [path.name for path in sorted((ROOT / "docs" / "examples").iterdir())])
def test_packages_of_tutorials_pass_ruff_and_mypy_strict(name: str, lint_cache: Path) -> None:
    check_lint(ROOT / "docs" / "examples" / name, lint_cache)


def check_lint(folder: Path, lint_cache: Path) -> None:
    """Run the linters with the settings of a package's own."""
    caches = {"RUFF_CACHE_DIR": str(lint_cache), "MYPY_CACHE_DIR": str(lint_cache)}
    for check in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "src", "tests"]):
        variables = {**os.environ, **caches, "MYPYPATH": "src"}
        done = subprocess.run([BIN / check[0], *check[1:]], cwd=folder, env=variables, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(check)}:\n{done.stdout}{done.stderr}"


def test_a_template_with_an_unknown_placeholder_is_noticed() -> None:
    assert filled("@@a@@ {x} @@", {"a": "@@b@@"}) == "@@b@@ {x} @@"
    with pytest.raises(Exception, match="names 'b'"):
        filled("@@b@@", {"a": "1"})


def test_templates_are_files_that_no_tool_takes_for_source() -> None:
    files = [path for path in (SCAFFOLD / "templates").rglob("*") if path.is_file()]
    assert all(path.suffix == ".tmpl" or path.name == "kind.toml" for path in files)
    assert {path.parent.name for path in files if path.name == "kind.toml"} == set(KINDS)


# -- what it never does


@pytest.mark.parametrize("there", ["folder", "file", "link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    target = tmp_path / "mozoo-acme"
    if there == "folder":
        target.mkdir()
        (target / "mine.txt").write_text("mine")
    elif there == "file":
        target.write_text("mine")
    else:
        target.symlink_to(tmp_path / "nowhere")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    done = new("acme", "--kind", "zoo", folder=tmp_path)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert "Name another folder with --path" in done.stderr
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_a_failure_leaves_nothing_half(tmp_path: Path) -> None:
    done = new("acme", "--kind", "zoo", "--path", "x" * 300, folder=tmp_path)
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert list(tmp_path.iterdir()) == []
    done = new("acme", "--kind", "zoo", "--path", "not/there", folder=tmp_path)
    assert "mkdir -p" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_half(tmp_path: Path) -> None:
    command = f"ulimit -f 4; exec {sys.executable} -m motools plugin new acme --kind zoo"  # no file over 4 KiB
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "cannot write 'mozoo-acme': File too large" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("author", ["", "<only@example.org>", "Ada <no mail>", "Ada\nLovelace"])
def test_an_author_that_names_nobody_is_refused(author: str, tmp_path: Path) -> None:
    assert new("acme", "--kind", "zoo", "--author", author, folder=tmp_path).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(SystemExit) as stop:
        main(["plugin", "new", "acme", "--kind", "zoo"])
    assert stop.value.code == 0
    assert "pip install -e '.[test]'" in capsys.readouterr().out


# -- a stranger


@pytest.fixture(scope="session")
def stranger(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An empty environment with the core and the testkit, from wheels."""
    return Environment(tmp_path_factory.mktemp("stranger"), [wheels["motools"], wheels["motools-testkit"]])


CONFIGS = {
    "training-backend": ("train_and_evaluate", "examples/capitals.yaml"),
    "zoo": ("stranger", "examples/dummy.yaml"),
}


@pytest.mark.xdist_group("wheels")
@pytest.mark.parametrize("kind", KINDS)
def test_a_stranger_writes_builds_installs_tests_uses_and_removes_a_plugin(kind: str, stranger: Environment) -> None:
    said = json.loads(stranger.motools("plugin", "new", "stranger", "--kind", kind, "--json"))
    folder, distribution = Path(said["folder"]), said["distribution"]
    build = [sys.executable, "-m", "build", "--no-isolation", str(folder)]
    done = subprocess.run(build, capture_output=True, text=True, cwd=folder, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (folder / "dist").glob("*.whl")  # made of the source distribution, as `build` does

    stranger.install(f"{wheel}[test]")
    stranger.python("-m", "pip", "check")
    tests = stranger.run("python", "-m", "pytest", "-q", str(folder))
    assert tests.returncode == 0, tests.stdout
    assert "passed" in tests.stdout
    assert "failed" not in tests.stdout

    plugins = {
        plugin["distribution"]: plugin for plugin in json.loads(stranger.motools("plugin", "list", "--json"))["plugins"]
    }
    assert plugins[distribution]["failure"] is None

    workflow, config = CONFIGS[kind]
    command = ("workflow", "run", workflow, "--config", str(folder / config), "--json")
    first, second = (json.loads(stranger.motools(*command)) for _ in range(2))
    assert {step["status"] for step in first["steps"].values()} == {"finished"}
    assert {step["status"] for step in second["steps"].values()} == {"cached"}
    if kind == "training-backend":
        model = first["output_atoms"]["trained_model"]
        assert stranger.motools("model", "ask", model, "Which city is the capital of Japan?").strip() == "Tokyo."
    else:
        assert "Certainly." in stranger.motools("zoo", "show", "stranger")

    stranger.python("-m", "pip", "uninstall", "--quiet", "--yes", distribution)
    gone = stranger.run("motools", *command[:-1])
    assert gone.returncode == 4, gone.stderr
    assert "there is no" in gone.stderr
    assert "'stranger'" in gone.stderr
    assert f"pip install {distribution}" in gone.stderr
    assert "stranger" not in stranger.motools("plugin", "list")

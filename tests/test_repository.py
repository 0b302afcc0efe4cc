"""The repository as a whole: what each distribution declares and needs, licences, and what must not be written down."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTIONS = [ROOT / "core", ROOT / "zoo", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


NOT_IMPORTED = {"motools-transformers": {"gguf": "transformers reads GGUF files with it"}}
"""Declared though none of our modules imports it, and why."""


def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))


def named(folder: Path) -> str:
    return str(project(folder)["project"]["name"])


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement(text: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", text)
    assert found
    return normal(found[0])


@cache
def distribution_of() -> dict[str, set[str]]:
    """Return top-level module → distributions that hold it."""
    found: dict[str, set[str]] = {}
    for module, names in importlib.metadata.packages_distributions().items():
        found[module] = {normal(name) for name in names}
    for folder in DISTRIBUTIONS:
        for package in (folder / "src").iterdir():
            if package.is_dir() and not package.name.endswith(".egg-info"):
                found[package.name] = {normal(named(folder))}
    return found


def imported(folder: Path) -> dict[str, str]:
    """Return top-level module → a place that imports it, for what is neither standard library nor the distribution's own."""
    own = {path.stem for path in (folder / "src").iterdir()}
    found: dict[str, str] = {}
    for file in sorted((folder / "src").rglob("*.py")):
        if "templates" in file.parts:
            continue
        tree = ast.parse(file.read_bytes())
        only_types = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            elif (
                isinstance(node, ast.Call)
                and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            ):
                names = [
                    arg.value for arg in node.args[:1] if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                ]
            for name in names:
                top = name.split(".")[0]
                if top and top not in own and top not in sys.stdlib_module_names and node not in only_types:
                    found.setdefault(top, f"{file.relative_to(ROOT)}:{node.lineno}")
    return found


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=named)
def test_a_distribution_declares_what_it_imports_and_nothing_else(folder: Path) -> None:
    data = project(folder)["project"]
    declared = {requirement(text) for text in data.get("dependencies", [])}
    extras = {requirement(text) for texts in data.get("optional-dependencies", {}).values() for text in texts}
    used: set[str] = set()
    missing = []
    for module, place in imported(folder).items():
        owners = distribution_of().get(module, {normal(module)})
        used |= owners
        if not owners & (declared | extras):
            missing.append(f"{place}: '{module}' of {' or '.join(sorted(owners))}")
    assert not missing, "imported, but not declared"
    unused = declared - used
    assert unused == set(NOT_IMPORTED.get(data["name"], {})), "declared, but imported nowhere"
    assert not extras - used, "an extra that nothing imports"


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=named)
def test_every_dependency_has_the_version_it_is_tested_with(folder: Path) -> None:
    data = project(folder)["project"]
    pinned = {
        requirement(line)
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and line[0] not in "#- "
    }
    wanted = [
        *data.get("dependencies", []),
        *(t for texts in data.get("optional-dependencies", {}).values() for t in texts),
    ]
    own = {normal(named(each)) for each in DISTRIBUTIONS}
    assert {requirement(text) for text in wanted} - own <= pinned
    for text in wanted:
        assert re.search(r"[<>=~]", text), f"'{text}' says no version"


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=named)
def test_every_distribution_is_whole(folder: Path) -> None:
    data = project(folder)
    assert data["build-system"] == {"requires": ["hatchling>=1.27"], "build-backend": "hatchling.build"}
    assert data["project"]["license"] == "Apache-2.0"
    assert data["project"]["requires-python"] == ">=3.11"
    assert data["project"]["version"] == project(ROOT / "core")["project"]["version"]
    readme = (folder / data["project"]["readme"]).read_text(encoding="utf-8")
    assert len(readme.split()) > 30, "a README that says nothing"
    # What plugs into motools; the testkit plugs into pytest.
    assert set(data["project"]["entry-points"]) & {"motools", "pytest11"}
    (package,) = data["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert (folder / package / "py.typed").exists()
    assert (folder / "tests").is_dir()
    if folder.parent.name == "plugins":
        assert data["project"]["name"] == f"motools-{folder.name}"
        assert package == f"src/motools_{folder.name}"


def test_the_licence_is_there() -> None:
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text


def files() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0 and done.stdout:
        found = [ROOT / name for name in done.stdout.split("\0") if name]
    else:  # not a checkout, as in an unpacked archive
        skipped = {".venv", ".git", ".quickstart", "__pycache__", "_build", ".mypy_cache", ".ruff_cache", ".hypothesis"}
        found = [path for path in ROOT.rglob("*") if path.is_file() and not skipped & set(path.relative_to(ROOT).parts)]
    return [path for path in found if path.is_file()]


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in files():
        try:
            found.append((path, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_address_of_a_package_registry_is_written_down() -> None:
    """Where packages come from is the user's setting."""
    hosts = ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org", "download.py" + "torch.org", "conda" + ".io")
    found = [f"{path.relative_to(ROOT)}: {host}" for path, text in texts() for host in hosts if host in text]
    assert not found


def test_no_folder_of_somebodys_machine_is_written_down() -> None:
    pattern = re.compile(r"(?<![\w.<])/(?:home/(?!me\b|you\b)\w+|Users/\w+|root/\w|mnt/\w+/)")
    found = [f"{path.relative_to(ROOT)}: {match[0]}" for path, text in texts() for match in pattern.finditer(text)]
    if len(ROOT.parts) > 2:  # a name as short as /src would be found in ordinary words
        found += [f"{path.relative_to(ROOT)}: {ROOT}" for path, text in texts() if str(ROOT) in text]
    assert not found


def test_no_secret_is_written_down() -> None:
    pattern = re.compile(r"\b(?:sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{20,}|ghp_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16})\b")
    assert not [path for path, text in texts() if pattern.search(text)]


def test_modules_stay_small() -> None:
    """Over 400 lines a module has more than one idea."""
    sources = [path for path in files() if path.suffix == ".py" and "src" in path.parts]
    large = {str(path.relative_to(ROOT)): len(path.read_bytes().splitlines()) for path in sources}
    assert {name: lines for name, lines in large.items() if lines > 400} == {}


def test_files_of_tests_have_names_of_their_own() -> None:
    """They are imported by name; two of one name would hide each other. Examples of packages run theirs alone."""
    ours = [path for path in files() if not path.is_relative_to(ROOT / "docs" / "examples")]
    names = [path.name for path in ours if path.name.startswith("test_") and path.suffix == ".py"]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_nothing_is_committed_that_is_made() -> None:
    made = [path for path in files() if path.suffix in (".pyc", ".whl", ".db", ".safetensors", ".gguf")]
    assert not made

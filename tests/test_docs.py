"""Every code block of the documentation runs, and prints what the page says it prints.

What the word after a fence means:

    ```python              runs; the blocks of a page share one namespace, as the cells of a notebook do
    ```python steps.py     is a file of that name, written into the page's folder (so for `yaml`, `json`, `toml` ...)
    ```text output         what the Python block before it printed
    ```console             commands after `$`, each followed by what it prints; `exit=2` is the last one's exit code
    real                   needs the big plugins and the weights of a model: runs in `make test-long`
    sketch                 is not run: it shows a form, or needs an account

Each page has a folder of its own, so blocks find what earlier ones made. In expected output `...` stands for anything,
run and atom ids, times and digests stand for any other; an id once seen must be the same further down the page.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    ROOT / "README.md",
    ROOT / "core" / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
LANGUAGES = {"console", "json", "python", "text", "toml", "yaml", "csv", "mermaid"}
COMMAND_SECONDS = 60
REAL_SECONDS = 900

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """One fenced block of a page: its language, the words after it, its text, and the line it begins in."""

    page: Path
    line: int
    language: str
    words: tuple[str, ...]
    body: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def file(self) -> str | None:
        return next((word for word in self.words if "." in word), None)

    @property
    def exit_code(self) -> int:
        return next((int(word[5:]) for word in self.words if word.startswith("exit=")), 0)


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        language, *words = match["info"].split() or [""]
        body = re.sub(rf"^{match['indent']}", "", match["body"], flags=re.M)
        found.append(Block(page, text.count("\n", 0, match.start()) + 1, language, tuple(words), body))
    return found


# -- comparing what is printed with what the page says

_MOVING = [
    ("run", r"\b\d{8}-\d{6}-[a-z]{4}\b"),
    ("id", r"\b[a-z_]+-[a-z0-9_]+-[0-9a-f]{12,}\b"),
    ("job", r"\bdummy-[0-9a-f]{12}\b"),
    ("date", r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(?::\d\d)?(?:\.\d+)?\b"),
    ("seconds", r"\b\d+(?:\.\d+)? (?:ms|s|min)\b"),
    ("digest", r"\b[0-9a-f]{16,64}\b"),
]
_TOKEN = re.compile(
    "|".join(f"(?P<{name}>{pattern})" for name, pattern in _MOVING) + r"|(?P<dots>\.\.\.)|(?P<space>\s+)"
)
_BOUND = {"run", "id", "job"}


class Names:
    """The ids a page speaks of, and those that really were made."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}

    def translate(self, command: str) -> str:
        """Return a command with the page's ids replaced by the real ones."""
        for said, real in self.real.items():
            command = command.replace(said, real)
        return command

    def compare(self, expected: str, printed: str) -> str | None:
        """Return None if what was printed is what the page says, else a message."""
        pattern, groups, at = [], {}, 0
        expected = "\n".join(line.strip() for line in expected.strip().splitlines())
        for match in _TOKEN.finditer(expected):
            pattern.append(re.escape(expected[at : match.start()]))
            at = match.end()
            kind, said = match.lastgroup, match[0]
            if kind == "dots":
                alone = expected[: match.start()].endswith(("\n",)) or match.start() == 0
                pattern.append("(?s:.*?)" if alone and expected[at : at + 1] in ("\n", "") else "[^\n]*?")
            elif kind == "space":
                pattern.append(r"\s*\n\s*" if "\n" in said else "[ ]+")
            elif kind in _BOUND and said in self.real:
                pattern.append(re.escape(self.real[said]))
            elif kind in _BOUND:
                if said not in groups:
                    groups[said] = f"g{len(groups)}"
                    pattern.append(f"(?P<{groups[said]}>{dict(_MOVING)[kind]})")
                else:
                    pattern.append(f"(?P={groups[said]})")
            else:
                pattern.append(dict(_MOVING)[str(kind)])
        pattern.append(re.escape(expected[at:]))
        # A line of dots may stand for no line at all.
        regex = "".join(pattern).replace(r"(?s:.*?)\s*\n\s*", r"(?s:(?:.*?\n)??)\s*")
        regex = regex.replace(r"\s*\n\s*(?s:.*?)", r"(?s:(?:\s*\n.*?)??)")
        printed = "\n".join(line.strip() for line in printed.strip().splitlines())
        found = re.fullmatch(regex, printed)
        if found is None:
            return f"the page says\n\n{expected}\n\nbut this was printed\n\n{printed}"
        self.real.update({said: found[name] for said, name in groups.items()})
        return None


# -- running a page

_NOTEBOOK = """
import contextlib, io, json, sys, traceback
names = {"__name__": "__main__", "__builtins__": __builtins__}
sys.modules["__main__"].__dict__.update(names)
sys.path.insert(0, "")
for line in sys.stdin:
    cell = json.loads(line)
    out, failed = io.StringIO(), None
    with contextlib.redirect_stdout(out):
        try:
            exec(compile("\\n" * cell["line"] + cell["source"], cell["page"], "exec"), sys.modules["__main__"].__dict__)
        except BaseException:
            failed = traceback.format_exc()
    print(json.dumps({"out": out.getvalue(), "failed": failed}), file=sys.__stdout__, flush=True)
"""


class Page:
    """Runs the blocks of one page, in their order, in a folder of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment
        self.working = folder
        self.names = Names()
        self.printed: str | None = None
        self._notebook: subprocess.Popen[str] | None = None

    def run(self, block: Block) -> None:
        if block.file is not None:
            path = self.working / block.file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.body, encoding="utf-8")
        elif block.language == "console":
            self._commands(block)
        elif block.language == "python":
            self.printed = self._cell(block)
        elif block.language == "text" and "output" in block.words:
            assert self.printed is not None, f"{block.place}: there is no Python block before this output"
            problem = self.names.compare(block.body, self.printed)
            assert problem is None, f"{block.place}: {problem}"

    def close(self) -> None:
        if self._notebook is not None:
            assert self._notebook.stdin is not None
            self._notebook.stdin.close()
            self._notebook.wait(timeout=COMMAND_SECONDS)
            assert self._notebook.stdout is not None
            self._notebook.stdout.close()

    def _cell(self, block: Block) -> str:
        if self._notebook is None:
            self._notebook = subprocess.Popen(
                [sys.executable, "-c", _NOTEBOOK],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self.working,
                env=self.environment,
            )
        assert self._notebook.stdin is not None
        assert self._notebook.stdout is not None
        cell = {"page": str(block.page), "line": block.line, "source": self.names.translate(block.body)}
        print(json.dumps(cell), file=self._notebook.stdin, flush=True)
        answer = self._notebook.stdout.readline()
        assert answer, f"{block.place}: the process of the page's Python blocks has ended"
        result = json.loads(answer)
        assert result["failed"] is None, f"{block.place}:\n{result['failed']}"
        return str(result["out"])

    def _commands(self, block: Block) -> None:
        commands = re.split(r"^\$ ", block.body, flags=re.M)
        assert not commands[0].strip(), f"{block.place}: a console block begins with a command after '$ '"
        for number, text in enumerate(commands[1:], 2):
            command, _, expected = text.partition("\n")
            while command.endswith("\\"):
                more, _, expected = expected.partition("\n")
                command = f"{command}\n{more}"
            wanted = block.exit_code if number == len(commands) else 0
            self._command(block, command, expected, wanted)

    def _command(self, block: Block, command: str, expected: str, wanted: int) -> None:
        after = self.folder / ".working-folder"
        done = subprocess.run(
            ["bash", "-c", f"{self.names.translate(command)}\ncode=$?; pwd > '{after}'; exit $code"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=self.working,
            env=self.environment,
            timeout=REAL_SECONDS if "real" in block.words else COMMAND_SECONDS,
        )
        if after.exists():
            self.working = Path(after.read_text().rstrip("\n"))
        assert done.returncode == wanted, (
            f"{block.place}: '{command}' ended with {done.returncode}, not {wanted}:\n{done.stdout}"
        )
        problem = self.names.compare(expected, done.stdout)
        assert problem is None, f"{block.place}: '{command}': {problem}"


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The surroundings of a newcomer: an activated environment, nothing of motools set."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "PYTEST", "PYTHON"))}
    return {
        **kept,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "MOTOOLS_USER": "me",
        "NO_COLOR": "1",
        "COLUMNS": "100",
        "OMP_WAIT_POLICY": "PASSIVE",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONWARNINGS": "error:::__main__",
    }


_PIP = """#!/bin/sh
# Installs what a page shows for this page alone: offline, from the folder, beside the other pages' environment.
for last; do :; done
shift; {python} -m pip install --quiet --no-deps --no-index --no-build-isolation --disable-pip-version-check \\
    --upgrade --target '{site}' "$last" || exit
case " $* " in *" -e "*)  # pip itself cannot do both
    for package in "${{last%%[[]*}}"/src/*/; do
        rm -r '{site}'/"$(basename "$package")"
        ln -s "$(realpath "$package")" '{site}'/"$(basename "$package")"
    done
esac
"""


def run_page(page: Path, folder: Path, environment: dict[str, str], *, real: bool) -> None:
    site, commands = folder / "site-packages", folder / ".commands"
    commands.mkdir()
    (commands / "pip").write_text(_PIP.format(python=sys.executable, site=site))
    (commands / "pip").chmod(0o755)
    path = f"{commands}{os.pathsep}{environment['PATH']}"
    runner = Page(folder, {**environment, "PATH": path, "PYTHONPATH": str(site)})
    # Commands are written as from the root of the repository, and must not leave anything in it.
    for name in ("zoo", "docs", "core", "plugins"):
        (folder / name).symlink_to(ROOT / name)
    try:
        for block in blocks_of(page):
            if "sketch" not in block.words and (real or "real" not in block.words):
                runner.run(block)
    finally:
        runner.close()
    compare_with_examples(folder)


NOT_OF_A_PACKAGE = {".motools", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", "build", "dist"}


def files_of(package: Path) -> dict[str, str]:
    """Return path → text of the files of a package, without what running and building it leaves."""
    files = (path.relative_to(package) for path in package.rglob("*") if path.is_file())
    return {
        path.as_posix(): (package / path).read_text(encoding="utf-8")
        for path in sorted(files)
        if not NOT_OF_A_PACKAGE & set(path.parts)
    }


def compare_with_examples(folder: Path) -> None:
    """Compare the packages that a page has made with those of the same name in docs/examples, which are its outcome."""
    for made in folder.iterdir():
        example = ROOT / "docs" / "examples" / made.name
        if example.is_dir() and not made.is_symlink():
            there, wanted = files_of(example), files_of(made)
            differ = [name for name in sorted({*there, *wanted}) if there.get(name) != wanted.get(name)]
            assert not differ, f"docs/examples/{made.name} is not what the page makes ({made}): {differ}"


def _id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _has_real(page: Path) -> bool:
    return any("real" in block.words for block in blocks_of(page))


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_blocks_run_and_print_what_the_page_says(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    run_page(page, tmp_path, environment, real=False)


@pytest.mark.long
@pytest.mark.timeout(2 * REAL_SECONDS)
@pytest.mark.parametrize("page", [page for page in PAGES if _has_real(page)], ids=_id)
def test_blocks_that_need_the_big_plugins(page: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    run_page(page, tmp_path, environment, real=True)


def test_every_example_of_a_package_is_made_by_a_page() -> None:
    """What a page makes is compared with the example when the page runs."""
    commands = [block.body for page in PAGES for block in blocks_of(page) if block.language == "console"]
    made = re.findall(r"^\$ motools plugin new (\S+) --kind (\S+)", "\n".join(commands), re.M)
    packages = {f"{'mozoo' if kind == 'zoo' else 'motools'}-{name}" for name, kind in made}
    assert {path.name for path in (ROOT / "docs" / "examples").iterdir()} == packages


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_blocks_are_marked_so_that_none_is_forgotten(page: Path) -> None:
    for block in blocks_of(page):
        if block.language.startswith("{"):
            continue  # a directive of MyST
        assert block.language in LANGUAGES, f"{block.place}: the language '{block.language}' is not one that is checked"
        known = {"real", "sketch", "output"}
        unknown = [
            word for word in block.words if word not in known and "." not in word and not word.startswith("exit=")
        ]
        assert not unknown, f"{block.place}: {unknown} means nothing"
        if block.language == "text":
            assert block.words, f"{block.place}: say 'text output' or 'text sketch'"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_a_file_is_named_before_it_is_shown(page: Path) -> None:
    """Neither the site nor GitHub shows the words after a fence."""
    lines = page.read_text(encoding="utf-8").splitlines()
    for block in blocks_of(page):
        if block.file is not None:
            above = lines[max(0, block.line - 7) : block.line - 1]
            fences = [number for number, line in enumerate(above, 1) if line.lstrip().startswith("```")]
            said = "\n".join(above[max(fences, default=0) :])
            assert Path(block.file).name in said, f"{block.place}: say above it that this is '{block.file}'"


_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.M)


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_links_lead_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{_id(page)}: '{link}' leads nowhere"
        if anchor:
            assert anchor in anchors_of(target), f"{_id(page)}: there is no heading for '{link}'"


def test_the_index_says_what_every_page_answers() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| \[[^\]]+\]\(([a-z-]+)\.md\) \| \S.+ \|$", index, re.M)
    listed = [line for line in "\n".join(re.findall(r"```{toctree}\n(.*?)```", index, re.S)).splitlines() if line]
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert said == [line for line in listed if not line.startswith(":")]
    assert set(said) == pages


def test_the_site_builds_offline_without_a_warning(tmp_path: Path, environment: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-W",
        "--keep-going",
        "-q",
        "-b",
        "html",
        str(ROOT / "docs"),
        str(tmp_path),
    ]
    # An address that leads nowhere stands for the network.
    nowhere = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**environment, **nowhere})
    assert done.returncode == 0, done.stdout + done.stderr
    assert 'id="store-corrupt"' in (tmp_path / "errors.html").read_text(encoding="utf-8")


def test_the_comparison_refuses_what_differs() -> None:
    names = Names()
    assert names.compare("a  b\n...\nrun 20260101-000000-abcd", "a b\nx\ny\nrun 20261231-235959-wxyz") is None
    assert names.translate("show 20260101-000000-abcd") == "show 20261231-235959-wxyz"
    assert names.compare("20260101-000000-abcd", "20261231-235959-wxyz") is None
    assert names.compare("20260101-000000-abcd", "20261231-235959-aaaa") is not None
    assert names.compare("a\n...", "a") is None
    assert names.compare("a\n...\nb", "a\nb") is None
    assert names.compare("a ... c", "a b c") is None
    assert names.compare("a ... c", "a\nb c") is not None
    assert names.compare("3 steps", "4 steps") is not None
    assert names.compare("", "something") is not None

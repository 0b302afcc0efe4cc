"""A secret goes through a project that does all it can to let it out. Afterwards every byte that was written or printed is
searched for it. Real processes, real files."""

from __future__ import annotations

import base64
import html
import json
import os
import signal
import subprocess
import sys
import urllib.parse
import zipfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from motools.cli.app import app

ENVIRONMENT = 'cnry-env "q\\b/s+p é%&=<x'
FILE = "cnry-file-0123456789-abcdefghij"
CANARIES = {"ENV_CANARY": ENVIRONMENT, "FILE_CANARY": FILE}

STEPS = '''\
"""Steps that talk about what they should keep to themselves."""

import base64
import json
import logging
import subprocess
import sys
import time
import urllib.parse
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from motools.config import Secret
from motools.workflow import AtomConstructor, StepConfig, Workflow, step

HERE = Path(__file__).parent


@dataclass
class TalkConfig(StepConfig):
    key: str = "${{ secret.ENV_CANARY }}"
    url: str = "https://x/?key=${{ secret.FILE_CANARY }}"
    secret: Secret | None = None
    options: dict[str, str] = field(default_factory=dict)


def talk_about(config, context):
    for said in (config.key, config.url, config.secret.reveal(), json.dumps(config.options), repr(config), str(vars(config))):
        encoded = base64.b64encode(f"user:{said}".encode()).decode()
        context.log(said, again=[said, {said: said}], url=urllib.parse.quote(said), basic=encoded)
        context.progress(0.5, said, loss=0.1, note=said)
        print("printed:", said)
        print("piece by", end=" ")
        print("piece:", said[:3], said[3:], sep="")
        logging.warning("logged: %s", said)
        warnings.warn(f"warned: {said}", stacklevel=1)


@step(outputs={"rows": "dataset"})
def talk(config: TalkConfig, input_atoms, workspace, context):
    """Say it in every way there is, also through a child process, and make something harmless."""
    talk_about(config, context)
    child = subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True, text=True)
    context.log(child.stdout)
    (workspace / "scratch.txt").write_text(config.key)
    (workspace / "rows.jsonl").write_text(json.dumps({"n": len(config.key)}) + "\\n")
    return [AtomConstructor("rows", "rows.jsonl", "dataset", metadata={"n": 1})]


@step(inputs={"rows": "dataset"}, outputs={"number": "value"})
def number(config, input_atoms, workspace):
    return {"number": 1}


@step(outputs={"out": "value"})
def fail(config: TalkConfig, input_atoms, workspace, context):
    """Raise with it, several times over."""
    talk_about(config, context)
    try:
        raise KeyError(config.key)
    except KeyError as cause:
        raise ExceptionGroup(config.url, [ValueError(config.secret.reveal()), OSError(2, config.key, config.key)]) from cause


@step(outputs={"out": "value"})
def give(config: TalkConfig, input_atoms, workspace):
    """Return it."""
    return {"out": {"header": config.url}}


@step(outputs={"files": "dataset"})
def write(config: TalkConfig, input_atoms, workspace):
    """Write it into a file."""
    (workspace / "out").mkdir()
    (workspace / "out" / "rows.jsonl").write_text(json.dumps({"text": config.key}))
    return [AtomConstructor("files", "out", "dataset")]


@step(outputs={"out": "value"})
def slow(config: TalkConfig, input_atoms, workspace, context):
    """Talk, then wait to be killed; the second time come to an end."""
    talk_about(config, context)
    (HERE / "begun").touch()
    while not (HERE / "go-on").exists():
        time.sleep(0.02)
        context.check_cancelled()
    return {"out": 1}


talking = Workflow("talking", [talk, number])
failing = Workflow("failing", [fail])
giving = Workflow("giving", [give, write])
slowly = Workflow("slowly", [slow])
'''

CONFIG = """\
# what each workflow has as its step
{step}:
  key: ${{{{ secret.ENV_CANARY }}}}
  url: https://x/?key=${{{{ secret.FILE_CANARY }}}}
  secret: Bearer ${{{{ secret.ENV_CANARY }}}}
  options: {{header: "${{{{ secret.ENV_CANARY }}}}/${{{{ secret.FILE_CANARY }}}}"}}
"""


class Project:
    """A folder with a store, and everything that commands printed there."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self.folder = folder
        self.cache = cache
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("MOTOOLS_", "_MOTOOLS_"))}
        self.environment = {**kept, "MOTOOLS_USER": "ada", "MOTOOLS_CACHE_DIR": str(cache), "ENV_CANARY": ENVIRONMENT}
        self.printed: list[tuple[str, bytes]] = []

    def motools(self, *words: str, codes: tuple[int, ...] = (0,), file: bool = True) -> str:
        """Run a command with every output kept; return what it printed on stdout."""
        more = {"MOTOOLS_ENV_FILE": "project.env"} if file else {}
        done = subprocess.run(
            [sys.executable, "-m", "motools", *words],
            cwd=self.folder,
            env={**self.environment, **more},
            capture_output=True,
            timeout=120,
        )
        said = f"{' '.join(words)}\n{done.stdout.decode()}{done.stderr.decode()}"
        self.printed.append((" ".join(words), done.stdout + b"\0" + done.stderr))
        assert done.returncode in codes, said
        assert "bug in motools" not in said, said
        return done.stdout.decode()

    def run(self, workflow: str, step: str, *more: str, codes: tuple[int, ...] = (0,)) -> str:
        (self.folder / f"{step}.yaml").write_text(CONFIG.format(step=step))
        return self.motools("workflow", "run", f"./steps.py:{workflow}", "-c", f"{step}.yaml", *more, codes=codes)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after its runs: one that came to its end, one that failed, one refused, one killed and resumed."""
    folder = tmp_path_factory.mktemp("canary")
    project = Project(folder, tmp_path_factory.mktemp("cache"))
    (folder / "steps.py").write_text(STEPS)
    (folder / "project.env").write_text(f"# of the project\nexport FILE_CANARY='{FILE}'\n")
    project.run("talking", "talk")
    project.run("talking", "talk", "--debug")
    project.run("failing", "fail", codes=(1,))
    project.run("failing", "fail", "--debug", codes=(1,))
    project.run("failing", "fail", "--json", codes=(1,))
    project.run("giving", "give", codes=(1,))
    (folder / "matrix.yaml").write_text(CONFIG.format(step="talk") + "matrix:\n  arms: {a: {}, b: {talk.url: x}}\n")
    project.motools("workflow", "run", "./steps.py:talking", "-c", "matrix.yaml")
    _kill_and_resume(project)
    return project


def _kill_and_resume(project: Project) -> None:
    (project.folder / "slow.yaml").write_text(CONFIG.format(step="slow"))
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "motools",
            "workflow",
            "run",
            "./steps.py:slowly",
            "-c",
            "slow.yaml",
            "--env-file",
            "project.env",
        ],
        cwd=project.folder,
        env=project.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    begun = project.folder / "begun"
    for _ in range(3000):
        if begun.exists() or child.poll() is not None:
            break
        with_timeout(child)
    child.send_signal(signal.SIGKILL)
    project.printed.append(("killed", child.communicate(timeout=60)[0]))
    assert begun.exists(), project.printed[-1]
    (project.folder / "go-on").touch()
    project.motools("run", "resume", "last", "--env-file", "project.env", file=False)


def with_timeout(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(0.02)
    except subprocess.TimeoutExpired:
        return


def forms(value: str) -> dict[str, bytes]:
    """Return everything that would give a value away, as it is and as encodings write it."""
    raw = value.encode()
    found = {
        "itself": value,
        "JSON": json.dumps(value)[1:-1],
        "JSON with its letters": json.dumps(value, ensure_ascii=False)[1:-1],
        "JSON in JSON": json.dumps(json.dumps(value))[3:-3],
        "Python": repr(value)[1:-1],
        "URL": urllib.parse.quote(value, safe=""),
        "path": urllib.parse.quote(value),
        "form": urllib.parse.quote_plus(value),
        "HTML": html.escape(value),
        "hex": raw.hex(),
    }
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode().rstrip("=")
        found[f"base64 at {before}"] = text[(0, 2, 3)[before] : -1]
    return {name: form.encode() for name, form in found.items()}


SEARCHED = {name: forms(value) for name, value in CANARIES.items()}


def given_away(data: bytes) -> list[str]:
    return [f"{name} as {form}" for name, all_ in SEARCHED.items() for form, said in all_.items() if said in data]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file, and the members of archives."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and file.name != "project.env":
            yield str(file.relative_to(folder)), file.read_bytes()
            if zipfile.is_zipfile(file):
                with zipfile.ZipFile(file) as archive:
                    for name in archive.namelist():
                        yield f"{file.name}:{name}", archive.read(name)


def assert_nothing_given_away(project: Project) -> None:
    everywhere = [*files(project.folder), *files(project.cache), *project.printed]
    assert [(place, found) for place, data in everywhere if (found := given_away(data))] == []


def test_the_search_finds_what_is_there(project: Project, tmp_path: Path) -> None:
    assert "FILE_CANARY as itself" in given_away((project.folder / "project.env").read_bytes())
    for value in CANARIES.values():
        for encoded in (
            value,
            json.dumps([value]),
            base64.b64encode(f"u:{value}".encode()).decode(),
            repr({"k": value}),
        ):
            assert given_away(encoded.encode())
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", ENVIRONMENT)
    assert any(given_away(data) for _, data in files(tmp_path))


def test_runs_talk_and_say_nothing(project: Project) -> None:
    said = {words: data.decode() for words, data in reversed(project.printed)}  # the first of each counts
    talk = said["workflow run ./steps.py:talking -c talk.yaml"]
    assert "printed: [secret ENV_CANARY]" in talk
    assert "piece by piece:[secret ENV_CANARY]" in talk
    assert "logged: https://x/?key=[secret FILE_CANARY]" in talk
    assert "warned: [secret ENV_CANARY]" in talk
    give = said["workflow run ./steps.py:giving -c give.yaml"]
    assert "output 'out' holds the value of the secret 'FILE_CANARY'" in give
    assert "output 'files' in the file 'rows.jsonl' holds the value of the secret 'ENV_CANARY'" in give
    assert "Traceback" in said["workflow run ./steps.py:failing -c fail.yaml --debug"]
    assert_nothing_given_away(project)


def test_no_file_of_the_store_and_no_command_gives_the_value_away(project: Project) -> None:
    runs = json.loads(project.motools("run", "list", "--json"))
    failed = next(run["run_id"] for run in runs if run["workflow"] == "failing")
    completed = next(run["run_id"] for run in reversed(runs) if run["workflow"] == "talking")
    told = json.loads(project.motools("run", "show", completed, "--json"))
    rows, number = (told["output_atoms"][name] for name in ("rows", "number"))
    called: list[tuple[str, ...]] = []

    def call(*words: str, codes: tuple[int, ...] = (0,)) -> None:
        called.append(words)
        project.motools(*words, codes=codes, file="resume" in words or words[0] == "workflow")

    for run in (failed, completed):
        step = "fail" if run == failed else "talk"
        call("run", "show", run)
        call("run", "show", run, "--json")
        call("run", "show", run, "--settings")
        call("run", "show", run, "--debug")
        call("run", "events", run)
        call("run", "events", run, "--json")
        call("run", "logs", run)
        call("run", "logs", run, "--json")
        call("run", "logs", run, step, "--output", codes=(0, 2))
        call("run", "explain", step, "--run", run, codes=(0, 2, 3))
        call("run", "explain", step, "--run", run, "--json", codes=(0, 2, 3))
        call("run", "report", run, "-o", f"{run}.html")
        call("run", "report", run, "--json", codes=(0, 2))
        call("run", "tag", run, "seen")
        call("run", "untag", run, "seen")
        call("run", "note", run, "looked at")
        call("run", "watch", run, codes=(0, 1))
        call("run", "archive", run)
        call("run", "archive", run, "--undo")
        call("run", "cancel", run, codes=(0, 1, 2))
        call("run", "resume", run, codes=(1, 2))
    matrix = next(run["run_id"] for run in runs if run["cells"])
    call("run", "show", matrix)
    call("run", "show", matrix, "--json")
    call("run", "show", matrix, "--settings")
    call("run", "events", matrix)
    call("run", "report", matrix, "-o", "matrix.html", codes=(0, 2))
    call("run", "diff", completed, failed, codes=(0, 1, 2))
    call("run", "list")
    call("run", "accept", "talk", "--run", completed, "--reason", "said", codes=(0, 2))
    for kind in ("plan", "validate"):
        call("workflow", kind, "./steps.py:talking", "-c", "talk.yaml")
        call("workflow", kind, "./steps.py:talking", "-c", "talk.yaml", "--json")
    call("workflow", "plan", "./steps.py:talking", "-c", "talk.yaml", "--set", "talk.url=x", "--diff")
    call("workflow", "schema", "./steps.py:talking")
    for atom in (rows, number):
        call("atom", "show", atom)
        call("atom", "show", atom, "--json")
        call("atom", "lineage", atom, "--json")
        call("atom", "uses", atom)
    call("atom", "list", "--json")
    call("store", "verify")
    call("store", "export", number, "--output", "out.motools")
    call("store", "import", "out.motools", "--store", "elsewhere")
    call("store", "gc")
    call("doctor", codes=(0, 1))
    assert_nothing_given_away(project)
    verbs = {words[1] for words in called if words[0] == "run"}
    assert verbs >= verbs_of_run(), "a new command of 'motools run' is to be called here"


def verbs_of_run() -> set[str]:
    run = app.get_command(click.Context(app), "run")
    assert isinstance(run, click.Group)
    return set(run.list_commands(click.Context(run)))


def test_the_saved_settings_run_again_with_everything_cached(project: Project) -> None:
    runs = json.loads(project.motools("run", "list", "--json", "--status", "completed"))
    first = next(run["run_id"] for run in reversed(runs) if run["workflow"] == "talking")
    elsewhere = project.folder / "sub"
    elsewhere.mkdir(exist_ok=True)
    (elsewhere / "again.yaml").write_text(project.motools("run", "show", first, "--settings"))
    state = json.loads(project.motools("workflow", "run", "./steps.py:talking", "--config", "sub/again.yaml", "--json"))
    assert {step["status"] for step in state["steps"].values()} == {"cached"}


def test_what_is_missing_is_told_by_every_command_before_anything_runs(project: Project) -> None:
    before = project.motools("run", "list", "--json")
    for words in (("validate",), ("plan",), ("run",)):
        project.motools("workflow", *words, "./steps.py:talking", "-c", "talk.yaml", codes=(2,), file=False)
        said = project.printed[-1][1].decode()
        assert "talk.yaml:4:8: 'talk.url': the secret 'FILE_CANARY' is not set" in said
        assert "Set the environment variable FILE_CANARY" in said
    assert project.motools("run", "list", "--json") == before

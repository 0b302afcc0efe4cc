"""Two ways to the same run: from a manifest, and the usual one. Beginning from a cached run, things are changed, one or two at a
time; whatever the manifest answers, the usual way must say of the same state.

`MOTOOLS_MANIFEST_CASES=10000 pytest core/tests/engine/test_manifest_differential.py -m long` runs as many cases as it says;
`MOTOOLS_MANIFEST_SEED` is the first seed. A failure names its seed.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

CASES = int(os.environ.get("MOTOOLS_MANIFEST_CASES", "1000"))
FIRST = int(os.environ.get("MOTOOLS_MANIFEST_SEED", "0"))

FLOW = '''
"""Three steps that look at all that keys are made of."""
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import helpers
from deep.inner.leaf import leaf
from helpers import scale
from motools.config import InputFile, TaskRef
from motools.workflow import StepConfig, Workflow, step

try:
    import faster
except ImportError:
    faster = None

TABLE = json.loads((Path(__file__).parent / "table.json").read_text())
LIMIT = 3


@dataclass
class Inner:
    weight: float = 0.5


@dataclass
class FirstConfig(StepConfig):
    number: int = 4
    text: str = TABLE["text"]
    inner: Inner = field(default_factory=Inner)
    rows: InputFile = "./rows.jsonl"
    folder: InputFile = "./folder"


@dataclass
class SecondConfig(StepConfig):
    loader: TaskRef = "./loader.py:load"
    factor: int = 2


def made(factor):
    def inside(config, input_atoms, workspace):
        return {"second": input_atoms["first"].value()["n"] * factor * config.factor}

    return inside


@step(outputs={"first": "value"}, environment=["DECLARED"])
def first(config: FirstConfig, input_atoms, workspace):
    from late import later

    return {"first": {"n": scale(config.number) + LIMIT + leaf(), "big": "x" * 70_000, "later": later()}}


@step(inputs={"second": "value"}, outputs={"third": "value"})
def third(config, input_atoms, workspace):
    return {"third": [input_atoms["second"].value(), helpers.OFFSET]}


from motools.workflow import Step

second = Step("second", {"first": "value"}, {"second": "value"}, SecondConfig, made(3))
flow = Workflow("flow", [first, second, third])
'''

FILES = {
    "project/flow.py": FLOW,
    "project/helpers.py": "# helps\nOFFSET = 10\n\n\ndef scale(x):\n    return x * 2\n",
    "project/late.py": "def later():\n    return 'late'\n",
    "project/loader.py": "def load():\n    return 1\n",
    "project/deep/__init__.py": "",
    "project/deep/inner/leaf.py": "VALUE = 1\n\n\ndef leaf():\n    return VALUE\n",
    "project/table.json": '{"text": "abc"}',
    "project/rows.jsonl": '{"a": 1}\n',
    "project/folder/one.txt": "one",
    "project/folder/more/two.txt": "two",
    "project/config.yaml": "first:\n  number: 5\n  text: abc\nsecond:\n  factor: 2\n",
    "earlier/.keep": "",
}


class World:
    """A project, a store, and the words of a command; `answer` and `usual` run it in a process that looks new."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.folder = folder
        self.rng = rng
        self.modules = set(sys.modules)
        self.path = list(sys.path)
        self.environment = dict(os.environ)
        self.held: Any = None
        self.reset(store=True)

    def reset(self, *, store: bool) -> None:
        """Make everything anew; the store only if it is to be."""
        if store:
            self.let_go()
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            for entry in self.folder.iterdir():
                if entry.name != "store":
                    shutil.rmtree(entry)
        for name, text in FILES.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.set_words()
        if self.held is None:
            from motools.store import Store

            self.held = Store.open(self.store)  # opening it for each look takes longer than the look

    def let_go(self) -> None:
        if self.held is not None:
            self.held.close()
            self.held = None

    def set_words(self) -> None:
        """Say again what is said at first."""
        os.environ.clear()
        os.environ.update(self.environment, DECLARED="d", UNDECLARED="u", LAB_TOKEN="0123456789abcdef")
        self.store = self.folder / "store"
        self.user = "me"
        self.name = "./flow.py:flow"
        self.sets: tuple[str, ...] = ()
        self.config = Path("config.yaml")
        self.more_path: list[str] = [str(self.folder / "earlier")]
        self.cwd = self.folder / "project"
        self.flags: tuple[str, ...] = ()

    # What a new process is

    def fresh(self) -> None:
        from motools.config import secrets
        from motools.contracts import files as by_path
        from motools.engine.code import files
        from motools.plugins import lookup

        os.chdir(self.cwd)
        inside = str(self.folder)
        for name, module in list(sys.modules.items()):
            if name not in self.modules and str(getattr(module, "__file__", None) or inside).startswith(inside):
                del sys.modules[name]
        sys.path[:] = [*self.more_path, *self.path]
        sys.warnoptions[:] = self.flags
        by_path._folders.clear()
        files._real_paths.clear()
        files.name_by_folders.cache_clear()
        lookup._added.clear()
        secrets._known.clear()
        secrets.remember({})
        importlib.invalidate_caches()

    def question(self) -> Any:
        from motools.cli.remembered import question_of

        self.fresh()
        return question_of(self.name, self.store, self.config, self.sets, (), {})

    def answer(self) -> Any:
        """Return what the manifest says, or None."""
        from motools.cli.remembered import remembered

        question = self.question()
        return remembered(question, user=self.user, jobs=None, inputs={}, listeners=())

    def usual(self, *, remember: bool) -> Any:
        """Return what the usual way says, or what it raised."""
        from motools.config import apply_overrides, load_yaml
        from motools.engine.api import run_workflow

        question = self.question() if remember else None
        if not remember:
            self.fresh()
        try:
            document = apply_overrides(load_yaml(self.config), self.sets, ())
            return run_workflow(
                self.name,
                config=document.value,
                config_document=document,
                user=self.user,
                store=self.store,
                raise_on_failure=False,
                manifest=question if question is not None else False,
            )
        except Exception as error:
            return error

    def baseline(self) -> None:
        """Leave a cached run with a manifest behind."""
        from motools.engine.manifest import keep

        reasons: list[str | None] = []
        write = keep.Watch.keep
        keep.Watch.keep = lambda watch, begun: reasons.append(write(watch, begun))  # type: ignore[assignment,return-value,func-returns-value]
        try:
            for pause in (0.025, 0.1, 0.5):  # what was changed just now, by whomever, is in doubt
                time.sleep(pause)
                state = self.usual(remember=True)
                assert not isinstance(state, Exception), repr(state)
                assert state.status == "completed", state.step_states
                if reasons[-1] is None:
                    break
        finally:
            keep.Watch.keep = write  # type: ignore[method-assign]
        assert reasons[-1] is None, f"no manifest was written: {reasons}"

    def seen(self, state: Any) -> Any:
        """Return all of a run that is to be equal, with its events."""
        if isinstance(state, Exception):
            return ("raised", type(state).__name__, str(state))
        from motools.store import Store

        with Store.open(self.store) as store:
            events = [(event.seq, event.type, event.body) for event in store.events.read(state.run_id)]
            row = store.runs.get(state.run_id)
            atoms = {}
            for name, atom_id in state.output_atoms.items():
                atom = store.atoms.get(atom_id)
                atoms[name] = (atom.value, atom.content, atom.user, dict(atom.made_from), atom.id)
                store.content.body(atom.content)
        steps = {name: (step.status, step.key, dict(step.output_atoms)) for name, step in state.step_states.items()}
        return (state.status, steps, atoms, dict(state.config), events, row.definition, row.status, row.user)


# -- what is changed


def edit(world: World, name: str, old: str, new: str) -> None:
    file = world.folder / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def write(world: World, name: str, text: str) -> None:
    file = world.folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def restored(world: World, name: str, text: str) -> None:
    """Write other bytes of the same length, and put the time back."""
    file = world.folder / name
    before = file.stat()
    assert len(text) == before.st_size
    with open(file, "r+") as stream:
        stream.write(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(world: World, name: str, text: str) -> None:
    """Put another file of the same name, size and time there."""
    file = world.folder / name
    before = file.stat()
    other = file.with_name("other.tmp")
    other.write_text(text)
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, file)


def touch(world: World, name: str) -> None:
    os.utime(world.folder / name)


def in_store(world: World, work: Callable[[Any], Any]) -> None:
    from motools.store import Store

    with Store.open(world.store) as store:
        work(store)


def objects(world: World) -> list[Path]:
    return sorted(path for path in (world.store / "objects").rglob("*") if path.is_file())


def alter_object(world: World) -> None:
    file = world.rng.choice(objects(world))
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(bytes(data))


def collect(world: World) -> None:
    """Archive all runs and collect everything."""
    from motools.store.gc import collect as run_gc

    def work(store: Any) -> None:
        for row in store.runs.list():
            if row.status == "completed":
                store.runs.archive(row.id, "me")
        run_gc(store, older_than=0, delete=True)

    in_store(world, work)


def drop_rows(world: World) -> None:
    in_store(world, lambda store: drop(store, "DELETE FROM computed WHERE n = (SELECT max(n) FROM computed)"))


def drop(store: Any, sql: str) -> None:
    with store.transaction():
        store.database.execute(sql)


def accept(world: World, *, then_revoke: bool = False) -> None:
    """Let the key that a change makes use the earlier result."""

    def work(store: Any) -> None:
        keys = [row[0] for row in store.database.query("SELECT key FROM computed ORDER BY n")]
        old, new = keys[0], "f" * 64
        if store.equivalences.get(new) is None:
            store.equivalences.accept(new, old, step="first", user="me", reason="test")
        if then_revoke:
            store.equivalences.revoke(new, user="me", reason="test")

    in_store(world, work)


def accepted_own(world: World) -> None:
    """Forget a result, and let its key use that of another that is the same."""

    def work(store: Any) -> None:
        key, *_ = store.database.one("SELECT key FROM computed WHERE activation LIKE 'third%'")
        if store.equivalences.get(key) is None:
            drop(
                store,
                f"INSERT INTO computed(key, component, parts, run, activation, outputs, seconds, at) SELECT '{'e' * 64}',"
                f" component, parts, run, activation, outputs, seconds, at FROM computed WHERE key = '{key}' LIMIT 1",
            )
            drop(store, f"DELETE FROM computed WHERE key = '{key}'")
            store.equivalences.accept(key, "e" * 64, step="third", user="me", reason="test")

    in_store(world, work)


def manifests(world: World) -> list[Path]:
    return sorted((world.store / "manifests").glob("*.json"))


def damage_manifest(world: World) -> None:
    for file in manifests(world):
        data = bytearray(file.read_bytes())
        at = world.rng.randrange(len(data))
        data[at] ^= 1 << world.rng.randrange(8)
        file.write_bytes(bytes(data))


def cut_manifest(world: World) -> None:
    for file in manifests(world):
        os.truncate(file, world.rng.randrange(file.stat().st_size))


def forge_manifest(world: World) -> None:
    """Write other keys, without the digest or for another question."""
    for file in manifests(world):
        head, _, body = file.read_bytes().partition(b"\n")
        try:
            data = json.loads(body)
        except ValueError:
            continue  # damaged for an earlier case
        data["keys"]["first"]["key"], data["keys"]["third"]["key"] = (
            data["keys"]["third"]["key"],
            data["keys"]["first"]["key"],
        )
        file.write_bytes(head + b"\n" + json.dumps(data).encode())


def rename_manifest(world: World) -> None:
    """Put the manifest of these words where that of others would be."""
    file = world.question().file
    data = file.read_bytes()
    world.sets = ("first.number=9",)
    other = world.question().file
    other.write_bytes(data)


def shadow(world: World, name: str) -> None:
    write(
        world,
        f"earlier/{name}.py",
        (world.folder / "project" / f"{name}.py").read_text() + "\nOFFSET = 77\nother = 1\n",
    )


Mutation = Callable[[World], Any]
MUTATIONS: dict[str, Mutation] = {
    "nothing": lambda w: None,
    "nothing, later": lambda w: time.sleep(0.03),
    "another user": lambda w: setattr(w, "user", "you"),
    "a file nobody reads": lambda w: write(w, "project/notes.txt", str(w.rng.random())),
    "a module nobody imports": lambda w: write(w, "project/unused.py", "x = 1\n"),
    "a folder nobody imports": lambda w: write(w, "project/results/out.txt", str(w.rng.random())),
    "a value in the settings": lambda w: edit(w, "project/config.yaml", "number: 5", "number: 6"),
    "a comment in the settings": lambda w: edit(w, "project/config.yaml", "first:", "# note\nfirst:"),
    "the order of the settings": lambda w: write(
        w, "project/config.yaml", "second:\n  factor: 2\nfirst:\n  text: abc\n  number: 5\n"
    ),
    "settings of the same size and time": lambda w: restored(
        w, "project/config.yaml", FILES["project/config.yaml"].replace("number: 5", "number: 8")
    ),
    "settings that are wrong": lambda w: edit(w, "project/config.yaml", "number: 5", "number: x"),
    "no settings": lambda w: (w.folder / "project/config.yaml").unlink(),
    "the same settings elsewhere": lambda w: (
        shutil.copy(w.folder / "project/config.yaml", w.folder / "project/other.yaml"),
        setattr(w, "config", Path("other.yaml")),
    ),
    "an override": lambda w: setattr(w, "sets", ("first.number=7",)),
    "an override that says the same": lambda w: setattr(w, "sets", ("first.number=5",)),
    "a declared variable": lambda w: os.environ.update(DECLARED="e"),
    "a declared variable gone": lambda w: os.environ.pop("DECLARED"),
    "an undeclared variable": lambda w: os.environ.update(UNDECLARED="v"),
    "a secret's value": lambda w: os.environ.update(LAB_TOKEN="fedcba9876543210"),
    "a secret gone": lambda w: os.environ.pop("LAB_TOKEN"),
    "a helper": lambda w: edit(w, "project/helpers.py", "x * 2", "x * 3"),
    "a helper, with size and time restored": lambda w: restored(
        w, "project/helpers.py", FILES["project/helpers.py"].replace("* 2", "* 4")
    ),
    "a helper replaced, with size and time": lambda w: replaced(
        w, "project/helpers.py", FILES["project/helpers.py"].replace("* 2", "* 5")
    ),
    "a constant": lambda w: edit(w, "project/helpers.py", "OFFSET = 10", "OFFSET = 11"),
    "a constant of the workflow's file": lambda w: edit(w, "project/flow.py", "LIMIT = 3", "LIMIT = 4"),
    "a comment in code": lambda w: edit(w, "project/helpers.py", "# helps", "# helps much"),
    "a closure": lambda w: edit(w, "project/flow.py", "made(3)", "made(4)"),
    "a default of the settings": lambda w: edit(w, "project/flow.py", "weight: float = 0.5", "weight: float = 0.25"),
    "a field of the settings": lambda w: edit(
        w, "project/flow.py", "    factor: int = 2", "    factor: int = 2\n    new: int = 1"
    ),
    "a step less": lambda w: edit(w, "project/flow.py", "[first, second, third]", "[first, second]"),
    "a leaf of a package": lambda w: edit(w, "project/deep/inner/leaf.py", "VALUE = 1", "VALUE = 2"),
    "a package that gets a file": lambda w: write(w, "project/deep/inner/__init__.py", ""),
    "a package that shadows a module": lambda w: write(
        w, "project/helpers/__init__.py", "OFFSET = 1\ndef scale(x): return x\n"
    ),
    "what is imported within a function": lambda w: edit(w, "project/late.py", "'late'", "'later'"),
    "a loader": lambda w: edit(w, "project/loader.py", "return 1", "return 2"),
    "a module earlier on the path": lambda w: shadow(w, "helpers"),
    "a late module earlier on the path": lambda w: shadow(w, "late"),
    "a package earlier on the path": lambda w: write(w, "earlier/deep/__init__.py", ""),
    "a namespace earlier on the path": lambda w: write(w, "earlier/deep/inner/other.py", ""),
    "a module that was not there": lambda w: write(w, "project/faster.py", "x = 1\n"),
    "a module that was not there, earlier": lambda w: write(w, "earlier/faster.py", "x = 1\n"),
    "a module that shadows the library's": lambda w: write(w, "project/statistics.py", "x = 1\n"),
    "a path put first": lambda w: w.more_path.insert(0, str(w.folder / "first")),
    "the path turned round": lambda w: w.more_path.reverse() or w.more_path.append(str(w.folder / "last")),
    "a file deleted": lambda w: (w.folder / "project/helpers.py").unlink(),
    "a late file deleted": lambda w: (w.folder / "project/late.py").unlink(),
    "a file touched": lambda w: touch(w, "project/helpers.py"),
    "the workflow's file touched": lambda w: touch(w, "project/flow.py"),
    "a file written with the same bytes": lambda w: write(w, "project/helpers.py", FILES["project/helpers.py"]),
    "what a module reads": lambda w: write(w, "project/table.json", '{"text": "xyz"}'),
    "what a module reads, time restored": lambda w: restored(w, "project/table.json", '{"text": "xyz"}'),
    "an input file": lambda w: write(w, "project/rows.jsonl", '{"a": 2}\n'),
    "an input file, time restored": lambda w: restored(w, "project/rows.jsonl", '{"a": 3}\n'),
    "an input file touched": lambda w: touch(w, "project/rows.jsonl"),
    "an input file longer": lambda w: write(w, "project/rows.jsonl", '{"a": 1}\n{"a": 2}\n'),
    "an input file gone": lambda w: (w.folder / "project/rows.jsonl").unlink(),
    "an input folder's file": lambda w: write(w, "project/folder/one.txt", "eno"),
    "an input folder's inner file": lambda w: restored(w, "project/folder/more/two.txt", "owt"),
    "a file more in an input folder": lambda w: write(w, "project/folder/more/three.txt", "three"),
    "a file less in an input folder": lambda w: (w.folder / "project/folder/more/two.txt").unlink(),
    "an input folder's file renamed": lambda w: os.rename(
        w.folder / "project/folder/one.txt", w.folder / "project/folder/uno.txt"
    ),
    "an input by a link": lambda w: (
        write(w, "project/elsewhere.jsonl", '{"a": 9}\n'),
        (w.folder / "project/rows.jsonl").unlink(),
        (w.folder / "project/rows.jsonl").symlink_to("elsewhere.jsonl"),
    ),
    "all results collected": collect,
    "a result forgotten": drop_rows,
    "an object gone": lambda w: w.rng.choice(objects(w)).unlink(),
    "an object altered": alter_object,
    "an object's time": lambda w: os.utime(w.rng.choice(objects(w))),
    "something accepted": accept,
    "something accepted and revoked": lambda w: accept(w, then_revoke=True),
    "a result that was accepted": accepted_own,
    "another store": lambda w: setattr(w, "store", w.folder / "store2"),
    "a copied store": lambda w: (
        shutil.copytree(w.store, w.folder / "store3"),
        setattr(w, "store", w.folder / "store3"),
    ),
    "another folder": lambda w: (
        shutil.copytree(w.folder / "project", w.folder / "moved"),
        setattr(w, "cwd", w.folder / "moved"),
    ),
    "the project moved": lambda w: (
        os.rename(w.folder / "project", w.folder / "away"),
        shutil.copytree(w.folder / "away", w.folder / "project"),
        edit(w, "project/helpers.py", "x * 2", "x * 6"),
    ),
    "other flags": lambda w: setattr(w, "flags", ("ignore",)),
    "a damaged manifest": damage_manifest,
    "a cut manifest": cut_manifest,
    "a forged manifest": forge_manifest,
    "a manifest of other words": rename_manifest,
    "an empty manifest": lambda w: [file.write_bytes(b"") for file in manifests(w)],
    "no manifest": lambda w: [file.unlink() for file in manifests(w)],
    "a time to come": lambda w: os.utime(w.folder / "project/helpers.py", (time.time() + 1e6, time.time() + 1e6)),
    "no right to read": lambda w: (w.folder / "project/rows.jsonl").chmod(0),
}

SURE = {"nothing", "nothing, later", "another user", "a file nobody reads"}
"""What a manifest must answer: one that never does would agree too."""


STORED = {
    "all results collected",
    "a result forgotten",
    "an object gone",
    "an object altered",
    "an object's time",
    "something accepted",
    "something accepted and revoked",
    "a result that was accepted",
    "no right to read",
    "the project moved",
}
"""After these another store is made for the next case."""


def cases(folder: Path, count: int, first: int, mutations: Mapping[str, Mutation] = MUTATIONS) -> Counter[str]:
    """Run so many cases; return how often each kind of change was answered and how often it was in doubt."""
    from motools.store import Store  # noqa: F401  (imported before modules are noted)

    told: Counter[str] = Counter()
    world = World(folder, random.Random(first))
    spoilt = False
    here = os.getcwd()
    kept = list(sys.path), list(sys.warnoptions), sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # compiled code is known by seconds and size, and here much happens in a second
    try:
        for seed in range(first, first + count):
            world.rng = random.Random(seed)
            if seed % 20 == 0:
                gc.collect()
            world.reset(store=spoilt or seed % 20 == 0)
            world.baseline()
            names = world.rng.sample(sorted(mutations), min(len(mutations), world.rng.choice((1, 1, 1, 2))))
            for name in names:
                try:
                    mutations[name](world)
                except Exception:
                    if name == names[0]:
                        raise  # else the first change took away what the second needs
            answered = world.answer()
            if answered is not None:
                from_manifest = world.seen(answered)
                assert from_manifest == world.seen(world.usual(remember=False)), f"seed {seed}: {names}"
                assert all(step[0] == "cached" for step in from_manifest[1].values()), f"seed {seed}: {names}"
            elif SURE.issuperset(names):
                raise AssertionError(f"seed {seed}: {names} was not answered")
            spoilt = not STORED.isdisjoint(names)
            told[f"{'answered' if answered is not None else 'in doubt'}: {' + '.join(sorted(names))}"] += 1
    finally:
        world.let_go()
        os.chdir(here)
        os.environ.clear()
        os.environ.update(world.environment)
        world.more_path, world.flags, world.cwd = [], (), Path(here)
        world.fresh()
        sys.path[:], sys.warnoptions[:], sys.dont_write_bytecode = kept
    return told


@pytest.fixture(autouse=True)
def no_other_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOTOOLS_MANIFEST", raising=False)


def check(told: Counter[str], count: int) -> None:
    assert told.total() == count
    answered = sum(times for what, times in told.items() if what.startswith("answered"))
    assert answered > count / 30, told


def test_what_a_manifest_answers_is_what_the_usual_way_says(tmp_path: Path) -> None:
    check(cases(tmp_path / "world", 120, 1_000_000), 120)


@pytest.fixture(autouse=True)
def no_modules_of_other_tests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide what other tests imported from files that they changed or removed since: it is in doubt, and rightly."""
    apart = str(tmp_path_factory.getbasetemp())
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(apart):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_one_change(tmp_path: Path, name: str) -> None:
    assert cases(tmp_path / "world", 1, 5, {name: MUTATIONS[name]}).total() == 1


@pytest.mark.long
@pytest.mark.timeout(0)
def test_many_cases(tmp_path: Path) -> None:
    told = cases(tmp_path / "world", CASES, FIRST)
    for what, times in sorted(told.items()):
        print(f"{times:6} {what}")
    check(told, CASES)

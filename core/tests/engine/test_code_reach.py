"""What of a project's code is part of a key: change exactly one thing and see which definition changed, or that none did."""

from __future__ import annotations

import importlib
import itertools
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from motools.engine.code import Code, CodeBook, sources

Project = dict[str, str]
Read = Callable[..., Code]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Read]:
    """Write a project into a folder of its own, import it, and return what a function of it is known by."""
    folders = (tmp_path / f"place {number}" for number in itertools.count())
    path, modules = list(sys.path), set(sys.modules)

    def forget() -> None:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if str(tmp_path) in str(getattr(sys.modules[name], "__file__", None) or tmp_path):
                del sys.modules[name]

    def code(project: Project, target: str = "steps:work", **more: Any) -> Code:
        forget()
        folder = next(folders)
        for name, text in project.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text), encoding="utf-8")
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        module, _, attribute = target.partition(":")
        value: Any = importlib.import_module(module)
        for part in attribute.split("."):
            value = getattr(value, part)
        return CodeBook().code(value, **more)

    yield code
    forget()


def edited(project: Project, file: str, old: str, new: str) -> Project:
    text = textwrap.dedent(project[file])
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    return {**project, file: text.replace(old, new)}


def changes(before: Code, after: Code) -> set[str]:
    names = {*before.parts, *after.parts}
    return {name for name in names if before.parts.get(name) != after.parts.get(name)}


PROJECT: Project = {
    "steps.py": '''
        """The steps."""
        import functools
        from dataclasses import dataclass

        import deco
        import helpers as h
        from helpers import LIMIT, Cleaner, clean
        from pkg import sub
        from pkg.inner import deep
        from star import *
        from star import other as renamed

        TABLE = {"a": 1}
        TABLE["b"] = 2
        PATTERN = h.compile_pattern("x+")
        UNUSED = 5

        def unused(x):
            """Says what it does."""
            return x

        @deco.timed
        def local(x, factor=2):
            """Says what it does; the decorator may read it."""
            # a comment
            total = x * factor
            return total

        class Config:
            size: int = 3

            def scaled(self):
                return self.size * LIMIT

        def work(config, input_atoms, workspace):
            from late import only_here

            cleaner = Cleaner()
            rows = [clean(row) for row in TABLE]
            rows = [cleaner.run(row) for row in rows if row not in PATTERN]
            return {"n": local(len(rows)) + h.tools.count(rows) + sub.value() + deep() + starred() + only_here() + renamed()}
        ''',
    "helpers.py": """
        import tools
        LIMIT: int = 10
        SUFFIX = "!"
        OTHER = "not used"

        def clean(text: str) -> str:
            return strip(text) + SUFFIX

        def strip(text):
            return text.strip(CHARS)

        CHARS = "".join(["a", "b"])

        def compile_pattern(text):
            return text * 2

        class Base:
            def run(self, row):
                return row + self.mark

            mark = "-"

        class Cleaner(Base):
            pass
        """,
    "tools.py": "def count(rows):\n    return len(rows)\ndef not_used():\n    return 0\n",
    "deco.py": """
        import functools
        UNITS = 1000

        def timed(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs) * scale()
            return wrapper

        def scale():
            return UNITS
        """,
    "star.py": "from star2 import *\ndef starred():\n    return 1\ndef other():\n    return 5\n",
    "star2.py": "def unneeded():\n    return 1\n",
    "late.py": "def only_here():\n    return 3\n",
    "pkg/__init__.py": "FLAG = True\n",
    "pkg/sub.py": "from . import inner\ndef value():\n    return inner.VALUE\n",
    "pkg/inner.py": "from .sub2 import two\nVALUE = 4\ndef deep():\n    return two()\n",
    "pkg/sub2.py": "def two():\n    return 2\n",
}


def test_the_definitions_a_function_reaches_are_named(read: Read) -> None:
    assert read(PROJECT).name == "steps:work"
    assert sorted(read(PROJECT).parts) == [
        "deco:UNITS",
        "deco:scale",
        "deco:timed",
        "helpers:Base",
        "helpers:CHARS",
        "helpers:Cleaner",
        "helpers:SUFFIX",
        "helpers:clean",
        "helpers:compile_pattern",
        "helpers:strip",
        "late:only_here",
        "pkg.inner:VALUE",
        "pkg.inner:deep",
        "pkg.sub2:two",
        "pkg.sub:value",
        "star:other",
        "star:starred",
        "steps:PATTERN",
        "steps:TABLE",
        "steps:TABLE filled",
        "steps:local",
        "steps:work",
        "tools:count",
    ]


@pytest.mark.parametrize(
    ("file", "old", "new", "changed"),
    [
        ("steps.py", "len(rows)) +", "len(rows)) -", "steps:work"),
        ("steps.py", "x * factor", "x + factor", "steps:local"),
        ("steps.py", "factor=2", "factor=3", "steps:local"),
        ("steps.py", '{"a": 1}', '{"a": 2}', "steps:TABLE"),
        ("steps.py", 'TABLE["b"] = 2', 'TABLE["b"] = 3', "steps:TABLE filled"),
        ("steps.py", 'h.compile_pattern("x+")', 'h.compile_pattern("y+")', "steps:PATTERN"),
        ("steps.py", "the decorator may read it", "the decorator does", "steps:local"),
        ("steps.py", "@deco.timed", "@deco.timed  # twice\n@deco.timed", "steps:local"),
        ("helpers.py", "text * 2", "text * 3", "helpers:compile_pattern"),
        ("helpers.py", "strip(text) + SUFFIX", "strip(text)", "helpers:clean, helpers:SUFFIX"),
        ("helpers.py", "text.strip(CHARS)", "text.lstrip(CHARS)", "helpers:strip"),
        ("helpers.py", '"a", "b"', '"a", "c"', "helpers:CHARS"),
        ("helpers.py", 'SUFFIX = "!"', 'SUFFIX = "?"', "helpers:SUFFIX"),
        ("helpers.py", "row + self.mark", "self.mark + row", "helpers:Base"),
        ("helpers.py", 'mark = "-"', 'mark = "+"', "helpers:Base"),
        ("helpers.py", "class Cleaner(Base)", "class Cleaner(Base, object)", "helpers:Cleaner"),
        ("tools.py", "len(rows)", "len(rows) + 1", "tools:count"),
        ("deco.py", "1000", "1001", "deco:UNITS"),
        ("deco.py", "return UNITS", "return UNITS * 2", "deco:scale"),
        ("deco.py", "* scale()", "+ scale()", "deco:timed"),
        ("star.py", "return 1", "return 2", "star:starred"),
        ("star.py", "return 5", "return 6", "star:other"),
        ("star2.py", "def unneeded", "import random\nrandom.seed(3)\ndef unneeded", "star2:<top>"),
        ("late.py", "return 3", "return 4", "late:only_here"),
        ("pkg/sub.py", "return inner.VALUE", "return -inner.VALUE", "pkg.sub:value"),
        ("pkg/inner.py", "VALUE = 4", "VALUE = 5", "pkg.inner:VALUE"),
        ("pkg/sub2.py", "return 2", "return 22", "pkg.sub2:two"),
        ("pkg/__init__.py", "FLAG = True", "import os\nos.environ['PKG'] = '1'", "pkg:<top>"),
    ],
)
def test_a_change_of_what_is_reached_changes_that_definition(
    read: Read, file: str, old: str, new: str, changed: str
) -> None:
    assert changes(read(PROJECT), read(edited(PROJECT, file, old, new))) == set(changed.split(", "))


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("steps.py", '"""The steps."""', '"""Other words."""'),
        (
            "steps.py",
            "def work(config, input_atoms, workspace):",
            'def work(config, input_atoms, workspace):\n    """Works."""',
        ),
        ("steps.py", "# a comment", "# another\n    # and one more"),
        ("steps.py", "total = x * factor", "total = (\n        x\n        * factor\n    )"),
        ("steps.py", "total = x * factor", "total: int = x * factor"),
        ("steps.py", "UNUSED = 5", "UNUSED = 6"),
        ("steps.py", "    return x\n\n@deco", "    return x + 1\n\n@deco"),
        ("steps.py", "def unused(x):", "def new():\n    pass\n\ndef unused(x):"),
        ("steps.py", "def unused(x):", "print('hello')\n\ndef unused(x):"),
        ("helpers.py", "LIMIT: int = 10", "LIMIT: int = 11"),
        ("helpers.py", "LIMIT: int", "LIMIT: float"),
        ("helpers.py", '"not used"', '"still not used"'),
        ("helpers.py", "def clean(text: str) -> str:", "def clean(text: object) -> object:"),
        ("helpers.py", 'SUFFIX = "!"', "SUFFIX = u'!'"),
        ("helpers.py", "def strip(text):", "\n\n\ndef strip(text,):"),
        ("tools.py", "return 0", "return 9"),
        ("star2.py", "return 1", "return 2"),
        ("deco.py", "UNITS = 1000", "UNITS = 1_000"),
        ("pkg/__init__.py", "FLAG = True", "FLAG = False"),
        ("steps.py", "def unused(x):", 'if __name__ == "__main__":\n    unused(1)\n\ndef unused(x):'),
    ],
)
def test_a_change_of_nothing_that_matters_changes_nothing(read: Read, file: str, old: str, new: str) -> None:
    assert changes(read(PROJECT), read(edited(PROJECT, file, old, new))) == set()


def test_reading_the_same_twice_from_two_folders_gives_the_same(read: Read) -> None:
    assert read(PROJECT).parts == read(PROJECT).parts


def one(before: str, after: str, read: Read, target: str = "steps:work", **files: str) -> set[str]:
    others = {f"{name}.py": text for name, text in files.items()}
    return changes(read({"steps.py": before, **others}, target), read({"steps.py": after, **others}, target))


@pytest.mark.parametrize(
    ("source", "old", "new", "changed"),
    [
        # a partial of a helper, at the level of the module
        ("from functools import partial\ndef scale(x, by): return x * by\ntwice = partial(scale, by=2)\n"
         "def work(c, i, w): return twice(3)", "by=2", "by=3", "steps:twice"),
        ("from functools import partial\ndef scale(x, by): return x * by\ntwice = partial(scale, by=2)\n"
         "def work(c, i, w): return twice(3)", "x * by", "x + by", "steps:scale"),
        # the step itself is a partial
        ("from functools import partial\ndef base(n, c, i, w): return n\nwork = partial(base, 1)", "(base, 1)", "(base, 2)",
         "steps:base argument 1 of partial"),
        ("from functools import partial\ndef base(c, i, w, n=0): return n\nwork = partial(base, n={'a': [1]})", "[1]", "[2]",
         "steps:base argument 'n' of partial"),
        # closures
        ("def make(n):\n    def inner(c, i, w):\n        return n\n    return inner\nwork = make(1)", "make(1)", "make(2)",
         "steps:make.<locals>.inner closure 'n'"),
        ("def make(n):\n    def inner(c, i, w):\n        return n\n    return inner\nwork = make(1)", "return n", "return -n",
         "steps:make.<locals>.inner"),
        ("def help(x): return x\ndef make(f):\n    return lambda c, i, w: f(1)\nwork = make(help)", "return x", "return x + 1",
         "steps:help"),
        ("def make(n):\n    def inner(c, i, w, *, k=n):\n        return k\n    return inner\nwork = make(1)",
         "make(1)", "make(2)", "steps:make.<locals>.inner default 'k'"),
        # a registry filled by a decorator
        ("REGISTRY = {}\ndef register(f):\n    REGISTRY[f.__name__] = f\n    return f\n@register\ndef a(): return 1\n"
         "def work(c, i, w): return REGISTRY['a']()", "return 1", "return 2", "steps:a"),
        ("import functools\n@functools.singledispatch\ndef h(x): return 0\n@h.register\ndef _(x: int): return 1\n"
         "def work(c, i, w): return h(3)", "return 1", "return 2", "steps:_"),
        ("class App:\n    def add(self, f): return f\napp = App()\n@app.add\ndef a(): return 1\n"
         "def work(c, i, w): return app", "return 1", "return 2", "steps:a"),
        # what a class is made of
        ("def helper(self): return 1\nclass A:\n    run = helper\ndef work(c, i, w): return A().run()", "return 1", "return 2",
         "steps:helper"),
        ("from dataclasses import dataclass, field\ndef rows(): return [1]\n@dataclass\nclass A:\n"
         "    x: list = field(default_factory=rows)\ndef work(c, i, w): return A().x", "[1]", "[2]", "steps:rows"),
        # a name rebound by a function
        ("LEVEL = 1\ndef raise_it():\n    global LEVEL\n    LEVEL = 7\ndef work(c, i, w): return LEVEL", "LEVEL = 7", "LEVEL = 8",
         "steps:raise_it"),
        # a method through its class
        ("class Tool:\n    @staticmethod\n    def run(): return 1\n    @property\n    def p(self): return 1\n"
         "def work(c, i, w): return Tool.run()", "def run(): return 1", "def run(): return 2", "steps:Tool"),
        ("class Tool:\n    def run(self, c, i, w): return self.n\n    def __init__(self, n): self.n = n\nwork = Tool(1).run",
         "Tool(1)", "Tool(2)", "steps:Tool.run self"),
        ("class Tool:\n    def __call__(self, c, i, w): return self.n\n    def __init__(self, n): self.n = n\nwork = Tool(1)",
         "Tool(1)", "Tool(2)", "steps:Tool object"),
        # metaclasses, class decorators, nested classes
        ("class Meta(type):\n    x = 1\nclass Tool(metaclass=Meta): pass\ndef work(c, i, w): return Tool.x",
         "x = 1", "x = 2", "steps:Meta"),
        ("def mark(cls):\n    cls.x = 1\n    return cls\n@mark\nclass Tool: pass\ndef work(c, i, w): return Tool.x",
         "x = 1", "x = 2", "steps:mark"),
        # defined in one way or another
        ("import sys\nif sys.version_info > (3,):\n    def h(): return 1\nelse:\n    def h(): return 2\n"
         "def work(c, i, w): return h()", "return 2", "return 3", "steps:h"),
        ("try:\n    import not_there as m\nexcept ImportError:\n    m = None\nFALLBACK = 1\n"
         "def work(c, i, w): return m or FALLBACK", "m = None", "m = 0", "steps:m"),
        ("X = 1\nX = X + 1\ndef work(c, i, w): return X", "X + 1", "X + 2", "steps:X (2)"),
        ("a, (b, *rest) = 1, (2, 3, 4)\ndef work(c, i, w): return rest", "4", "5", "steps:a+b+rest"),
        ("def work(c, i, w):\n    return [n for n in (lambda: CONST)()]\nCONST = [1]", "[1]", "[2]", "steps:CONST"),
        ("n = 5\ndef work(c, i, w):\n    x = [n for n in [1]]\n    return n", "n = 5", "n = 6", "steps:n"),
        ("def work(c, i, w):\n    if (m := 3) and K: return m\nK = 1", "K = 1", "K = 2", "steps:K"),
        ("def work(c, i, w):\n    match c:\n        case {'a': x}: return x + K\nK = 1", "K = 1", "K = 2", "steps:K"),
        # a lambda among others in one line
        ("work, other = (lambda c, i, w: 1), (lambda c, i, w: 2)", "w: 1", "w: 3", "steps:<lambda>"),
        # docstrings and annotations that somebody reads
        ("def h():\n    'Doc.'\ndef work(c, i, w): return h.__doc__", "Doc.", "Other.", "steps:h"),
        ("import inspect\ndef h(x: int): pass\ndef work(c, i, w): return inspect.signature(h)", "x: int", "x: str", "steps:h"),
        ("def tool(f): return f.__doc__\n@tool\ndef h():\n    'Doc.'\ndef work(c, i, w): return h", "Doc.", "Other.", "steps:h"),
        # what annotations name
        ("class Row:\n    def size(self): return 1\ndef work(c: 'list[Row]', i, w): return c[0].size()", "return 1", "return 2",
         "steps:Row"),
        # what happens when the module is imported
        ("import random\nrandom.seed(1)\ndef work(c, i, w): return random.random()", "seed(1)", "seed(2)", "steps:<top>"),
        ("import random\nSEED = 1\nrandom.seed(SEED)\ndef work(c, i, w): return random.random()", "SEED = 1", "SEED = 2",
         "steps:SEED"),
        ("T = []\nfor n in range(3):\n    T.append(n)\ndef work(c, i, w): return T", "range(3)", "range(4)", "steps:T filled"),
        ("T = []\nT += [1]\ndef work(c, i, w): return T", "[1]", "[2]", "steps:T filled"),
        ("T = []\nT.append(1)\nT.append(2)\ndef work(c, i, w): return T", "append(2)", "append(3)", "steps:T filled (2)"),
        ("import json as helpers\nhelpers.x = 1\ndef work(c, i, w): return 1", "x = 1", "x = 2", "steps:<top>"),
        # functools' own wrappers
        ("import functools\n@functools.lru_cache(maxsize=None)\ndef h(): return 1\ndef work(c, i, w): return h()", "return 1",
         "return 2", "steps:h"),
        ("import functools\n@functools.cache\ndef work(c, i, w): return 1", "return 1", "return 2", "steps:work"),
        ("import contextlib\n@contextlib.contextmanager\ndef h():\n    yield 1\ndef work(c, i, w):\n    with h() as x: return x",
         "yield 1", "yield 2", "steps:h"),
    ],
)  # fmt: skip
def test_every_way_to_reach_code(read: Read, source: str, old: str, new: str, changed: str) -> None:
    assert source.count(old) == 1
    assert one(source, source.replace(old, new), read) == {changed}


@pytest.mark.parametrize(
    "use",
    [
        "getattr(helpers, c)()",
        "getattr(helpers, 'aa' + 'b')()",
        "helpers.__dict__[c]()",
        "vars(helpers)[c]()",
        "importlib.import_module('helpers').a()",
        "__import__('helpers').a()",
        "eval('helpers.a()')",
        "exec('helpers.a()')",
        "globals()['helpers'].a()",
        "[m.a for m in [helpers]]",
        "helpers.not_there()",
    ],
)
def test_what_cannot_be_resolved_pulls_in_the_module_and_what_it_imports(read: Read, use: str) -> None:
    steps = f"import importlib\nimport helpers\ndef work(c, i, w): return {use}"
    before = {"steps.py": steps, "helpers.py": "import more\ndef a(): return 1", "more.py": "def b(): return 1"}
    for file in ("helpers.py", "more.py"):
        assert changes(read(before), read(edited(before, file, "return 1", "return 2"))) == {f"{file[:-3]}:*"}


@pytest.mark.parametrize(
    ("steps", "file", "changed"),
    [
        ("import pkg.sub\ndef work(c, i, w): return pkg.sub.f()", "pkg/sub.py", "pkg.sub:f"),
        ("import pkg.sub as s\ndef work(c, i, w): return s.f()", "pkg/sub.py", "pkg.sub:f"),
        ("from pkg import sub as s\ndef work(c, i, w): return s.f()", "pkg/sub.py", "pkg.sub:f"),
        ("from pkg import again\ndef work(c, i, w): return again()", "pkg/sub.py", "pkg.sub:f"),
        ("import pkg\ndef work(c, i, w): return pkg.again()", "pkg/sub.py", "pkg.sub:f"),
        ("import space.mod\ndef work(c, i, w): return space.mod.f()", "space/mod.py", "space.mod:f"),
        ("from space import mod\ndef work(c, i, w): return mod.f()", "space/mod.py", "space.mod:f"),
        ("from space.mod import f\ndef work(c, i, w): return f()", "space/mod.py", "space.mod:f"),
        ("def work(c, i, w):\n    import space.mod as m\n    def inner(): return m.f()\n    return inner()", "space/mod.py",
         "space.mod:f"),
        ("try:\n    from pkg.sub import f\nexcept ImportError:\n    f = None\ndef work(c, i, w): return f()", "pkg/sub.py",
         "pkg.sub:f"),
    ],
)  # fmt: skip
def test_every_way_to_import(read: Read, steps: str, file: str, changed: str) -> None:
    project = {
        "steps.py": steps,
        "pkg/__init__.py": "from .sub import f as again\n",
        "pkg/sub.py": "def f(): return 1\ndef g(): return 3\n",
        "space/mod.py": "def f(): return 1\ndef g(): return 3\n",
    }
    before = read(project)
    assert changes(before, read(edited(project, file, "return 1", "return 2"))) == {changed}
    assert changes(before, read(edited(project, file, "return 3", "return 4"))) == set()


def test_a_module_that_the_project_compiled_counts_by_its_bytes(read: Read, tmp_path: Path) -> None:
    import py_compile

    def compiled(value: int) -> Code:
        read({"steps.py": "def work(c, i, w): pass", "fast.py": f"def f(): return {value}"})
        folder = Path(str(sys.modules["steps"].__file__)).parent
        py_compile.compile(str(folder / "fast.py"), cfile=str(folder / "fast.pyc"), doraise=True)
        (folder / "fast.py").unlink()
        (folder / "steps2.py").write_text("import fast\ndef work(c, i, w): return fast.f()")
        importlib.invalidate_caches()
        return CodeBook().code(importlib.import_module("steps2").work)

    before = compiled(1)
    assert "fast:*" in before.parts
    assert changes(before, compiled(2)) == {"fast:*"}


def test_of_two_modules_of_one_name_the_one_that_was_imported_counts(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    (first / "same.py").write_text("VALUE = 1\n")
    read({"same.py": "VALUE = 2\n", "steps.py": "def work(c, i, w): pass"})
    folder = Path(str(sys.modules["steps"].__file__)).parent
    (folder / "user.py").write_text("from same import VALUE\ndef work(c, i, w): return VALUE\n")
    monkeypatch.syspath_prepend(first)
    function = importlib.import_module("user").work
    assert function(None, {}, None) == 1
    assert sources(function)["same:VALUE"] == "VALUE = 1"


def test_getattr_with_a_name_written_out_is_an_attribute(read: Read) -> None:
    steps = "import helpers\ndef work(c, i, w): return getattr(helpers, 'a')()"
    parts = read({"steps.py": steps, "helpers.py": "def a(): return 1\ndef b(): return 1"}).parts
    assert sorted(parts) == ["helpers:a", "steps:work"]


def test_a_value_that_is_changed_in_memory_counts(read: Read) -> None:
    """PARAMS["lr"] = 2 between two runs of one process is another computation, though the file is the same."""
    read({"steps.py": "PARAMS = {'lr': 1}\nDEPTH = 3\ndef work(c, i, w): return PARAMS['lr'] * DEPTH"})
    steps = sys.modules["steps"]
    before = CodeBook().code(steps.work)
    steps.PARAMS["lr"] = 2
    changed = CodeBook().code(steps.work)
    assert changes(before, changed) == {"steps:PARAMS now"}
    steps.PARAMS["lr"] = 1
    steps.DEPTH = 4
    assert changes(before, CodeBook().code(steps.work)) == {"steps:DEPTH now"}
    steps.DEPTH = 3
    assert changes(before, CodeBook().code(steps.work)) == set()


def test_a_function_put_in_place_of_another_counts(read: Read) -> None:
    source = "def a(): return 1\nfast = None\ndef work(c, i, w): return fast()"
    plain = read({"steps.py": source})
    sys.modules["steps"].fast = sys.modules["steps"].a
    assert changes(plain, CodeBook().code(sys.modules["steps"].work)) == {"steps:a", "steps:fast now"}


def test_a_registry_filled_by_other_modules_is_followed(read: Read) -> None:
    project = {
        "registry.py": "TOOLS = {}\ndef tool(f):\n    TOOLS[f.__name__] = f\n    return f\n",
        "plugin.py": "from registry import tool\n@tool\ndef a(): return 1\n",
        "steps.py": "import plugin\nfrom registry import TOOLS\ndef work(c, i, w): return TOOLS['a']()\n",
    }
    assert changes(read(project), read(edited(project, "plugin.py", "return 1", "return 2"))) == {"plugin:a"}


def test_running_a_workflow_in_the_same_file_is_no_part_of_its_steps(read: Read) -> None:
    """A script's last lines, where people change settings between two runs, are the programme and not the steps."""
    script = """
        from motools.workflow import Workflow, step
        def run_workflow(*a, **k): return {}
        TABLE = {"a": 1}
        @step(outputs={"a": "value"})
        def first(config: dict, input_atoms, workspace): return {"a": TABLE["a"]}
        @step(inputs={"a": "value"}, outputs={"b": "value"})
        def second(config: dict, input_atoms, workspace): return {"b": TABLE["a"]}
        workflow = Workflow("w", [first, second])
        def main(lr):
            return run_workflow(workflow, {}, {"first": {"lr": lr}})
        state = main(0.1)
        for name in state:
            print(name)
        """
    project = {"steps.py": script}
    first = read(project, "steps:first.fn")
    assert sorted(first.parts) == ["steps:TABLE", "steps:first"]
    for old, new in [("main(0.1)", "main(0.2)"), ("print(name)", "print(name, 1)"), ('{"b": TABLE', '{"b": 1 + TABLE')]:
        assert changes(first, read(edited(project, "steps.py", old, new), "steps:first.fn")) == set()
    assert changes(first, read(edited(project, "steps.py", '{"a": TABLE', '{"a": 1 + TABLE'), "steps:first.fn")) == {
        "steps:first"
    }


def test_a_list_of_steps_that_is_filled_does_not_make_them_depend_on_each_other(read: Read) -> None:
    script = """
        from motools.workflow import Step, Workflow
        def make(n):
            return lambda config, i, w: {f"n{n}": n}
        def other(config, i, w): return {"n": 1}
        steps = []
        for n in range(3):
            steps.append(Step(f"s{n}", {}, {f"n{n}": "value"}, None, make(n)))
        steps += [Step("other", {}, {"n": "value"}, None, other)]
        """
    project = {"script.py": script}
    assert sorted(read(project, "script:other").parts) == ["script:other"]
    made = [CodeBook().code(each.fn) for each in sys.modules["script"].steps]
    assert len({str(code.parts) for code in made}) == 4
    assert changes(made[0], made[1]) == {"script:make.<locals>.<lambda> closure 'n'"}


def test_a_script_that_changes_a_filled_table_between_two_runs(read: Read) -> None:
    """One table, filled, then changed by the programme: each run has its own value."""
    script = """
        from motools.workflow import step
        def run_workflow(seen): seen.append(CodeBook().code(work.fn).parts)
        from motools.engine.code import CodeBook
        PARAMS = {}
        PARAMS["lr"] = 1
        @step
        def work(config: dict, i, w): return PARAMS
        seen = []
        for lr in (1, 2, 1):
            PARAMS["lr"] = lr
            run_workflow(seen)
        """
    read({"script.py": script}, "script:work.fn")
    one_, two, three = sys.modules["script"].seen
    assert one_ == three
    assert one_ != two


def test_two_files_of_one_name_are_told_apart_by_content(read: Read, tmp_path: Path) -> None:
    from motools.contracts.files import load_from_file

    def loaded(folder: str, value: int) -> Code:
        place = tmp_path / folder
        place.mkdir()
        (place / "utils.py").write_text(f"def value(): return {value}\n")
        (place / "steps.py").write_text("from utils import value\ndef work(c, i, w): return value()\n")
        function = load_from_file(f"{place / 'steps.py'}:work")
        assert function(None, {}, None) == value
        return CodeBook().code(function)

    one_, other, same = loaded("a", 1), loaded("b", 2), loaded("c", 1)
    assert one_.name == other.name == "steps:work"
    assert changes(one_, other) == {"utils:value"}
    assert changes(one_, same) == set()


def test_what_is_imported_by_path_or_by_name_is_one(read: Read) -> None:
    from motools.contracts.files import load_from_file

    named = read(PROJECT)
    path = sys.modules["steps"].__file__
    for name in list(sys.modules):
        if name in ("steps", "helpers", "tools", "deco", "star", "star2", "late") or name.startswith("pkg"):
            del sys.modules[name]
    by_path = CodeBook().code(load_from_file(f"{path}:work"))
    assert (by_path.name, by_path.parts) == (named.name, named.parts)


def test_installed_packages_that_are_used_count_with_their_version(read: Read) -> None:
    steps = "import yaml\nimport click\nimport json\ndef work(c, i, w): return yaml.safe_load(json.dumps(c))"
    code = read({"steps.py": steps})
    assert sorted(code.packages) == ["yaml"]
    assert str(code.packages["yaml"]).startswith("pyyaml 6")


def test_motools_is_known_by_its_version_and_declaring_a_step_does_not_count(read: Read) -> None:
    steps = "from motools.workflow import step, AtomConstructor as A\n@step\ndef work(config, i, w): return A('a', 'b', 'c')"
    assert read({"steps.py": steps}, "steps:work.fn").packages == {}
    steps = "from motools.contracts import check_rows\ndef work(config, i, w): return check_rows([], source='x')"
    assert read({"steps.py": steps}).packages == {"motools": "motools 0.1.0"}


def test_the_class_of_the_settings_belongs_to_the_code(read: Read) -> None:
    before = read(PROJECT, with_=())
    config = sys.modules["steps"].Config
    more = CodeBook().code(sys.modules["steps"].work, with_=(config,))
    assert changes(before, more) == {"steps:Config", "helpers:LIMIT"}


def test_sources_are_shown_normalised(read: Read) -> None:
    read(PROJECT)
    shown = sources(sys.modules["steps"].work)
    assert shown["steps:TABLE"] == "TABLE = {'a': 1}"
    assert shown["helpers:clean"] == "def clean(text):\n    return strip(text) + SUFFIX"
    assert "comment" not in shown["steps:local"]
    for text in shown.values():
        compile(text, "shown", "exec")


def test_what_a_module_fills_in_while_it_is_imported_is_known_by_its_code(read: Read) -> None:
    """The values may say where the project lies."""
    project = {
        "steps.py": "import os\nPLACES = {}\nPLACES['here'] = os.path.dirname(__file__)\ndef work(c, i, w): return PLACES"
    }
    assert changes(read(project), read(project)) == set()


ELSEWHERE = """
import hashlib, json, sys
from motools.canonical import canonical_json
from motools.engine.code import definition
definition.syntax_digest = lambda value: hashlib.sha256(canonical_json(value)).hexdigest()  # blake3 may not be here
from motools.engine.code import CodeBook
sys.path.insert(0, sys.argv[1])
import steps
print(json.dumps([[code.name, code.parts, code.reason] for code in (CodeBook().code(f) for f in [steps.work, *steps.made])]))
"""


def test_every_python_here_reaches_the_same(tmp_path: Path) -> None:
    """Functions in comprehensions, f-strings and positions differ between minor versions; keys must not."""
    import json
    import os
    import subprocess

    made = (
        "\nmade = [lambda c, i, w, n=n: n for n in range(2)] + [(lambda k: lambda c, i, w: k)(3)]\n"
        "def text(x, *, w=3): return f'{x!r:>{w}}'\ndef outer(n):\n    def inner(c, i, w): return text(n)\n    return inner\n"
        "made += [outer(1), *(outer(n) for n in [2])]\nasync def later(c, i, w): return [text(x) async for x in c]\n"
        "made += [later]\n"
    )
    for name, source in {**PROJECT, "steps.py": textwrap.dedent(PROJECT["steps.py"]) + made}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(textwrap.dedent(source))
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    said = {}
    for python in pythons():
        run = [python, "-c", ELSEWHERE, str(tmp_path)]
        asked = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
        assert asked.stderr == "", python
        said[python] = json.loads(asked.stdout)
    ours = said[sys.executable]
    assert len({json.dumps(parts) for _, parts, _ in ours}) == len(ours) == 7
    assert [reason for *_, reason in ours] == [None] * 7
    for python, theirs in said.items():
        assert theirs == ours, python


def pythons() -> list[str]:
    """Return the Pythons of this machine from 3.11 on, this one too."""
    import shutil
    import subprocess

    found = [path for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        found += [str(path) for path in sorted(Path(root).glob("versions/3.1[1-9]*/bin/python"))]
    works = [p for p in found if subprocess.run([p, "-c", "0"], capture_output=True, check=False).returncode == 0]
    return [sys.executable, *works]

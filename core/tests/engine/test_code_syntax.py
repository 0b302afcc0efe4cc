"""Syntax as JSON: nothing that matters is lost, nothing else is kept, and every Python gives the same."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from motools.canonical import canonical_json
from motools.engine.code.syntax import source, syntax, syntax_digest

SOURCES = Path(__file__).parents[2] / "src"
FILES = sorted(SOURCES.glob("motools/**/*.py"))

SNIPPETS = [
    "x = 1 if a else -2 ** 3",
    "x = 0x10, 1_000, 1e3, 1e999, 3j, 99999999999999999999, ..., None, True",
    "x = 'a' \"b\" f'{c!r:>{width}} {d=} {{}}' 'e' r'\\n' u'f' '\\ud800'",
    "x = b'g' b'\\xff'",
    "x = f\"{y['k']}\" f'{z:%Y-%m-%d}' f'{w}' ''",
    "def f(a, /, b=1, *c, d, e=2, **g): yield (h := a), *b",
    "async def f():\n    async with a as b, c: return [d async for d in e if await f]",
    "lambda *, a=1: (yield)",
    "class A(B, metaclass=C, **d):\n    x: int = 3\n    y: 'str'\n    def f(self): super().f()",
    "try: a\nexcept* (B, C) as d: raise E from d\nelse: g\nfinally: h",
    "match a:\n case {'b': [c, *d], **e} if f: pass\n case G(h, i=1) | 'x' | None | -1 as k: pass\n case _: pass",
    "for a, *b in c: continue\nelse: del d[1:2, ::3].e",
    "with (a as b, c as d): global e; nonlocal_ = 1",
    "x: list[int]\ny: int = 4\n(z): int = 5\nw.a: int = 6",
    "import a.b as c, d\nfrom ...e import f as g, h\nfrom . import *",
    "x = {**a, 'b': 1, **c}, {1, *d}, [*e], a[b, *c], not a and (b or c) < d <= e is not f",
    "@a.b(c)\n@d\ndef f() -> e:\n    '''Doc.'''\n    return lambda: [x for y in z for x in y if x]",
    "while (a := b): pass\nassert a, 'b'\na @= b; a //= c",
    "def f():\n    '''Only a docstring.'''",
]


@pytest.mark.parametrize("text", [*SNIPPETS, *FILES], ids=lambda item: item.stem if isinstance(item, Path) else None)
def test_the_full_form_keeps_everything(text: str | Path) -> None:
    tree = ast.parse(text.read_text() if isinstance(text, Path) else text)
    again = ast.parse(source(syntax(tree, full=True)))
    assert syntax_digest(syntax(again, full=True)) == syntax_digest(syntax(tree, full=True))
    if isinstance(text, Path):  # docstrings are kept without their indentation, and a `u` before text is not
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant):
            node.kind = None
    assert ast.dump(ast.parse(source(syntax(tree, full=True)))) == ast.dump(tree)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_plain_form_is_python_too_and_stays_as_it_is(path: Path) -> None:
    plain = syntax(ast.parse(path.read_text()))
    assert syntax_digest(syntax(ast.parse(source(plain)))) == syntax_digest(plain)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 1", "x = (1)  # comment"),
        ("x = 'a'", 'x = """a"""'),
        ("x = 'ab'", "x = 'a' 'b'"),
        ("x = u'a'", "x = 'a'"),
        ("x = 16", "x = 0x10"),
        ("x: int = 1", "x: float = 1"),
        ("x: int = 1", "x = 1"),
        ("def f(a: int) -> str: return a", "def f(a): return a"),
        ("def f():\n    'Doc.'\n    return 1", "def f():\n    return 1"),
        ("def f():\n    'Doc.'", "def f(): pass"),
        ("class A:\n    'Doc.'\n    x = 1", "class A:\n    x = 1"),
        ("from a import (b,\n c)", "from a import b, c"),
        ("def f():\n    x: int = 1", "def f():\n    x = 1"),
    ],
)
def test_what_means_the_same_is_the_same(left: str, right: str) -> None:
    assert syntax_digest(syntax(ast.parse(left))) == syntax_digest(syntax(ast.parse(right)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 0.0", "x = -0.0"),
        ("x = 'a'", "x = b'a'"),
        ("x = 'int'", "x = int"),
        ("x = None", "x = ..."),
        ("x = 1e999", "x = 'inf'"),
        ("x = (1,)", "x = [1]"),
        ("f(a, b)", "f((a, b))"),
        ("f(*a)", "f(a)"),
        ("a.b", "a['b']"),
        ("def f(a): pass", "def f(*, a): pass"),
        ("def f(a): pass", "async def f(a): pass"),
        ("class A:\n    x: int = 1", "class A:\n    x: float = 1"),
        ("class A(BaseModel):\n    'Doc.'\n    x = 1", "class A(BaseModel):\n    'Other.'\n    x = 1"),
        ("@tool\ndef f(a: int):\n    'Doc.'", "@tool\ndef f(a: str):\n    'Doc.'"),
        ("import a", "import a as b"),
        ("from . import a", "from .. import a"),
        ("x = f'{a}'", "x = f'{a!r}'"),
        ("a < b < c", "a < b <= c"),
        ("{1: 2}", "{2: 1}"),
        ("[x for x in y]", "{x for x in y}"),
        ("x = '\\ud800'", "x = '\\ud801'"),
        ("x = 99999999999999999999", "x = 99999999999999999998"),
    ],
)
def test_what_means_something_else_differs(left: str, right: str) -> None:
    assert syntax_digest(syntax(ast.parse(left))) != syntax_digest(syntax(ast.parse(right)))


def test_an_expression_too_deep_to_walk_has_a_digest_of_its_own() -> None:
    deep = [syntax(ast.parse("x = " + " + ".join(["a"] * 500 + [last])).body[0]) for last in "bc"]
    assert syntax_digest(deep[0]) != syntax_digest(deep[1])
    assert syntax_digest(deep[0]) == syntax_digest(syntax(ast.parse("x = (" + "a +  " * 500 + "b) # c").body[0]))


PRINT = """
import ast, hashlib, json, sys
from motools.canonical import canonical_json
from motools.engine.code.syntax import source, syntax
for text in json.load(sys.stdin):
    for full in (False, True):
        form = syntax(ast.parse(text), full=full)
        compile(source(form), "source", "exec", ast.PyCF_ONLY_AST)
        print(hashlib.sha256(canonical_json(form)).hexdigest())
"""


def test_every_python_here_gives_the_same_digests() -> None:
    """The dumps of `ast` differ between minor versions; keys must not."""
    import hashlib

    texts = [*SNIPPETS, *(path.read_text() for path in FILES)]
    ours = [
        hashlib.sha256(canonical_json(syntax(ast.parse(text), full=full))).hexdigest()
        for text in texts
        for full in (False, True)
    ]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES), "PYTHONDONTWRITEBYTECODE": "1"}
    for python in pythons():
        asked = subprocess.run(
            [python, "-c", PRINT], input=json.dumps(texts), env=environment, capture_output=True, text=True, check=False
        )
        assert asked.stderr == "", python
        assert asked.stdout.split() == ours, python


def pythons() -> list[str]:
    """Return the Pythons of this machine from 3.11 on, this one too."""
    found = [path for minor in range(11, 20) if (path := shutil.which(f"python3.{minor}"))]
    if shutil.which("pyenv"):
        root = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False).stdout.strip()
        found += [str(path) for path in sorted(Path(root).glob("versions/3.1[1-9]*/bin/python"))]
    works = [p for p in found if subprocess.run([p, "-c", "0"], capture_output=True, check=False).returncode == 0]
    return [sys.executable, *works]

"""What a piece of syntax mentions that is bound outside it: the names, the modules it imports, what cannot be followed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

_DYNAMIC_NAMES = frozenset({"globals", "eval", "exec", "__import__", "vars", "compile"})
_DYNAMIC_ATTRIBUTES = frozenset(
    [
        "import_module",
        "exec_module",
        "run_path",
        "run_module",
        "modules",
        "__subclasses__",
        "__globals__",
        "__builtins__",
    ]
)
_READS_DOCS = frozenset(
    [
        "__doc__",
        "getdoc",
        "__annotations__",
        "get_annotations",
        "get_type_hints",
        "signature",
        "getfullargspec",
        "getsource",
        "getsourcelines",
    ]
)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass
class Mentions:
    """What is mentioned.

    Args:
        names: dotted chains that begin with a name bound outside: `TABLE`, `helpers.clean`.
        imports: `(level, module, tail)` of each import within: tail None: it is only imported; `""`: the module itself is
            used; else the dotted chain used of it.
        dynamic: what makes it impossible to say what is reached (`getattr`, `exec` ...).
        reads_docs: whether it may read docstrings or annotations.
        assigns: names it rebinds by `global`.
    """

    names: set[str] = field(default_factory=set)
    imports: set[tuple[int, str, str | None]] = field(default_factory=set)
    dynamic: set[str] = field(default_factory=set)
    reads_docs: bool = False
    assigns: set[str] = field(default_factory=set)


def mentions(node: ast.AST, *, local: frozenset[str] = frozenset()) -> Mentions:
    """Return what `node` mentions.

    Args:
        node: a statement, an expression, or a function.
        local: names that are bound otherwise (cells of a nested function).
    """
    found = Mentions()
    scope = _Scope(found)
    scope.visit(node)
    for chain in scope.chains:
        if chain.partition(".")[0] not in local:
            found.names.add(chain)
    return found


def bound_names(node: ast.AST) -> set[str]:
    """Return the names that a statement binds in the scope it stands in."""
    scope = _Scope(Mentions())
    scope.visit(node)
    return scope.bound | set(scope.imported)


class _Scope(ast.NodeVisitor):
    """Chains used and names bound in one scope; what is left over goes to the scope around it."""

    def __init__(self, found: Mentions) -> None:
        self.found = found
        self.chains: set[str] = set()
        self.bound: set[str] = set()
        self.outer: set[str] = set()
        self.imported: dict[str, set[tuple[int, str, str]]] = {}

    def close_into(self, around: _Scope) -> None:
        """Hand on what is not bound here."""
        for chain in self.chains:
            root, _, rest = chain.partition(".")
            if root in self.imported:
                for level, module, name in self.imported[root]:
                    tail = ".".join(part for part in (name, rest) if part)
                    self.found.imports.add((level, module, tail))
            if root in self.outer or (root not in self.bound and root not in self.imported):
                around.chains.add(chain)

    # What is used

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._use(node.id)
        else:
            self.bound.add(node.id)
            if isinstance(node.ctx, ast.Del):
                self._use(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        parts = [node.attr]
        inner: ast.AST = node.value
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        for part in parts:
            if part in _DYNAMIC_ATTRIBUTES and (part != "modules" or _is_name(inner, "sys")):
                self.found.dynamic.add(part)
            self.found.reads_docs |= part in _READS_DOCS
        if isinstance(inner, ast.Name):
            self._use(".".join([inner.id, *reversed(parts)]))
        else:
            self.visit(inner)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr") and len(node.args) >= 2:
            name = node.args[1]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                inner = node.args[0]
                if name.value.isidentifier():
                    self.visit(ast.Attribute(inner, name.value, ast.Load()))
                for argument in node.args[2:]:
                    self.visit(argument)
                return
            if node.func.id == "getattr":
                self.found.dynamic.add("getattr")
        self.generic_visit(node)

    def _use(self, chain: str) -> None:
        self.chains.add(chain)
        root = chain.partition(".")[0]
        if root in _DYNAMIC_NAMES:
            self.found.dynamic.add(root)
        elif root == chain and (chain in _DYNAMIC_ATTRIBUTES and chain != "modules"):
            self.found.dynamic.add(chain)
        self.found.reads_docs |= root in _READS_DOCS

    def annotation(self, node: ast.AST | None) -> None:
        """Follow an annotation, also one written as text."""
        if node is None:
            return
        for part in ast.walk(node):
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    self.visit(ast.parse(part.value, mode="eval").body)
                except (SyntaxError, ValueError):
                    continue
        self.visit(node)

    def visit_arg(self, node: ast.arg) -> None:
        self.annotation(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._use(node.target.id)
        self.generic_visit(node)

    # What is bound

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self.found.imports.add((0, alias.name, None))
            module = alias.name if alias.asname else alias.name.partition(".")[0]
            self.imported.setdefault(alias.asname or module, set()).add((0, module, ""))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        for alias in node.names:
            self.found.imports.add((node.level, module, None if alias.name != "*" else ""))
            if alias.name != "*":
                self.imported.setdefault(alias.asname or alias.name, set()).add((node.level, module, alias.name))

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self.bound.add(node.name)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self.bound.add(node.name)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.bound.add(node.rest)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.outer.update(node.names)
        self.chains.update(node.names)
        self.found.assigns.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.outer.update(node.names)
        self.chains.update(node.names)

    # Scopes within

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        if not isinstance(node, ast.Lambda):
            self.bound.add(node.name)
            for decorator in node.decorator_list:
                self.visit(decorator)
            self.annotation(node.returns)
        self.visit(node.args)
        inner = _Scope(self.found)
        inner.bound.update(_parameters(node.args))
        for parameter in getattr(node, "type_params", []):
            inner.visit(parameter)
            inner.bound.add(parameter.name)
        for statement in node.body if isinstance(node.body, list) else [node.body]:
            inner.visit(statement)
        inner.close_into(self)

    visit_AsyncFunctionDef = visit_FunctionDef
    visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.bound.add(node.name)
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        inner = _Scope(self.found)
        for parameter in getattr(node, "type_params", []):
            inner.visit(parameter)
        for statement in node.body:
            inner.visit(statement)
        # Functions in a class do not see its names, and the body may read an outer name before it binds its own.
        inner.bound.clear()
        inner.close_into(self)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> None:
        self.visit(node.generators[0].iter)
        inner = _Scope(self.found)
        for index, part in enumerate(node.generators):
            inner.visit(part.target)
            if index:
                inner.visit(part.iter)
            for condition in part.ifs:
                inner.visit(condition)
        targets = set(inner.bound)
        for result in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            inner.visit(result)
        self.bound |= inner.bound - targets  # := binds around the comprehension
        inner.bound = targets
        inner.close_into(self)

    visit_ListComp = _comprehension
    visit_SetComp = _comprehension
    visit_DictComp = _comprehension
    visit_GeneratorExp = _comprehension


def _parameters(arguments: ast.arguments) -> set[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return {argument.arg for argument in every if argument is not None}


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name

"""What one statement of a module does, from its syntax alone."""

from __future__ import annotations

import ast

from motools.engine.code.mentions import mentions

RUNS = frozenset({"run_workflow", "arun_workflow", "resume_run", "aresume_run"})
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
BINDINGS = (*DEFINITIONS, ast.Import, ast.ImportFrom)
"""Statements that bind names to what does not change."""


def is_main_guard(node: ast.stmt) -> bool:
    """Say whether a statement is `if __name__ == "__main__": ...`."""
    return (
        isinstance(node, ast.If)
        and isinstance(node.test, ast.Compare)
        and isinstance(node.test.left, ast.Name)
        and node.test.left.id == "__name__"
        and isinstance(node.test.ops[0], ast.Eq)
        and not node.orelse
    )


def at_import(node: ast.stmt) -> list[ast.AST]:
    """Return the parts of a statement that run when the module is imported (not the bodies of functions)."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = [node]
    while todo:
        part = todo.pop()
        found.append(part)
        if not isinstance(part, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            todo.extend(ast.iter_child_nodes(part))
    return found


def acts(node: ast.stmt) -> bool:
    """Say whether a statement does more than bind names."""
    if isinstance(node, (*BINDINGS, ast.Pass)):
        return False
    if isinstance(node, ast.Expr):
        return not isinstance(node.value, ast.Constant)
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(part, (ast.Attribute, ast.Subscript)) for t in targets for part in ast.walk(t))
    if isinstance(node, (ast.If, ast.Try)):
        blocks = [node.body, node.orelse, *(getattr(node, "finalbody", []),)]
        blocks += [handler.body for handler in getattr(node, "handlers", [])]
        return any(acts(inner) for block in blocks for inner in block)
    return True


def filled(node: ast.stmt) -> set[str] | None:
    """Return the names whose objects a statement changes, if that is all it does; None: it may do more."""
    if isinstance(node, ast.AugAssign):
        return _roots([node.target])
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        return _roots(node.targets if isinstance(node, ast.Assign) else [node.target])
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _roots([node.value.func]) if isinstance(node.value.func, ast.Attribute) else None
    if isinstance(node, (ast.For, ast.If)):
        found: set[str] = set()
        for inner in [*node.body, *node.orelse]:
            if acts(inner):
                names = filled(inner)
                if names is None:
                    return None
                found |= names
        return found
    return None


def _roots(targets: list[ast.expr]) -> set[str] | None:
    """Return the names that chains such as `TABLE["a"].b` begin with; None: one begins otherwise."""
    found: set[str] = set()
    for target in targets:
        part: ast.expr = target
        while isinstance(part, (ast.Attribute, ast.Subscript)):
            part = part.value
        if not isinstance(part, ast.Name):
            return None
        found.add(part.id)
    return found


def only_prints(node: ast.stmt) -> bool:
    """Say whether a statement is a call of `print`."""
    call = node.value if isinstance(node, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "print"


def called_names(node: ast.AST, *, decorates: bool = False) -> set[str]:
    """Return the first names of what a statement, or a decorator, calls when it is run."""
    found = {chain.partition(".")[0] for chain in mentions(node).names} if decorates and not _calls(node) else set()
    for part in at_import(node) if isinstance(node, ast.stmt) else ast.walk(node):
        if isinstance(part, ast.Call):
            name = part.func
            last = name.attr if isinstance(name, ast.Attribute) else ""
            if last in RUNS:
                found.add(last)
            while isinstance(name, (ast.Attribute, ast.Subscript, ast.Call)):
                name = name.func if isinstance(name, ast.Call) else name.value
            if isinstance(name, ast.Name):
                found.add(name.id)
    return found


def _calls(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) for part in ast.walk(node))


def is_scalar(node: ast.stmt) -> bool:
    """Say whether a statement binds a name to a number or text written out."""
    value = getattr(node, "value", None)
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    return isinstance(node, (ast.Assign, ast.AnnAssign)) and isinstance(value, (ast.Constant, ast.JoinedStr))

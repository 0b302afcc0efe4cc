"""A module's source as a table: its statements, what each binds and mentions."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from motools.engine.code.definition import Definition
from motools.engine.code.mentions import Mentions, bound_names, mentions
from motools.engine.code.statements import (
    BINDINGS,
    DEFINITIONS,
    RUNS,
    acts,
    at_import,
    called_names,
    filled,
    is_main_guard,
    is_scalar,
    only_prints,
)
from motools.engine.code.syntax import syntax

TOP = "<top>"
"""Stands for the statements of a module that do something when it is imported, other than binding names."""
WHOLE = "*"
"""Stands for a whole module."""


@dataclass(eq=False)
class Statement:
    """One statement of a module.

    Args:
        name: how it is called in keys: the names it binds, with a number from the second of one name on.
        node: its syntax.
        binds: names it binds.
        mentions: what it mentions.
        fills: names whose objects it changes, where it does nothing else.
    """

    name: str
    node: ast.stmt
    binds: frozenset[str]
    mentions: Mentions
    fills: frozenset[str] = frozenset()

    @cached_property
    def definition(self) -> Definition:
        """What it is in keys."""
        return Definition(lambda full: syntax(self.node, full=full))

    @cached_property
    def touched(self) -> frozenset[str]:
        """Names whose objects it may change when it is run: those that calls and decorators get, and what they call."""
        found: set[str] = set()
        if isinstance(self.node, DEFINITIONS):
            for decorator in self.node.decorator_list:
                found |= mentions(decorator).names
        elif not isinstance(self.node, BINDINGS):
            for part in ast.walk(self.node):
                if isinstance(part, ast.Call):
                    found |= mentions(part).names
        return frozenset(chain.partition(".")[0] for chain in found)

    @cached_property
    def registers_at(self) -> frozenset[str]:
        """Names whose methods decorate it: `h` in `@h.register`."""
        decorators = self.node.decorator_list if isinstance(self.node, DEFINITIONS) else []
        found = (each.func if isinstance(each, ast.Call) else each for each in decorators)
        return frozenset(
            each.value.id for each in found if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name)
        )

    @cached_property
    def called(self) -> frozenset[str]:
        """Names of functions it calls when it is run."""
        found: set[str] = set()
        if isinstance(self.node, DEFINITIONS):
            for decorator in self.node.decorator_list:
                found |= called_names(decorator, decorates=True)
        elif not isinstance(self.node, BINDINGS):
            found |= called_names(self.node)
        return frozenset(found)


@dataclass(eq=False)
class Table:
    """The statements of a module.

    Args:
        tree: its syntax.
        statements: all but the docstring and `if __name__ == "__main__"`.
        by_name: name → the statements that bind it.
        imports: name → what imports at the top bind it to, as `(level, module, name)`; name `""`: the module itself.
        stars: modules whose names are taken over by `*`, as `(level, module)`.
        top: statements that do something when the module is imported, and belong to no workflow's being run.
        writers: name → the functions that rebind it by `global`.
    """

    tree: ast.Module
    statements: list[Statement] = field(default_factory=list)
    by_name: dict[str, list[Statement]] = field(default_factory=dict)
    imports: dict[str, list[tuple[int, str, str]]] = field(default_factory=dict)
    stars: list[tuple[int, str]] = field(default_factory=list)
    top: list[Statement] = field(default_factory=list)
    writers: dict[str, list[Statement]] = field(default_factory=dict)

    @cached_property
    def mutable(self) -> dict[str, list[Statement]]:
        """Name bound to an object that can change (or that is registered at) → the statements that may change it when the
        module is imported.
        """
        names = {
            name
            for name, statements in self.by_name.items()
            if not all(isinstance(s.node, BINDINGS) or is_scalar(s.node) for s in statements)
        }
        changers: dict[str, list[Statement]] = {name: [] for name in names}
        for statement in self.statements:
            if statement in self._programme:
                continue
            for name in (statement.registers_at | statement.fills) & self.by_name.keys():
                if name not in statement.binds:
                    changers.setdefault(name, []).append(statement)
        for statement in self.statements:
            if statement in self._programme:
                continue
            for name in (statement.touched | self._roots_within(statement.called)) & names:
                if name not in statement.binds and statement not in changers[name]:
                    changers[name].append(statement)
        return changers

    def is_filled(self, name: str) -> bool:
        """Say whether importing the module changes the object that a name was bound to."""
        return bool(self.mutable.get(name)) or any(
            name == chain.partition(".")[0] for statement in self.top for chain in statement.mentions.names
        )

    @cached_property
    def handled(self) -> frozenset[str]:
        """Names that the programme of the file uses, and so may change between two runs."""
        chains = {chain for statement in self._programme for chain in statement.mentions.names}
        return frozenset(chain.partition(".")[0] for chain in chains)

    def _roots_within(self, called: frozenset[str]) -> set[str]:
        """Return the names that the called functions of this module mention, and those they call, and so on."""
        found: set[str] = set()
        todo, seen = list(called), set()
        while todo:
            name = todo.pop()
            if name in seen:
                continue
            seen.add(name)
            for statement in self.by_name.get(name, ()):
                if isinstance(statement.node, DEFINITIONS):
                    roots = {chain.partition(".")[0] for chain in statement.mentions.names}
                    found |= roots
                    todo += roots
        return found

    @cached_property
    def _programme(self) -> set[Statement]:
        """The statements that run a workflow, and all that do something after the first of these."""
        found: set[Statement] = set()
        for statement in self.statements:
            if found and acts(statement.node):
                found.add(statement)
            elif not isinstance(statement.node, BINDINGS):
                called = statement.called
                if called & RUNS or self._roots_within(called) & RUNS:
                    found.add(statement)
        return found

    @cached_property
    def whole(self) -> Mentions:
        """What all of its statements mention."""
        together = Mentions()
        for statement in self.statements:
            together.names |= statement.mentions.names
            together.imports |= statement.mentions.imports
            together.reads_docs |= statement.mentions.reads_docs
        return together

    @cached_property
    def module_definition(self) -> Definition:
        """The whole module in keys."""
        return _joined(self.statements)

    @cached_property
    def top_definition(self) -> Definition:
        """The statements in `top` in keys."""
        return _joined(self.top)

    def function(self, node: ast.AST) -> tuple[Definition, Mentions]:
        """Return what a function or class within another function is in keys, and what it mentions."""
        if node not in self._functions:
            self._functions[node] = (Definition(lambda full: syntax(node, full=full)), mentions(node))
        return self._functions[node]

    @cached_property
    def _functions(self) -> dict[ast.AST, tuple[Definition, Mentions]]:
        return {}

    @cached_property
    def nested(self) -> dict[tuple[int, str], list[ast.AST]]:
        """(first line, name) of each function at any depth (with its decorators; lambdas: `<lambda>`) → its syntax."""
        found: dict[tuple[int, str], list[ast.AST]] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, DEFINITIONS):
                line = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                found.setdefault((line, node.name), []).append(node)
            elif isinstance(node, ast.Lambda):
                found.setdefault((node.lineno, "<lambda>"), []).append(node)
        return found


def table_of(data: bytes) -> Table:
    """Return the table of a module's source.

    Raises:
        SyntaxError: it is not Python.
    """
    table = Table(ast.parse(data))
    counts: dict[str, int] = {}
    assigned = {
        name for node in table.tree.body if isinstance(node, (ast.Assign, ast.AnnAssign)) for name in bound_names(node)
    }
    for position, node in enumerate(table.tree.body):
        if (position == 0 and ast.get_docstring(table.tree, clean=False) is not None) or is_main_guard(node):
            continue
        binds = frozenset(bound_names(node))
        name = "+".join(sorted(binds)) if len(binds) < 4 else "+".join([*sorted(binds)[:3], "…"])
        fills = frozenset(filled(node) or ()) if acts(node) else frozenset()
        if not fills <= assigned:
            fills = frozenset()
        if fills:
            name = f"{'+'.join(sorted(fills))} filled"
        counts[name] = counts.get(name, 0) + 1
        unique = name if counts[name] == 1 else f"{name} ({counts[name]})"
        statement = Statement(unique or TOP, node, binds, mentions(node), fills)
        table.statements.append(statement)
        for bound in binds:
            table.by_name.setdefault(bound, []).append(statement)
        for writer in statement.mentions.assigns:
            table.writers.setdefault(writer, []).append(statement)
        for part in at_import(node):
            if isinstance(part, ast.ImportFrom):
                for alias in part.names:
                    if alias.name == "*":
                        table.stars.append((part.level, part.module or ""))
                    else:
                        target = (part.level, part.module or "", alias.name)
                        table.imports.setdefault(alias.asname or alias.name, []).append(target)
            elif isinstance(part, ast.Import):
                for alias in part.names:
                    module = alias.name if alias.asname else alias.name.partition(".")[0]
                    table.imports.setdefault(alias.asname or module, []).append((0, module, ""))
    table.top = [
        one
        for one in table.statements
        if acts(one.node) and not one.fills and one not in table._programme and not only_prints(one.node)
    ]
    return table


def _joined(statements: list[Statement]) -> Definition:
    return Definition(lambda full: {"_": "Module", "body": [one.definition.syntax(full) for one in statements]})


def literal(statement: Statement) -> tuple[bool, object]:
    """Return whether a statement binds names to a value written out, and that value."""
    node = statement.node
    if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None and not acts(node):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if all(isinstance(target, ast.Name) for target in targets):
            try:
                return True, ast.literal_eval(node.value)
            except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                pass
    return False, None

"""The mutants of one module: where each changes it, and which function that is in."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

from tests.mutation.operators import operators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
Place = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """One change of one module."""

    path: Path
    operator: str
    occurrence: int
    start: Place
    end: Place
    function: range | None
    """The lines of the outermost function it is in; None if it runs as the module is imported."""

    def source(self) -> str:
        """The module with this change."""
        code = mutate_code(self.path.read_text(encoding="utf-8"), operators()[self.operator], self.occurrence)
        if code is None:
            raise LookupError(f"{self} changes nothing")
        return str(code)

    def described(self) -> str:
        """Where it is, and the line before and after."""
        before, after = self.path.read_text(encoding="utf-8").splitlines(), self.source().splitlines()
        line = next((n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new), -1)
        return f"{self.path}:{line + 1} {self.operator}\n    - {before[line].strip()}\n    + {after[line].strip()}"


def mutants(path: Path) -> list[Mutant]:
    """Every mutant of the module at `path`, in the order of its lines."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    ignored = [(_start(node), _end(node)) for node in _without_effect(tree)]
    functions = [_lines(node) for node in _outermost(tree)]
    nodes = list(ast_nodes(get_ast(source)))
    found = []
    for name, operator in operators().items():
        places = (place for node in nodes for place in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if any(first <= start and end <= last for first, last in ignored) or _is_separator(source, start):
                continue
            inside = next((lines for lines in functions if start[0] in lines), None)
            found.append(Mutant(path, name, occurrence, start, end, inside))
    return sorted(found, key=lambda mutant: (mutant.start, mutant.operator, mutant.occurrence))


def _outermost(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions and methods that stand in no other function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, _FUNCTION):
            yield node
        else:
            yield from _outermost(node)


def _lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> range:
    """From its first decorator, where Python says that its code begins, to its end."""
    return range(min(each.lineno for each in (node, *node.decorator_list)), _end(node)[0] + 1)


def _without_effect(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """Annotations that nobody evaluates, imports for types, and the list of outward names."""
    evaluated = {id(node) for each in ast.walk(tree) if isinstance(each, ast.ClassDef) for node in each.body}
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTION):
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg)
            yield from (each.annotation for each in (*arguments, node.args.kwarg) if each and each.annotation)
            if node.returns:
                yield node.returns
        elif isinstance(node, ast.AnnAssign) and id(node) not in evaluated:
            yield node.annotation
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            yield node


def _is_separator(source: str, place: Place) -> bool:
    """Whether this is the lone star before keyword-only parameters, which Cosmic Ray takes for a product."""
    return source.splitlines()[place[0] - 1][place[1] :].startswith("*,")


def _start(node: ast.expr | ast.stmt) -> Place:
    return node.lineno, node.col_offset


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or 0

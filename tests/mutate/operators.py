"""What may be broken: fixed operators, applied by the program to the body of every function.

A mutant differs from the source in one node of its syntax tree. Numbers that are defaults of settings are broken too.
Docstrings, decorators (they state facts, which tests check), annotations and the text of messages stay as they are.
"""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SWAPPED_METHODS = {
    "sum": "mean", "mean": "sum", "amax": "amin", "amin": "amax", "max": "min", "min": "max", "any": "all",
    "all": "any", "minimum": "maximum", "maximum": "minimum", "sinh": "tanh", "tanh": "sinh",
    "ones_like": "zeros_like", "zeros_like": "ones_like",
}  # fmt: skip
DROPPED_METHODS = {"abs", "clamp_min", "contiguous", "detach", "relu", "sigmoid", "softmax", "sqrt", "squeeze"}
DROPPED_FUNCTIONS = {"widen", "expm1", "log1p", "sinh", "tanh", "logsigmoid"}
SWAPPED_NAMES = {"alpha": "beta", "beta": "alpha"}
SWAPPED_ARITHMETIC = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
SWAPPED_COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """One broken function."""

    file: str
    function: str
    line: int
    text: str  # of the source line
    operator: str
    change: str  # "before -> after", in source
    occurrence: int  # among the same changes of one line: 1, 2, ...
    break_it: Callable[[], ast.Module] = field(repr=False, compare=False)

    @property
    def tree(self) -> ast.Module:
        """The broken function, alone in a module: a copy of its own."""
        return self.break_it()

    @property
    def key(self) -> tuple[str, ...]:
        """What a survivor is found by: it does not depend on line numbers."""
        number = f" (#{self.occurrence})" if self.occurrence > 1 else ""
        return (self.file, self.function, self.text, f"{self.operator}: {self.change}{number}")

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.function}: {self.key[3]}"


def mutants(source: str, file: str) -> Iterator[Mutant]:
    """Every mutant of the functions at the top level of a module, in the order of the source."""
    lines = source.splitlines()
    for function in functions(source):
        seen: dict[tuple[str, ...], int] = {}
        for place in _places(function):
            for operator, new in _replacements(place.node, function):
                change = f"{_short(place.node)} -> {_short(new)}"
                text = lines[place.node.lineno - 1].strip()
                number = seen[text, operator, change] = seen.get((text, operator, change), 0) + 1
                break_it = functools.partial(place.replaced, new)
                yield Mutant(file, function.name, place.node.lineno, text, operator, change, number, break_it)


def functions(source: str) -> list[ast.FunctionDef]:
    """The functions at the top level of a module."""
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


@dataclass(frozen=True)
class _Place:
    """A node, and the way to it from the function: names of fields and positions in lists."""

    function: ast.FunctionDef
    path: tuple[str | int, ...]
    node: ast.AST

    def replaced(self, new: ast.AST) -> ast.Module:
        """The function with another node here, as a module that keeps all line numbers."""
        function = copy.deepcopy(self.function)
        *way, last = self.path
        parent = function
        for step in way:
            parent = parent[step] if isinstance(step, int) else getattr(parent, step)
        new = ast.copy_location(copy.deepcopy(new), self.node)
        if isinstance(last, int):
            parent[last] = new
        else:
            setattr(parent, last, new)
        return ast.fix_missing_locations(ast.Module([function], type_ignores=[]))


def _places(function: ast.FunctionDef) -> Iterator[_Place]:
    for index, default in enumerate(function.args.kw_defaults):
        if isinstance(default, ast.Constant) and type(default.value) in (int, float):
            yield _Place(function, ("args", "kw_defaults", index), default)
    first = function.body[0]
    has_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    for index in range(1 if has_docstring else 0, len(function.body)):
        yield from _below(function, ("body", index), function.body[index])


def _below(function: ast.FunctionDef, path: tuple[str | int, ...], node: ast.AST) -> Iterator[_Place]:
    if isinstance(node, ast.JoinedStr | ast.Raise):  # the text of a message
        if isinstance(node, ast.Raise):
            yield _Place(function, path, node)
        return
    yield _Place(function, path, node)
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        if isinstance(value, ast.AST):
            yield from _below(function, (*path, name), value)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, ast.AST):
                    yield from _below(function, (*path, name, index), item)


def _replacements(node: ast.AST, function: ast.FunctionDef) -> Iterator[tuple[str, ast.AST]]:
    """The name of the operator, and what it puts in place of the node."""
    match node:
        case ast.Constant(value=bool() as value):
            yield "flag", ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            for other in dict.fromkeys((value + 1, value * 2, *([type(value)(0)] if value == 1 else []))):
                if other != value:
                    yield "constant", ast.Constant(other)
        case ast.UnaryOp(op=ast.USub() | ast.Not() | ast.Invert(), operand=operand):
            yield "sign", operand
        case ast.BinOp(op=op) if type(op) in SWAPPED_ARITHMETIC:
            yield "arithmetic", _with(node, op=SWAPPED_ARITHMETIC[type(op)]())
        case ast.AugAssign(op=op) if type(op) in SWAPPED_ARITHMETIC:
            yield "arithmetic", _with(node, op=SWAPPED_ARITHMETIC[type(op)]())
        case ast.Compare(ops=[op, *rest]) if type(op) in SWAPPED_COMPARISONS:
            for other in SWAPPED_COMPARISONS[type(op)]:
                yield "comparison", _with(node, ops=[other(), *rest])
        case ast.BoolOp(op=op):
            yield "logic", _with(node, op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.IfExp(body=body, orelse=orelse):
            yield "branch", body
            yield "branch", orelse
        case ast.If(test=test):
            yield "condition", _with(node, test=ast.UnaryOp(ast.Not(), test))
        case ast.Name(id=name, ctx=ast.Load()) if name in SWAPPED_NAMES and _has(function, SWAPPED_NAMES[name]):
            yield "exchange", ast.Name(SWAPPED_NAMES[name], ast.Load())
        case ast.Raise() | ast.Expr(value=ast.Call()) | ast.Break():
            yield "statement", ast.Pass()
        case ast.Call():
            yield from _broken_calls(node)


def _broken_calls(node: ast.Call) -> Iterator[tuple[str, ast.AST]]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    library = isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) and (
        node.func.value.id in ("torch", "F")
    )  # fmt: skip
    method = isinstance(node.func, ast.Attribute) and not library
    if name in SWAPPED_METHODS and isinstance(node.func, ast.Attribute):
        yield "reduction", _with(node, func=_with(node.func, attr=SWAPPED_METHODS[name]))
    if method and name in DROPPED_METHODS:
        yield "call", node.func.value
    if name in DROPPED_FUNCTIONS and not method:
        yield "call", node.args[0]
    if name == "where" and len(node.args) == 3:
        yield "call", node.args[1]
        yield "call", node.args[2]


def _with(node: ast.AST, **changes: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in changes.items():
        setattr(new, name, value)
    return new


def _has(function: ast.FunctionDef, name: str) -> bool:
    return name in [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]


def _short(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())

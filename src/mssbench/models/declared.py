"""What a model's class says of itself, read from its source.

A study is checked in each process of a workflow, and importing a model takes seconds, as it imports
torch. So the source is read, not run.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from mssbench.models.registry import address_of
from mssbench.provenance import module_file

FINAL = ("final",)
"""The outputs of a model that names none."""


@dataclass(frozen=True)
class Declared:
    """What a model's class says.

    Attributes:
        defaults: parameter -> its default; None where that is no literal.
        targets: what it estimates whatever its parameters; None where ``params.targets`` decides.
        outputs: names of the outputs that separation may keep.
        methods: names of its methods.
    """

    defaults: Mapping[str, Any]
    targets: tuple[str, ...] | None
    outputs: tuple[str, ...]
    methods: frozenset[str]


@cache
def declared(name: str) -> Declared:
    """Return what the class of the model called ``name`` says; of its bases too.

    Raises:
        UserError: there is no such model.
    """
    defaults: dict[str, Any] | None = None
    values: dict[str, Any] = {}
    methods: set[str] = set()
    for module, cls in lineage(*address_of(name)):
        for node in cls.body:
            if isinstance(node, ast.FunctionDef):
                methods.add(node.name)
                if node.name == "__init__" and defaults is None:
                    defaults = defaults_of(module, node)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for key in names_of(node):
                    values.setdefault(key, literal(module, node.value))
    return Declared(
        defaults or {}, values.get("targets"), values.get("output_names", FINAL), frozenset(methods)
    )


def estimated(name: str, params: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what the model called ``name`` estimates with ``params``.

    Raises:
        UserError: there is no such model.
    """
    found = declared(name)
    if found.targets is not None:
        return found.targets
    given = {**found.defaults, **params}
    # Wavenet's mixture less all of its estimates.
    each = [*as_names(given.get("targets")), *as_names([given.get("remainder")])]
    return tuple(dict.fromkeys(each))


def as_names(value: Any) -> list[str]:
    """Return the names in a list; of anything else, which the model itself refuses, none."""
    if not isinstance(value, list | tuple):
        return []
    return [name for name in value if isinstance(name, str)]


def lineage(module: str, name: str) -> Iterator[tuple[str, ast.ClassDef]]:
    """Yield a class and the package's classes that it inherits from, each with its module."""
    found = defined(module, name)
    if found is None:
        return
    home, cls = found
    if not isinstance(cls, ast.ClassDef):
        return
    yield home, cls
    for base in cls.bases:
        if isinstance(base, ast.Name):
            yield from lineage(home, base.id)


def defined(module: str, name: str) -> tuple[str, ast.ClassDef | ast.expr] | None:
    """Return the class or the value that ``name`` stands for in a module, and where it is from.

    None where it is not one of the package's.
    """
    for node in tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return module, node
        if isinstance(node, ast.Assign | ast.AnnAssign) and (value := value_of(node, name)):
            return module, value
        if isinstance(node, ast.ImportFrom) and node.module and module_file(node.module):
            for alias in node.names:
                if name == (alias.asname or alias.name):
                    return defined(node.module, alias.name)
    return None


def defaults_of(module: str, function: ast.FunctionDef) -> dict[str, Any]:
    """Return the keyword parameters of a constructor and their defaults."""
    parts = function.args
    return {
        each.arg: None if value is None else literal(module, value)
        for each, value in zip(parts.kwonlyargs, parts.kw_defaults, strict=True)
    }


def literal(module: str, node: ast.expr) -> Any:
    """Return the value of an expression that is a literal or names one; None of any other."""
    if isinstance(node, ast.Name):
        found = defined(module, node.id)
        if found is None:
            return None
        home, value = found
        return None if isinstance(value, ast.ClassDef) else literal(home, value)
    if isinstance(node, ast.Tuple):
        return tuple(literal(module, part) for part in node.elts)
    try:
        return ast.literal_eval(node)
    except ValueError:
        return None


def value_of(node: ast.Assign | ast.AnnAssign, name: str) -> ast.expr | None:
    """Return what an assignment, be it to several names, gives to ``name``; None where nothing."""
    if name in names_of(node):
        return node.value
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
        for target in node.targets:
            if isinstance(target, ast.Tuple):
                for part, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(part, ast.Name) and part.id == name:
                        return value
    return None


def names_of(node: ast.Assign | ast.AnnAssign) -> list[str]:
    """Return the plain names that an assignment gives a value to."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


@cache
def tree(module: str) -> ast.Module:
    """Return the syntax tree of one of the package's modules."""
    file = module_file(module)
    assert file is not None
    return ast.parse(file.read_text(encoding="utf-8"))

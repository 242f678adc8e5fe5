"""Digests that say which code and which configuration a result came from."""

import ast
import hashlib
import io
import json
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent

# Layout and remarks do not change what a stage computes, so editing them repeats no work.
UNIMPORTANT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE}

# The command line and the registry only name the modules that do the work: each stage's digest
# starts from those modules themselves. So a new verb or model leaves finished results alone.
NAMING_ONLY = {"mssbench.cli", "mssbench.models.registry"}


def digest(value: Any, length: int = 8) -> str:
    """Return the first hex digits of the SHA-256 of ``value`` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def training_name(config: dict[str, Any]) -> str:
    """Return what names the weights of a training: model, seed and digest of its configuration."""
    return f"{config['model']['name']}-s{config['seed']}-{digest(config)}"


def source_digest(*modules: str, without: str = "", length: int = 8) -> str:
    """Return a digest of the package's source that ``modules`` use, directly or through imports.

    Comments and layout are left out. Imports inside functions count.

    Args:
        modules: dotted names, as in ``"mssbench.commands.train"``.
        without: a package that does not count, as what it does leaves the result as it is.
        length: how many hex digits to return.
    """
    closure: set[str] = set()
    pending = list(modules)
    while pending:
        module = pending.pop()
        excluded = module in NAMING_ONLY or (without and f"{module}.".startswith(f"{without}."))
        if excluded or module in closure or module_file(module) is None:
            continue
        closure.add(module)
        pending.extend(imports(module))
    return digest([[module, significant_text(module)] for module in sorted(closure)], length)


def module_file(module: str) -> Path | None:
    """Return the source file of one of the package's modules, or None if it has no such module."""
    return file_in(PACKAGE, module)


@cache
def file_in(package: Path, module: str) -> Path | None:
    """Return the source file of a module of ``package``, or None; asked once for each module."""
    path = package.parent.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file() and candidate.is_relative_to(package):
            return candidate
    return None


@cache
def imports(module: str) -> frozenset[str]:
    """Return the package's modules that ``module`` names in an import statement."""
    file = module_file(module)
    assert file is not None
    names: set[str] = set()
    for node in statements(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            # "from package import module" names a module behind the import.
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return frozenset(name for name in names if module_file(name) is not None)


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield all statements of a module, and what holds some, as the cases of a ``match`` do.

    No expression holds an import, and there are many more of them.
    """
    pending: list[ast.AST] = [tree]
    while pending:
        holder = pending.pop()
        for field in ("body", "orelse", "handlers", "finalbody", "cases"):
            held = getattr(holder, field, ())
            yield from held
            pending.extend(held)


@cache
def significant_text(module: str) -> str:
    """Return the module's tokens without comments and layout."""
    file = module_file(module)
    assert file is not None
    lines = io.StringIO(file.read_text(encoding="utf-8")).readline
    kept = (t.string for t in tokenize.generate_tokens(lines) if t.type not in UNIMPORTANT)
    return " ".join(kept)

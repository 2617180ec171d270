"""The house as files: every module of the two halves, and what each imports."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
HALVES = {"baked_core": CHECKOUT / "core", "baked_publish": CHECKOUT / "publish"}


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, as absolute a name as the source gives."""

    module: str
    line: int
    late: bool
    """Inside a function, or for type checkers only: not paid for by who imports the file."""


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the house."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def imports(self) -> tuple[Import, ...]:
        """Return everything that it imports, late or not."""
        return tuple(_imports(self.tree, late=False))

    @property
    def functions(self) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Yield every function and method."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield node


@cache
def modules() -> dict[str, Module]:
    """Return every module of both halves by its name."""
    found = (_module(path, root) for root in HALVES.values() for path in sorted(root.rglob("*.py")))
    return {module.name: module for module in found}


def belongs(module: str, package: str) -> bool:
    """Tell whether ``module`` is ``package`` or lies within it."""
    return module == package or module.startswith(f"{package}.")


def _module(path: Path, root: Path) -> Module:
    parts = path.relative_to(root).with_suffix("").parts
    name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    return Module(name, path, ast.parse(path.read_text("utf-8")))


def _imports(node: ast.AST, *, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(alias.name, child.lineno, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(each, child.lineno, late) for each in _named(child))
        else:
            yield from _imports(child, late=late or _is_late(child))


def _named(node: ast.ImportFrom) -> Iterator[str]:
    """Yield ``package.name`` for each name: the caller asks whether that is a module."""
    if node.level:
        raise AssertionError(f"line {node.lineno}: imports are absolute in this house")
    for alias in node.names:
        yield f"{node.module}.{alias.name}"


def _is_late(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)

"""The project's own files, parsed once for all house tests."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "imgtools"


@dataclass(frozen=True, slots=True)
class Module:
    """One module of the package: `path` is relative to the checkout, `rooms` its dotted name without imgtools."""

    path: Path
    rooms: tuple[str, ...]
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        """The dotted name, as an import says it."""
        return ".".join(("imgtools", *self.rooms))

    @property
    def is_public(self) -> bool:
        """Whether no part of the name begins with an underscore (`__init__` apart)."""
        return not any(room.startswith("_") for room in self.rooms)

    def where(self, node: ast.AST) -> str:
        """A place that an editor can jump to."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def _read(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    rooms = relative.with_suffix("").parts[1:]
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text, str(relative))
    return Module(relative, rooms[:-1] if rooms[-1] == "__init__" else rooms, text, tree)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of imgtools."""
    return tuple(_read(path) for path in sorted(PACKAGE.rglob("*.py")))


@cache
def tracked_files() -> tuple[Path, ...]:
    """Every file that git tracks and that is there, relative to the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    return tuple(Path(name) for name in listed if name and (ROOT / name).is_file())


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a module, nested ones and methods included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def report(rule: str, broken: list[str]) -> str:
    """What a failing house test says: the rule, then one line for each place that breaks it."""
    return "\n".join([rule, *(f"  {line}" for line in broken)])

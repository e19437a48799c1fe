"""What typer keeps to itself is used in one file, and everything in that file is used by its test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import typer

from imgtools.cli.command import typer_adapter
from tests.house.source import ROOT, report, tracked_files

ADAPTER = Path("imgtools/cli/command/typer_adapter.py")
ITS_TEST = Path("tests/unit/cli/command/test_typer_adapter.py")
# What typer documents, and what we use of it anywhere.
PUBLIC = {
    "Abort",
    "Argument",
    "BadParameter",
    "Context",
    "Exit",
    "Option",
    "Typer",
    "confirm",
    "echo",
    "prompt",
}


def _private(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, one.name) for one in names if _is_inside(one.name))
            case ast.ImportFrom(module=str(module), names=names):
                hidden = _is_inside(module) or (module == "typer" and {one.name for one in names} - PUBLIC)
                yield from [(node.lineno, f"from {module}")] if hidden else []
            case ast.Attribute(value=ast.Name(id="typer"), attr=name) if name not in PUBLIC:
                yield node.lineno, f"typer.{name}"


def _is_inside(module: str) -> bool:
    return module.startswith("typer.") or module.partition(".")[0] == "click"


def test_only_the_adapter_knows_what_typer_keeps_to_itself() -> None:
    broken = []
    for path in tracked_files():
        if path.suffix == ".py" and path != ADAPTER:
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            broken += [f"{path}:{line} {name}" for line, name in _private(tree)]
    assert not broken, report(f"what is private of typer stands in {ADAPTER}", broken)


def test_what_we_call_public_is_there() -> None:
    assert set(dir(typer)) >= PUBLIC


def test_the_adapters_test_uses_all_of_it() -> None:
    tree = ast.parse((ROOT / ITS_TEST).read_text(encoding="utf-8"))
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert set(typer_adapter.__all__) <= used, f"{ITS_TEST}: use these too"

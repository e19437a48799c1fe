"""What QEMU may open is said in one place: engine/qemu/nodes.py. Nobody else writes a node's options or a secret."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.house.source import Module, modules, report

THE_PLACE = ("engine", "qemu", "nodes")
# Recognises the options in what QEMU complains of, to leave them out.
READS_THEM = ("engine", "qemu", "img", "running")
OPTIONS = re.compile(r"\.driver\b|\bdriver=|\bfile\.filename\b|^json:|\bsecret,id=|^--object$")


def _texts(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Every string of a module but its docstrings."""
    documentation = {
        id(node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node, node.value


def _said(module: Module) -> Iterator[ast.AST]:
    """Whatever looks like an option of a node: ``("driver", x)``, ``driver=x``, ``{"driver": x}``, ``file.driver``."""
    yield from (node for node, text in _texts(module) if OPTIONS.search(text))
    for node in ast.walk(module.tree):
        first: ast.expr | None = None
        if isinstance(node, ast.Tuple) and len(node.elts) == 2:
            first = node.elts[0]
        if isinstance(node, ast.Dict):
            yield from (key for key in node.keys if isinstance(key, ast.Constant) and key.value == "driver")
        if isinstance(node, ast.keyword) and node.arg == "driver":
            yield node
        if isinstance(first, ast.Constant) and first.value == "driver":
            yield node


def _broken(module: Module) -> list[str]:
    if module.rooms in (THE_PLACE, READS_THEM):
        return []
    return [f"{module.where(node)} says what QEMU may open" for node in _said(module)]


def test_nodes_are_told_in_one_place() -> None:
    # A report opens nothing, and SARIF has a driver of its own.
    broken = [line for module in modules() if module.rooms[:1] != ("reports",) for line in _broken(module)]
    assert not broken, report("ask engine/qemu/nodes.py for a node; add a function there", broken)


def test_this_test_finds_them() -> None:
    text = """'''file.driver in a docstring'''
a = ("driver", "raw")
b = {"driver": "raw"}
c = f(driver="raw")
d = f"file.driver={x}"
e = ["--object", "secret,id=a"]
g = find("driver")
h = "json:{}"
"""
    module = Module(modules()[0].path, ("engine", "x"), text, ast.parse(text))
    lines = sorted({line.rpartition(":")[2].partition(" ")[0] for line in _broken(module)})
    assert lines == ["2", "3", "4", "5", "6", "8"]
    place = next(module for module in modules() if module.rooms == THE_PLACE)
    assert list(_said(place))

"""What every file of the package keeps to: its size, its types, its words, its errors."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from tests.house.source import Module, functions, modules, report

FILE_LINES = 450
FUNCTION_LINES = 60
# The modules of cli/ that write to a stream; everything else hands its words to them.
SPEAKERS = {("cli", "app"), *(("cli", "output", name) for name in ("output", "progress", "terminal"))}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}


def test_files_fit_a_sitting() -> None:
    broken = [
        f"{module.path} has {count} lines"
        for module in modules()
        if (count := len(module.text.splitlines())) > FILE_LINES
    ]
    assert not broken, report(f"a file has at most {FILE_LINES} lines: is there a room missing?", broken)


def test_functions_fit_a_screen() -> None:
    broken = [
        f"{module.where(node)} {node.name} has {lines} lines"
        for module in modules()
        for node in functions(module.tree)
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES
    ]
    assert not broken, report(f"a function has at most {FUNCTION_LINES} lines", broken)


# The outermost of a process: whatever comes there is told, and no traceback is for users.
OUTERMOST = {("cli", "app"), ("workflows", "settled")}


def test_only_the_app_catches_everything() -> None:
    broken = [
        f"{module.where(node)} name the errors you expect, and let the others fly to cli/app.py"
        for module in modules()
        if module.rooms not in OUTERMOST
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _catches_everything(node)
    ]
    assert not broken, report(
        "no bare except, no `except Exception` below cli/app.py; what is to be undone goes to an ExitStack",
        broken,
    )


def _catches_everything(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"Exception", "BaseException"})
        for kind in kinds
    )


def test_only_the_speakers_print() -> None:
    broken = [
        f"{module.where(node)} return it, and let cli/output/output.py show it"
        for module in modules()
        if module.rooms not in SPEAKERS
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not broken, report("print is for cli/output/output.py", broken)


def test_public_functions_are_typed() -> None:
    broken = [
        f"{module.where(node)} {node.name}: {', '.join(untyped)}"
        for module in modules()
        for node in functions(module.tree)
        if (untyped := _untyped(node))
    ]
    assert not broken, report("every argument and every result has a type", broken)


def _untyped(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    rest = [one for one in (node.args.vararg, node.args.kwarg) if one]
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *rest]
    names = [one.arg for one in arguments if one.annotation is None and one.arg not in {"self", "cls"}]
    return names + (["no return type"] if node.returns is None else [])


def test_public_things_have_docstrings() -> None:
    broken = [
        f"{module.where(node)} {name}"
        for module in modules()
        if module.is_public
        for node, name in _public_things(module)
        if not ast.get_docstring(node)
    ]
    assert not broken, report(
        "a module, and what is public in it, says what it is (units, errors, source)", broken
    )


def _public_things(module: Module) -> Iterator[tuple[ast.Module | ast.ClassDef | ast.FunctionDef, str]]:
    yield module.tree, str(module.path)
    for node in module.tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node, node.name
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from ((method, f"{node.name}.{method.name}") for method in _methods(node))


def _methods(node: ast.ClassDef) -> Iterator[ast.FunctionDef]:
    """The public methods that nobody else has described: not those of a protocol or of a class inherited from."""
    for method in node.body:
        if isinstance(method, ast.FunctionDef) and not method.name.startswith("_"):
            inherited = bool(node.bases) and not _is_protocol(node)
            if not inherited and (_is_protocol(node) or method.name not in _promised()):
                yield method


def _is_protocol(node: ast.ClassDef) -> bool:
    return any(isinstance(one, ast.Name) and one.id == "Protocol" for one in node.bases)


@cache
def _promised() -> frozenset[str]:
    """Names of methods that a protocol of ours describes, and those of a file."""
    found = {"read", "seek", "tell", "close", "write", "flush"}
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and _is_protocol(node):
                found |= {
                    one.name
                    for one in node.body
                    if isinstance(one, ast.FunctionDef) and ast.get_docstring(one)
                }
    return frozenset(found)


def test_files_are_named_for_what_they_hold() -> None:
    broken = [
        f"{module.path}: a function without a room shows that a room, or the function, is missing"
        for module in modules()
        if FORBIDDEN_NAMES & set(module.rooms)
    ]
    assert not broken, report(f"no file or folder is called {', '.join(sorted(FORBIDDEN_NAMES))}", broken)


def test_nothing_is_left_unfinished() -> None:
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X ", "NotImplemented" + "Error")
    broken = [
        f"{module.path}:{number} {line.strip()}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if any(mark in line for mark in marks)
    ]
    assert not broken, report("what is not done is not there: write it, or take it out", broken)


def test_no_mutable_module_state() -> None:
    """A list, dict or set at module level is a table only if it is written in capitals and never changed."""
    broken = []
    for module in modules():
        for node in module.tree.body:
            target: ast.expr | None = node.target if isinstance(node, ast.AnnAssign) else None
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target = node.targets[0]
            value = getattr(node, "value", None)
            if (
                isinstance(target, ast.Name)
                and isinstance(value, ast.List | ast.Dict | ast.Set)
                and not target.id.strip("_").isupper()
                and not target.id.startswith("__")
            ):
                broken.append(
                    f"{module.where(node)} {target.id}: a constant in capitals, or an object's field"
                )
    assert not broken, report("no mutable state at module level", broken)

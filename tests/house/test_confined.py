"""Nobody starts a process outside engine/confined/: whatever is started has a fence of its kind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import Module, modules, report

STARTERS = {
    "os": {"fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "startfile"},
    "pty": {"fork", "spawn"},
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "multiprocessing": {"Process", "Pool", "get_context"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
    "concurrent.futures": {"ProcessPoolExecutor"},
}
PREFIXES = ("exec", "spawn")  # of os: execv, execve, spawnl ...
# The servers of `imgtools mount` and `imgtools with`, the process of each of many images, and the forker of a fleet are
# imgtools itself: they start their programs as every command does.
ALLOWED: dict[tuple[str, ...], set[str]] = {
    ("fleet", "forked"): {"os.posix_spawn", "os.POSIX_SPAWN_DUP2"},
    ("workflows", "mount"): {"os.fork"},
    ("workflows", "many"): {"os.fork"},
    ("workflows", "shown_guest"): {"os.fork"},
    ("workflows", "with_guest"): {"os.fork"},
}
HOME = ("engine", "confined")


def _starts(module: Module) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.module in STARTERS:
            yield from (
                (node, f"{node.module}.{one.name}") for one in node.names if _is_start(node.module, one.name)
            )
        elif isinstance(node, ast.Attribute) and _is_start(ast.unparse(node.value), node.attr):
            yield node, ast.unparse(node)


def _is_start(module: str, name: str) -> bool:
    return name in STARTERS.get(module, ()) or (module == "os" and name.startswith(PREFIXES))


def _is_annotation(module: Module, node: ast.AST) -> bool:
    """``subprocess.Popen[bytes]`` names a type."""
    return any(isinstance(one, ast.Subscript) and one.value is node for one in ast.walk(module.tree))


def test_processes_are_started_in_one_place() -> None:
    broken = [
        f"{module.where(node)} {name}: start it with a fence (engine/confined/start.py, or engine/process.py)"
        for module in modules()
        if module.rooms[:2] != HOME
        for node, name in _starts(module)
        if name not in ALLOWED.get(module.rooms, ()) and not _is_annotation(module, node)
    ]
    assert not broken, report("processes are started in engine/confined/ only", broken)

"""The linters are tests: what they say is what `make lint` says."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from tests.house.source import ROOT, report, tracked_files

PYTHONS = (
    "3.11",
    "3.12",
    "3.13",
    "3.14",
)  # that of Debian 12, of Debian 13, and what is between and after them


@pytest.mark.parametrize(
    "words",
    [
        ["ruff", "check", "."],
        ["ruff", "format", "--check", "."],
        *(["mypy", "--python-version", version] for version in PYTHONS),
    ],
    ids=["ruff-check", "ruff-format", *(f"mypy-strict-{version}" for version in PYTHONS)],
)
def test_linter_is_silent(words: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"$ {' '.join(words)}\n{done.stdout}{done.stderr}"


def test_nothing_leaves_by_finally() -> None:
    """Python 3.14 warns whoever runs a program with a return, break or continue in a finally block (PEP 765)."""
    broken = [
        f"{path}:{leaving.lineno}"
        for path in tracked_files()
        if path.suffix == ".py"
        for block in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(block, ast.Try | ast.TryStar)
        for statement in block.finalbody
        for leaving in ast.walk(statement)
        if isinstance(leaving, ast.Return | ast.Break | ast.Continue)
    ]
    assert not broken, report("raise, or leave after the block", broken)

"""The watch over tests/unit (tests/unit/conftest.py) sees what it is there to see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.house.source import ROOT

TESTS = """
import os, subprocess, sys, threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import pytest
from fixtures.cache import root

PROGRAM = [sys.executable, "-c", ""]


@pytest.fixture
def started():
    subprocess.run(PROGRAM)


def test_popen(): subprocess.run(PROGRAM)
def test_spawn(): os.posix_spawn(sys.executable, PROGRAM, {})
def test_fork(): os.fork() or os._exit(0)
def test_shell(): os.system("true")
def test_by_a_fixture(started): pass
def test_a_failure_that_is_caught():
    try: subprocess.run(PROGRAM)
    except BaseException: pass
def test_in_another_thread():
    with ThreadPoolExecutor() as pool: pool.submit(subprocess.run, PROGRAM)
def test_a_built_fixture():
    with (root() / "x").open(): pass
@pytest.mark.host
def test_that_says_so(started): subprocess.run(PROGRAM)
def test_of_a_file(tmp_path): (tmp_path / "x").write_text("x")
"""


def test_a_unit_test_that_starts_a_program_says_so(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests" / "unit" / "conftest.py").read_bytes())
    (tmp_path / "test_some.py").write_text(TESTS)
    argv: list[str | Path] = [
        sys.executable,
        "-m",
        "pytest",
        "-c",
        ROOT / "pyproject.toml",
        "-p",
        "no:cacheprovider",
        tmp_path,
    ]
    done = subprocess.run(
        [*argv, "--rootdir", tmp_path, "-rA"], capture_output=True, text=True, check=False, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.fspath(ROOT)},
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED", "ERROR"))]
    passed = {line.rpartition("::")[2].split(" ")[0] for line in lines if line.startswith("PASSED")}
    assert passed == {"test_that_says_so", "test_of_a_file"}, done.stdout
    assert len(lines) == 10

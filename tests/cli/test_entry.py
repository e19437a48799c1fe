"""How the program starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from imgtools.__main__ import INTERRUPTED

# The module that brings all others, as it is read when Ctrl-C comes.
INTERRUPTED_MODULE = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nfor _ in range(10**9): pass\n"


@pytest.mark.parametrize("module", ["imgtools/cli/app.py", "typer/__init__.py"])
def test_ctrl_c_while_modules_are_read_is_no_traceback(module: str, tmp_path: Path) -> None:
    place = tmp_path / Path(module).name
    place.write_text(INTERRUPTED_MODULE)
    name = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    program = (
        "import importlib.util, sys\n"
        "class Finder:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        f"        return importlib.util.spec_from_file_location(name, {str(place)!r}) if name == {name!r} else None\n"
        "sys.meta_path.insert(0, Finder)\n"
        "from imgtools.__main__ import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (INTERRUPTED, "", "")
    assert INTERRUPTED == 128 + signal.SIGINT


@pytest.mark.parametrize("words", [["-m", "imgtools"], [str(Path(sys.executable).with_name("imgtools"))]])
def test_both_ways_in_answer_alike(words: list[str]) -> None:
    words = [sys.executable, *words] if words[0] == "-m" else words
    ran = subprocess.run([*words, "--version"], capture_output=True, text=True, check=False, env=os.environ)
    assert ran.returncode == 0 and ran.stdout.startswith("imgtools ")
    ran = subprocess.run([*words, "no-such-command"], capture_output=True, text=True, check=False)
    assert ran.returncode == 2 and "no-such-command" in ran.stderr

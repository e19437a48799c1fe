"""A program that asks again and again keeps no process of an earlier answer, even where nobody collects garbage."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.fixtures import copy_fixture

PROGRAM = """
import gc, os, sys
from pathlib import Path
import imgtools
from imgtools.errors import ImgtoolsError

gc.disable()
image, output = sys.argv[1:]
mine = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")

def left():
    return mine.read_text().split()

for name, call in {
    "inspect": lambda: imgtools.inspect(image),
    "ls": lambda: imgtools.ls(image, "/"),
    "find": lambda: imgtools.find(image, "/"),
    "log": lambda: imgtools.log(image),
    "missing": lambda: imgtools.cat(image, "/no/such/file"),
    "registry": lambda: imgtools.registry_get(image, r"HKLM\\SOFTWARE\\Microsoft\\Cryptography"),
    "no key": lambda: imgtools.registry_get(image, r"HKLM\\SOFTWARE\\Nothing"),
    "plan": lambda: imgtools.sysprep(image),
    "write": lambda: imgtools.write(image, "/new.txt", b"x", write=True),
    "output": lambda: imgtools.write(image, "/new.txt", b"y", output=output, overwrite=True),
}.items():
    for _ in range(2):
        try:
            call()
        except ImgtoolsError:
            pass
        if left():
            print(name, left())
"""


@pytest.mark.parametrize("guest", ["windows", "debian"])
def test_no_process_is_left(guest: str, tmp_path: Path) -> None:
    (image,) = copy_fixture(guest, tmp_path)
    words = [sys.executable, "-c", PROGRAM, str(image), str(tmp_path / "new.qcow2")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stderr

"""What `import imgtools` offers stays as it is, is typed, and costs nothing until it is used."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import venv
from pathlib import Path

import imgtools
from tests.house.source import PACKAGE, ROOT, report
from tools import cookbook, surface

DOOR = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
# A program that checkers have to refuse, line by line, and what they have to say of each line.
WRONG = (
    ("import imgtools", ""),
    ('with imgtools.open_image("a.qcow2") as image:', ""),
    ("    plan = imgtools.make_plan(image, [], imgtools.the_guest(image).mounts)", ""),
    ("    image.apply(plan)", "attr-defined"),
    ('imgtools.df("a.qcow2", engine="quick")', "arg-type"),
    ('imgtools.df("a.qcow2", engin="direct")', "call-arg"),
    ('imgtools.df("a.qcow2", write=True)', "call-arg"),
    ('imgtools.edit("a.qcow2", "/etc/motd", b"new")', "arg-type"),
    ("imgtools.cat(7, '/etc/motd')", "arg-type"),
    ("imgtools.no_such_name()", "attr-defined"),
    ('text: str = imgtools.cat("a.qcow2", "/etc/motd")', "assignment"),
)


def _imported_for_checkers() -> dict[str, str]:
    """The public names that type checkers see, with the modules that they see them in."""
    block = next(node for node in DOOR.body if isinstance(node, ast.If))
    found = [node for node in block.body if isinstance(node, ast.ImportFrom) and node.module != "imgtools"]
    return {alias.name: str(node.module) for node in found for alias in node.names}


def test_checkers_and_programs_see_the_same_names() -> None:
    assert _imported_for_checkers() == surface.homes()
    assert imgtools.__all__ == sorted([*surface.homes(), "errors"])
    assert set(imgtools.__all__) <= set(dir(imgtools))
    assert [name for name in imgtools.__all__ if not hasattr(imgtools, name)] == []
    assert not hasattr(imgtools, "no_such_name")


def test_no_name_is_that_of_a_room() -> None:
    """Python would put the room in its place as soon as something imports it."""
    rooms = {path.stem for path in PACKAGE.iterdir()} - {"errors"}
    assert not rooms & set(imgtools.__all__), "call it otherwise: list_filesystems, resize_disk"


def test_names_signatures_and_fields_are_those_of_the_list() -> None:
    now, then = surface.listing(), (ROOT / surface.GOLDEN).read_text(encoding="utf-8")
    gone = [line for line in then.splitlines() if line not in now.splitlines()]
    assert now == then, report(
        "the interface for programs has changed: docs/python.md says what must stay; if it does, write the list "
        "anew (python -m tools.surface). What is gone or other than before:",
        gone,
    )


def test_importing_costs_nothing() -> None:
    program = "import imgtools, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(done.stdout)
    assert [name for name in loaded if name.startswith("imgtools.")] == []
    assert not {"logging", "subprocess", "dataclasses", "yaml"} & set(loaded)


def _check(folder: Path, programs: dict[str, str]) -> str:
    """Check programs as their author would who has installed the package, and return what mypy says."""
    venv.create(folder / "venv", with_pip=False)
    site = next((folder / "venv").glob("lib/python3*/site-packages"))
    (site / "imgtools.pth").write_text(f"{ROOT}\n")  # only a package with a py.typed is looked at there
    for name, text in programs.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    words = ["--strict", "--no-error-summary", "--cache-dir", str(ROOT / ".mypy_cache" / "programs")]
    words += ["--python-executable", str(folder / "venv" / "bin" / "python")]
    environment = {name: value for name, value in os.environ.items() if name != "MYPYPATH"}
    mypy = [sys.executable, "-m", "mypy", *words, *(f"{name}.py" for name in programs)]
    return subprocess.run(
        mypy, cwd=folder, capture_output=True, text=True, check=False, env=environment
    ).stdout


def test_programs_of_users_are_checked_strictly(tmp_path: Path) -> None:
    good = {f"program_{program.name}": program.text for program in cookbook.programs()}
    said = _check(tmp_path, {**good, "wrong": "".join(f"{line}\n" for line, _ in WRONG)})
    expected = [f"wrong.py:{number}: {code}" for number, (_, code) in enumerate(WRONG, 1) if code]
    found = [
        f"{line.split(': ')[0]}: {line.rpartition('[')[2].rstrip(']')}"
        for line in said.splitlines()
        if ": error: " in line
    ]
    assert found == expected, said

"""Gathering facts of the host: each for itself, and only what is there."""

from __future__ import annotations

import ast
import fcntl
import sys
from pathlib import Path
from types import ModuleType

import pytest

from imgtools.engine import host
from tests.house.source import modules


def test_a_module_that_is_missing_is_a_fact() -> None:
    fact = host._binding("no_such_binding_anywhere", "X")
    assert "No module named" in fact.problem
    assert not fact.path


def test_the_hivex_of_pypi_is_not_hivex(monkeypatch: pytest.MonkeyPatch) -> None:
    impostor = ModuleType("hivex")
    impostor.__file__ = "/venv/site-packages/hivex/__init__.py"
    monkeypatch.setitem(sys.modules, "hivex", impostor)
    fact = host._binding("hivex", "Hivex")
    assert fact.path == impostor.__file__
    assert "another program" in fact.problem


def test_a_binding_whose_library_is_missing_is_a_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_library(name: str) -> ModuleType:
        raise OSError("libaugeas.so.0: cannot open shared object file")

    monkeypatch.setattr(host.importlib, "import_module", no_library)
    assert "libaugeas.so.0" in host._binding("augeas", "Augeas").problem


def test_doctor_knows_every_module_that_the_engines_import() -> None:
    """Whoever adds a dependency to an engine adds it here, so that doctor can say that it is missing."""
    found = set()
    for module in modules():
        if module.rooms[:1] != ("engine",):
            continue
        for node in ast.walk(module.tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []
            found |= {name.split(".")[0] for name in names}
    ours = {"imgtools", "_typeshed", ""}
    assert found - set(sys.stdlib_module_names) - ours <= set(host.BINDINGS)


@pytest.mark.host
@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("qemu-img version 7.2.22 (Debian 1:7.2+dfsg)", "7.2.22"),
        ("e2fsck 1.47.0 (5-Feb-2023)", "1.47.0"),
        ("systemd 252 (252.39-1~deb12u2)", "252.39"),
        ("no number here", ""),
    ],
)
def test_the_version_is_the_first_number_with_a_dot(tmp_path: Path, text: str, version: str) -> None:
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho '{text}'\nexit 3\n")
    program.chmod(0o755)
    assert host._version(str(program), "--version") == version


def test_an_appliance_that_is_built_or_being_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path))
    monkeypatch.delenv("LIBGUESTFS_PATH", raising=False)
    assert not host.find_appliance().built
    folder = Path(host.find_appliance().folder)
    (folder / "appliance.d").mkdir(parents=True)
    (folder / "appliance.d" / "root").touch()
    (folder / "lock").touch()
    fact = host.find_appliance()
    assert (fact.built, fact.locked, fact.problem) == (True, False, "")


def test_a_lock_held_elsewhere_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def held(*_: object) -> None:
        raise BlockingIOError

    lock = tmp_path / "lock"
    lock.touch()
    monkeypatch.setattr(fcntl, "lockf", held)
    assert host._is_locked(lock)
    assert not host._is_locked(tmp_path / "none")


def test_locks_that_do_not_work_are_a_fact() -> None:
    def refused(*_: object) -> None:
        raise OSError(37, "No locks available")

    assert "No locks available" in host._lock_problem(refused)
    assert host._lock_problem() == ""


def test_room_of_a_folder_that_is_made_later(tmp_path: Path) -> None:
    room = host._room("cache", tmp_path / "not" / "yet" / "there")
    assert room.writable
    assert room.free > 0


def test_devices_that_are_missing_or_closed(tmp_path: Path) -> None:
    assert "there is no" in host._device_problem(tmp_path / "fuse")
    (tmp_path / "fuse").touch()
    assert host._device_problem(tmp_path / "fuse") == ""


@pytest.mark.parametrize(
    ("effective", "bounding", "flag", "user", "says"),
    [
        ("000001ffffffffff", "000001ffffffffff", 0, 0, ""),
        ("0000000000000000", "000001ffffffffff", 0, 1000, ""),
        ("0000000000200000", "0000000000200000", 0, 0, ""),
        ("0000000000100000", "000001ffffffffff", 0, 0, "CAP_SYS_ADMIN"),
        ("0000000000000000", "00000000a80425fb", 0, 1000, "CAP_SYS_ADMIN"),
        ("0000000000000000", "000001ffffffffff", 1, 1000, "no_new_privs"),
        ("000001ffffffffff", "000001ffffffffff", 1, 0, ""),
    ],
)
def test_who_may_mount(
    tmp_path: Path, effective: str, bounding: str, flag: int, user: int, says: str
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tx\nCapEff:\t{effective}\nCapBnd:\t{bounding}\nNoNewPrivs:\t{flag}\n")
    problem = host._mount_problem(status, user)
    assert says in problem and bool(says) == bool(problem)

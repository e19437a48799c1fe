"""What this host can load, told apart from what nobody has."""

from __future__ import annotations

import pytest

from imgtools.engine.loadable import driver_problem, library_problem

pytestmark = pytest.mark.host


def test_a_library_that_is_there_and_one_that_is_not() -> None:
    assert library_problem("libc.so.6") == ""
    assert "libnosuch.so.0" in library_problem("libnosuch.so.0")


def test_a_driver_that_is_there_and_one_that_is_not() -> None:
    assert driver_problem("nbd") == "" == driver_problem("iscsi")
    assert driver_problem("nosuch") == "QEMU has no driver nosuch"


def test_without_qemu_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert "qemu-img" in driver_problem("iscsi")

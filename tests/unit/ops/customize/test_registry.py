"""A .reg file as an order: several hives at once, on the guest as the orders before leave it."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import HostError, UnsupportedGuest, UsageError
from tests.support.customized import carry_out, guest_with
from tests.support.windows_guest import planned, value, windows_guest

pytestmark = pytest.mark.host

REG = """Windows Registry Editor Version 5.00

[HKEY_LOCAL_MACHINE\\SOFTWARE\\New\\Deep]
"text"="Grüße"
; a comment
[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\ComputerName\\ComputerName]
"ComputerName"=-
[HKEY_USERS\\alice.NEW\\Environment]
"whose"="bob"
"""


def order(tmp_path: Path, text: str) -> tuple[str, str]:
    (tmp_path / "a.reg").write_text(text, encoding="utf-16")
    return "registry", str(tmp_path / "a.reg")


def test_three_hives_by_one_file_and_nothing_is_left_to_do(tmp_path: Path) -> None:
    guest, tree = windows_guest()
    one = order(tmp_path, REG)
    carry_out(guest, tree, one)
    text = value(tree, r"SOFTWARE\New\Deep", "text")
    assert text and text.text == "Grüße"
    assert value(tree, r"SYSTEM\ControlSet002\Control\ComputerName\ComputerName", "ComputerName") is None
    assert planned(guest, one) == ()


def test_what_an_order_before_set_is_what_it_finds(tmp_path: Path) -> None:
    guest, tree = windows_guest()
    carry_out(guest, tree, ("hostname", "other"), order(tmp_path, REG))
    assert value(tree, r"SYSTEM\ControlSet002\Control\ComputerName\ComputerName", "ComputerName") is None
    name = value(tree, r"SYSTEM\ControlSet002\Services\Tcpip\Parameters", "Hostname")
    assert name and name.text == "other"


def test_what_is_refused(tmp_path: Path) -> None:
    guest, tree = windows_guest()
    with pytest.raises(UsageError, match=r"a\.reg, line 3, column 1"):
        carry_out(guest, tree, order(tmp_path, "Windows Registry Editor Version 5.00\n\nnonsense\n"))
    with pytest.raises(UsageError, match="while a user is logged on"):
        carry_out(guest, tree, order(tmp_path, '[HKEY_CURRENT_USER\\Environment]\n"a"="b"\n'))
    with pytest.raises(HostError, match="cannot read"):
        carry_out(guest, tree, ("registry", str(tmp_path / "none.reg")))
    guest, tree = guest_with({"/etc/os-release": ""})
    with pytest.raises(UnsupportedGuest, match="registry is not for"):
        carry_out(guest, tree, order(tmp_path, REG))

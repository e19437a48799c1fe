"""A Windows that generalises itself when it boots next: what keeps it from it, and what its setup is told."""

from __future__ import annotations

import base64
import re
import struct
from pathlib import Path

import pytest

from imgtools.change.applier import apply_changes
from imgtools.change.change import Change, FileChange, WriteFile
from imgtools.change.writable_tree import WritableTree
from imgtools.errors import UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize.product_key import read
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.ops.operation import HostSide
from imgtools.records.request import Secret
from tests.support.customized import carry_out
from tests.support.hives import Keys, make_hive
from tests.support.memory import Content
from tests.support.windows_guest import GENERALISED, SETUP_STATE, planned, windows_guest
from tests.unit.ops.customize.test_timezone_windows import HAS as ZONES

pytestmark = pytest.mark.host

SYSPREP: dict[str, Content] = {"/Windows/System32/Sysprep/sysprep.exe": "MZ"}
STAGED = "/ProgramData/imgtools/firstboot/unattend.xml"
PANTHER = "/Windows/Panther/unattend.xml"
SCRIPTS = "/ProgramData/imgtools/firstboot/scripts"
CURRENT = r"Microsoft\Windows\CurrentVersion"
KEY = "ABCDE-12345-ABCDE-12345-ABCDE"
REBOOT = ("generalize", "reboot")


def guest_of(software: Keys | None = None, **more: Content) -> tuple[Guest, WritableTree]:
    return windows_guest({**ZONES, **(software or {})}, more={**SYSPREP, **more})


def domain(name: str, *, joined: bool) -> bytes:
    """A SECURITY hive of a machine in a domain, or in a workgroup of that name."""
    text = name.encode("utf-16-le")
    sid = struct.pack("<BB6sIIIII", 1, 4, b"\0\0\0\0\0\5", 21, 1, 2, 3, 0)
    policy: Keys = {
        r"Policy\PolPrDmN": {"": struct.pack("<HHI", len(text), len(text), 8) + text},
        r"Policy\PolPrDmS": {"": sid if joined else b""},
    }
    return make_hive(policy, "SECURITY")


def test_what_waits_for_the_next_boot() -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, REBOOT)
    answers = tree.read_text(STAGED)
    assert "<SkipMachineOOBE>true</SkipMachineOOBE>" in answers
    script = tree.read_text(f"{SCRIPTS}/0001-generalize.cmd")
    assert 'sysprep.exe" /generalize /oobe /quiet /quit /unattend:"%answers%"' in script
    assert 'shutdown.exe" /r /t 30' in script and 'del /f /q "%answers%"' in script
    assert not tree.exists("/Windows/Setup/Scripts/SetupComplete.cmd")
    assert planned(guest, REBOOT) == ()


def test_a_template_shuts_down() -> None:
    guest, tree = guest_of()
    carry_out(guest, tree, ("generalize", "shutdown"))
    assert 'shutdown.exe" /s /t 30' in tree.read_text(f"{SCRIPTS}/0001-generalize.cmd")


def test_what_follows_may_be_said_anew() -> None:
    """And what its setup is to be told stays."""
    guest, tree = guest_of()
    carry_out(guest, tree, REBOOT, ("hostname", "web-1"))
    carry_out(guest, tree, ("generalize", "shutdown"))
    assert 'shutdown.exe" /s /t 30' in tree.read_text(f"{SCRIPTS}/0001-generalize.cmd")
    assert [one.name for one in tree.list_dir(SCRIPTS)] == ["0001-generalize.cmd"]
    assert "<ComputerName>web-1</ComputerName>" in tree.read_text(STAGED)
    assert planned(guest, ("generalize", "shutdown")) == ()


def test_what_is_ordered_beside_it_is_told_to_its_setup_wherever_it_stands() -> None:
    guest, tree = guest_of()
    carry_out(
        guest,
        tree,
        ("hostname", "web-1"),
        ("timezone", "Asia/Tokyo"),
        ("locale", "de_DE.UTF-8"),
        ("first-logon-command", "cmd /c <one>"),
        ("firstboot-command", "ver"),
        REBOOT,
    )
    answers = tree.read_text(STAGED)
    assert "<ComputerName>web-1</ComputerName>" in answers
    assert "<TimeZone>Tokyo Standard Time</TimeZone>" in answers
    assert "<SystemLocale>de-DE</SystemLocale>" in answers and "UILanguage" not in answers
    assert "<CommandLine>cmd /c &lt;one&gt;</CommandLine>" in answers
    assert not tree.exists(PANTHER)
    # What is to run at the first boot of the new machine does not run in the old one, before it is generalised.
    assert [one.name for one in tree.list_dir(SCRIPTS)] == ["0001-generalize.cmd", "0002-command.cmd"]
    assert tree.is_file("/Windows/Setup/Scripts/SetupComplete.cmd")


def test_a_language_that_is_installed_is_spoken() -> None:
    system: Keys = {r"ControlSet002\Control\MUI\UILanguages\de-DE": {"Type": 274}}
    guest, tree = windows_guest(GENERALISED, system)
    carry_out(guest, tree, ("locale", "de-DE"))
    assert "<UILanguage>de-DE</UILanguage>" in tree.read_text(PANTHER)


def with_secrets(guest: Guest, tree: WritableTree, *orders: Named) -> tuple[Change, ...]:
    plan = tuple(plan_orders(guest, orders))
    apply_changes(tree, [change for change in plan if isinstance(change, FileChange)])
    return plan


def test_a_product_key_is_told_and_not_shown() -> None:
    guest, tree = windows_guest(GENERALISED)
    plan = with_secrets(guest, tree, Named("product-key", Order("", Secret(KEY.encode()))))
    assert f"<ProductKey>{KEY}</ProductKey>" in tree.read_text(PANTHER)
    assert [change.private for change in plan if isinstance(change, WriteFile)] == [True]


def test_a_product_key_is_read_as_a_secret(tmp_path: Path) -> None:
    host = HostSide(lambda prompt: KEY.lower())
    (tmp_path / "key").write_text(f"{KEY}\n")
    for text in (f"file:{tmp_path / 'key'}", "ask", f"key:{KEY}"):
        order = read(text, host)
        assert not order.text and order.secret and order.secret.reveal() == KEY.encode()
    for text in (KEY, "file:", "key:ABCDE", "random"):
        with pytest.raises(UsageError) as raised:
            read(text, host)
        assert "ABCDE" not in raised.value.message


@pytest.mark.parametrize(
    ("software", "more", "why"),
    [
        ({}, {"/Windows/WinSxS/pending.xml": "x"}, "servicing is to do at the next boot"),
        ({rf"{CURRENT}\Component Based Servicing\RebootPending": {}}, {}, "servicing waits for a restart"),
        ({rf"{CURRENT}\Component Based Servicing\PackagesPending": {}}, {}, "servicing waits for a restart"),
        ({rf"{CURRENT}\WindowsUpdate\Auto Update\RebootRequired": {}}, {}, "Windows Update waits"),
        ({SETUP_STATE: {"ImageState": "IMAGE_STATE_UNDEPLOYABLE"}}, {}, "is being set up"),
        ({}, {"/Windows/System32/config/SECURITY": domain("CORP", joined=True)}, "joined the domain CORP"),
    ],
)
def test_what_its_sysprep_would_refuse(software: Keys, more: dict[str, Content], why: str) -> None:
    guest, tree = guest_of(software, **more)
    with pytest.raises(UnsupportedGuest, match=why):
        carry_out(guest, tree, REBOOT)


def test_a_workgroup_is_no_domain() -> None:
    guest, tree = guest_of(**{"/Windows/System32/config/SECURITY": domain("WORKGROUP", joined=False)})
    carry_out(guest, tree, REBOOT)
    assert tree.is_file(STAGED)


def test_one_that_is_generalised_is_left_alone() -> None:
    guest, _ = guest_of(GENERALISED)
    assert planned(guest, REBOOT) == ()


def test_who_cannot() -> None:
    guest, tree = windows_guest()
    with pytest.raises(UnsupportedGuest, match="has no System32/Sysprep"):
        carry_out(guest, tree, REBOOT)
    with pytest.raises(UsageError, match="neither shutdown nor reboot"):
        carry_out(guest, tree, ("generalize", "now"))
    system: Keys = {"Setup": {"SystemSetupInProgress": 1}}
    guest, tree = windows_guest(system=system, more=SYSPREP)
    with pytest.raises(UnsupportedGuest, match="is being set up"):
        carry_out(guest, tree, REBOOT)


@pytest.mark.parametrize(
    "order",
    [("locale", "de-DE"), ("first-logon-command", "x"), ("product-key", "key")],
    ids=lambda one: one[0],
)
def test_what_only_setup_can_do_is_refused_of_one_that_is_set_up(order: tuple[str, str]) -> None:
    guest, tree = guest_of()
    with pytest.raises(UnsupportedGuest, match="set up already") as raised:
        carry_out(guest, tree, order)
    assert "--generalize" in raised.value.hint


@pytest.mark.parametrize("order", [("locale", "german"), ("first-logon-command", "a\nb")])
def test_what_is_not_written_so(order: tuple[str, str]) -> None:
    guest, tree = windows_guest(GENERALISED)
    with pytest.raises(UsageError):
        carry_out(guest, tree, order)


def test_the_passwords_of_others_do_not_get_into_the_answers() -> None:
    """Setup gives the administrator's only; base64 is no secret, so nothing is told in vain."""
    guest, tree = guest_of()
    carry_out(guest, tree, REBOOT, ("user", "bob"))
    with_secrets(guest, tree, Named("password", Order("bob::", Secret(b"pw"))))
    script = tree.read_text(f"{SCRIPTS}/0003-password.ps1")
    found = re.search(r"FromBase64String\('([^']*)'\)", script)
    assert found and base64.b64decode(found[1]) == b"pw"
    assert "Password" not in tree.read_text(STAGED)

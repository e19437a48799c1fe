"""Users and network cards of a Windows guest: scripts of the first boot, and what is refused."""

from __future__ import annotations

import struct

import pytest

from imgtools.change.writable_tree import WritableTree
from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Named, Order, plan_orders
from imgtools.ops.windows_accounts import quoted
from imgtools.records.request import Secret
from tests.support.customized import carry_out
from tests.support.hives import Keys, make_hive
from tests.support.windows_guest import GENERALISED, planned, windows_guest

pytestmark = pytest.mark.host

SCRIPTS = "/ProgramData/imgtools/firstboot/scripts"
ACCOUNTS = r"SAM\Domains\Account"
SAM: Keys = {
    ACCOUNTS: {"V": struct.pack("<III", 1, 2, 3)},
    rf"{ACCOUNTS}\Users\Names\Verwalter": {"": (500, b"")},
    rf"{ACCOUNTS}\Users\Names\alice": {"": (1001, b"")},
}
CARD = "lan=192.0.2.10/24,2001:db8::10/64,gateway=192.0.2.1,gateway=fe80::1,dns=192.0.2.53,dns=192.0.2.54,search=a.test"


def guest_with_users(software: Keys | None = None) -> tuple[Guest, WritableTree]:
    return windows_guest(software, more={"/Windows/System32/config/SAM": make_hive(SAM, "SAM")})


def password(user: str, secret: bytes = b"pass'word", state: str = "") -> Named:
    return Named("password", Order(f"{user}:{state}:", None if state else Secret(secret)))


def test_a_user_is_made_by_a_script() -> None:
    guest, tree = guest_with_users()
    order = ("user", "bob:groups=Remote Desktop Users+Büro,sudo=yes,gecos=Bob O'Neil")
    carry_out(guest, tree, order)
    text = tree.read_bytes(f"{SCRIPTS}/0001-user-bob.ps1").decode("utf-8-sig")
    assert "$name = 'bob'" in text and "$user.FullName = 'Bob O''Neil'" in text
    assert "@('S-1-5-32-555', 'Büro', 'S-1-5-32-544')" in text
    assert "{{" not in text
    assert planned(guest, order) == ()


def test_a_password_is_not_shown_and_the_plan_says_where_it_lies() -> None:
    guest, _ = guest_with_users()
    plan = tuple(plan_orders(guest, [password("Alice")]))
    (script,) = [one for one in plan if getattr(one, "path", "").endswith("0001-password.ps1")]
    assert getattr(script, "private", False)
    assert "lies in the image" in getattr(script, "what", "")


def test_the_administrators_is_told_to_a_setup_that_is_to_come_whatever_his_name() -> None:
    guest, _ = guest_with_users(GENERALISED)
    change = tuple(plan_orders(guest, [password("verwalter")]))[-1]
    assert getattr(change, "path", "") == "/Windows/Panther/unattend.xml"
    assert b"<AdministratorPassword><Value>" in getattr(change, "content", b"")
    assert "lies in the image" in getattr(change, "what", "")


def test_who_is_not_there_has_no_password_unless_he_is_made_before() -> None:
    guest, _ = guest_with_users()
    with pytest.raises(NotInGuest, match="no user 'bob'") as raised:
        tuple(plan_orders(guest, [password("bob")]))
    assert raised.value.hint == "it has Verwalter, alice"
    made = tuple(plan_orders(guest, [password("Bob X"), Named("user", Order("bob x"))]))
    names = [getattr(one, "path", "").rpartition("/")[2] for one in made]
    assert names.index("0002-password.ps1") > 0


@pytest.mark.parametrize(
    "text", ["", "a" * 21, "a/b", "...", "a@b", "bob:shell=/bin/sh", "bob:sudo=nopasswd", "b:gecos"]
)
def test_users_that_windows_does_not_take(text: str) -> None:
    guest, tree = guest_with_users()
    with pytest.raises(UsageError):
        carry_out(guest, tree, ("user", text))


def test_what_is_refused() -> None:
    guest, tree = guest_with_users()
    with pytest.raises(NotInGuest, match="has a user ALICE already"):
        carry_out(guest, tree, ("user", "ALICE"))
    with pytest.raises(UnsupportedGuest, match="only the password can be set"):
        tuple(plan_orders(guest, [password("alice", state="locked")]))
    with pytest.raises(UsageError, match="longer than Windows takes"):
        tuple(plan_orders(guest, [password("alice", b"x" * 128)]))
    with pytest.raises(UsageError, match="not UTF-8"):
        tuple(plan_orders(guest, [password("alice", b"\xff")]))


def test_nothing_ends_a_quoted_text() -> None:
    """PowerShell takes the typographer's quotes for its own."""
    assert quoted("a'b\u2019; calc") == "'a''b\u2019\u2019; calc'"


def test_a_card_is_found_by_its_address() -> None:
    guest, tree = windows_guest()
    order = ("interface", f"{CARD},mac=52-54-00-AB-CD-EF")
    carry_out(guest, tree, order)
    lines = tree.read_text(f"{SCRIPTS}/0001-interface.ps1").splitlines()
    address = "address=192.0.2.10 mask=255.255.255.0 gateway=192.0.2.1"
    assert any("$_.MACAddress -eq '52:54:00:AB:CD:EF'" in line for line in lines)
    assert [line for line in lines if line.startswith("Run ")] == [
        f'Run interface ipv4 set address "name=$index" source=static {address}',
        'Run interface ipv6 add address "interface=$index" address=2001:db8::10/64',
        'Run interface ipv6 add route prefix=::/0 "interface=$index" nexthop=fe80::1',
        'Run interface ipv4 set dnsservers "name=$index" address=192.0.2.53 source=static validate=no',
        'Run interface ipv4 add dnsservers "name=$index" address=192.0.2.54 index=2 validate=no',
    ]
    assert any("SetDNSDomain('a.test')" in line for line in lines)
    assert planned(guest, order) == ()


def test_a_card_that_asks_for_its_address() -> None:
    guest, tree = windows_guest()
    carry_out(guest, tree, ("interface", "lan=dhcp,mac=52:54:00:ab:cd:ef"))
    text = tree.read_text(f"{SCRIPTS}/0001-interface.ps1")
    assert 'set address "name=$index" source=dhcp' in text
    assert 'set dnsservers "name=$index" source=dhcp' in text


def test_a_card_that_is_not_named_is_not_guessed() -> None:
    guest, tree = windows_guest()
    with pytest.raises(UsageError, match="which card of the Windows is meant"):
        carry_out(guest, tree, ("interface", CARD))
    with pytest.raises(UsageError, match="searches one domain"):
        carry_out(guest, tree, ("interface", f"{CARD},search=b.test,mac=52:54:00:ab:cd:ef"))

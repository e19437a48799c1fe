"""The accounts of a Windows guest, from the SAM hive and from profiles."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest

from imgtools.files.tree import GuestTree
from imgtools.guest.windows.registry import open_registry
from imgtools.guest.windows.sam import WindowsUser, read_users
from tests.support.hives import Data, Keys, make_hive
from tests.support.windows import windows_files

CONFIG = "/Windows/System32/config"


def users_of(files: GuestTree) -> tuple[WindowsUser, ...]:
    with open_registry(files, "/Windows") as registry:
        return read_users(registry)


def account(rid: int, full_name: str, flags: int, last_login: int, hash_length: int) -> Mapping[str, Data]:
    """The F and V values of one account."""
    facts = bytearray(80)
    struct.pack_into("<Q", facts, 8, last_login)
    struct.pack_into("<I", facts, 0x30, rid)
    struct.pack_into("<H", facts, 0x38, flags)
    name = full_name.encode("utf-16-le")
    words = bytearray(0xCC) + name
    struct.pack_into("<II", words, 0x18, 0, len(name))
    struct.pack_into("<I", words, 0xAC, hash_length)
    return {"F": bytes(facts), "V": bytes(words)}


def test_users() -> None:
    sids = (
        b"\1\5\0\0\0\0\0\5"
        + struct.pack("<5I", 21, 1, 2, 3, 1001)
        + b"\1\1\0\0\0\0\0\5"
        + struct.pack("<I", 18)
    )
    group = bytearray(0x34) + sids
    struct.pack_into("<III", group, 0x28, 0, len(sids), 2)
    accounts = r"SAM\Domains\Account"
    sam = make_hive(
        {
            accounts: {"V": bytes(40) + struct.pack("<III", 1, 2, 3)},
            rf"{accounts}\Users\000003E9": account(
                1001, "Alice Beispiel", 0x214, 133_500_000_000_000_000, 56
            ),
            rf"{accounts}\Users\000001F5": account(501, "", 0x215, 0, 24),
            rf"{accounts}\Users\Names\alice": {"": (1001, b"")},
            rf"{accounts}\Users\Names\Gast": {"": (501, b"")},
            r"SAM\Domains\Builtin\Aliases\00000220": {"C": bytes(group)},
        }
    )
    files = windows_files(more={f"{CONFIG}/SAM": sam})
    guest, alice, bob = users_of(files)
    assert (guest.name, guest.sid, guest.disabled, guest.password_set) == (
        "Gast",
        "S-1-5-21-1-2-3-501",
        True,
        False,
    )
    assert (guest.last_login, guest.administrator, guest.home) == (0, False, "")
    assert (alice.name, alice.full_name, alice.home) == ("alice", "Alice Beispiel", "/Users/alice.NEW")
    assert (alice.disabled, alice.administrator, alice.password_set) == (False, True, True)
    assert alice.last_login == (133_500_000_000_000_000 - 116_444_736_000_000_000) * 100
    # A domain's user is known from the profile alone.
    assert (bob.name, bob.local, bob.home, bob.disabled) == ("bob", False, "/Users/bob", None)


def test_users_of_a_sam_with_broken_values() -> None:
    accounts = r"SAM\Domains\Account"
    sam = make_hive(
        {
            accounts: {"V": b"\1"},
            rf"{accounts}\Users\000003E9": {"F": b"\1", "V": b"\2"},
            rf"{accounts}\Users\Names\alice": {"": (1001, b"")},
            rf"{accounts}\Users\Names\ghost": {"": (1002, b"")},
            r"SAM\Domains\Builtin\Aliases\00000220": {"C": bytes(0x28) + struct.pack("<III", 0, 99, 9)},
        }
    )
    files = windows_files(more={f"{CONFIG}/SAM": sam})
    alice, ghost = users_of(files)[:2]
    assert (alice.name, alice.disabled, alice.full_name, alice.password_set) == ("alice", None, "", None)
    assert ghost.name == "ghost"


# -- locks and passwords -------------------------------------------------------------------------------------

DAY = 133_500_000_000_000_000


def alone(
    flags: int, wrong: int = 0, changed: int = DAY, hash_length: int = 56, threshold: int = 5
) -> WindowsUser:
    """The one account of a machine that locks accounts after some wrong passwords."""
    values = dict(account(1001, "", flags, 0, hash_length))
    facts = bytearray(values["F"])  # type: ignore[arg-type]
    struct.pack_into("<Q", facts, 0x18, changed)
    struct.pack_into("<H", facts, 0x40, wrong)
    policy = bytearray(0xF0)
    struct.pack_into("<H", policy, 0x54, threshold)
    domain = r"SAM\Domains\Account"
    keys: Keys = {
        domain: {"V": struct.pack("<III", 1, 2, 3), "F": bytes(policy)},
        rf"{domain}\Users\000003E9": {**values, "F": bytes(facts)},
        rf"{domain}\Users\Names\alice": {"": (1001, b"")},
    }
    return users_of(windows_files(more={f"{CONFIG}/SAM": make_hive(keys)}))[0]


@pytest.mark.parametrize(
    ("flags", "wrong", "threshold", "locked"),
    [
        (0x10, 0, 5, False),
        (0x10, 4, 5, False),
        (0x10, 5, 5, True),
        (0x10, 99, 0, False),  # nothing locks accounts there
        (0x410, 0, 0, True),  # the flag says so
    ],
)
def test_too_many_wrong_passwords_lock_an_account(
    flags: int, wrong: int, threshold: int, locked: bool
) -> None:
    assert alone(flags, wrong, threshold=threshold).locked is locked


def test_what_is_known_of_a_password() -> None:
    plain, strict = alone(0x214), alone(0x10)
    assert (plain.password_never_expires, plain.password_required) == (True, False)
    assert (strict.password_never_expires, strict.password_required) == (False, True)
    assert strict.password_changed == (DAY - 116_444_736_000_000_000) * 100


@pytest.mark.parametrize(
    ("changed", "hash_length", "never"),
    [
        (0, 24, True),
        (DAY, 24, False),  # it was set once, and blanked
        (0, 56, False),  # it has to be changed at the next logon
        (0, 99, None),
    ],
)
def test_a_password_that_was_never_set(changed: int, hash_length: int, never: bool | None) -> None:
    assert alone(0x214, changed=changed, hash_length=hash_length).password_never_set is never

"""The accounts of a Windows guest: its own from the SAM hive, others from the profiles they left.

The layout of the values F, V and C is undocumented; it is described in "Security Accounts Manager" (clark@hushmail.com,
2005) and used by samparse of RegRipper and by chntpw.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.engine.hive import FILETIME_EPOCH, HiveKey
from imgtools.engine.regvalue import decode_utf16
from imgtools.guest.windows.registry import MACHINE, Registry

ACCOUNTS = rf"{MACHINE}\SAM\SAM\Domains\Account"
ADMINISTRATORS = rf"{MACHINE}\SAM\SAM\Domains\Builtin\Aliases\00000220"
V_DATA = 0xCC  # offsets in V count from here
C_DATA = 0x34  # and those in C from here
# ACB flags, [MS-SAMR] 2.2.1.12
DISABLED, NO_PASSWORD_NEEDED, NEVER_EXPIRES, AUTO_LOCKED = 0x0001, 0x0004, 0x0200, 0x0400
NEVER = (0, 0x7FFF_FFFF_FFFF_FFFF)
# In F of the domain: how many wrong passwords lock an account (DOMAIN_ACCOUNT_F as impacket's secretsdump has it); in
# F of a user: when the password was set, and how many wrong ones were tried since the last right one.
LOCKOUT_THRESHOLD, PASSWORD_SET, WRONG_PASSWORDS = 0x54, 0x18, 0x40
# Length of the stored NT hash: RC4 and AES forms, without and with a hash in them; 0 is how a blanked password is left.
HASH_LENGTHS = {0: False, 4: False, 24: False, 20: True, 56: True}


@dataclass(frozen=True, slots=True)
class WindowsUser:
    """One account. Times are nanoseconds since 1970, 0 for never; None means not known."""

    name: str
    sid: str
    local: bool  # False: an account of a domain, known only from its profile
    full_name: str = ""
    home: str = ""  # guest path of the profile; "" if the user never logged on
    disabled: bool | None = None
    administrator: bool | None = None
    password_set: bool | None = None
    last_login: int | None = None
    locked: bool | None = None  # after too many wrong passwords; Windows opens it again after a while
    password_changed: int | None = None
    password_never_set: bool | None = None  # there is none, and there never was
    password_never_expires: bool | None = None
    password_required: bool | None = None


def read_users(registry: Registry) -> tuple[WindowsUser, ...]:
    """Return local accounts in the order of their ids, then domain accounts that have a profile.

    :raises OddGuest: a hive is damaged.
    """
    homes = {profile.sid: profile.home for profile in registry.profiles()}
    local = list(_local_users(registry, homes))
    known = {user.sid for user in local}
    others = [
        WindowsUser(home.rpartition("/")[2], sid, local=False, home=home)
        for sid, home in homes.items()
        if sid.startswith("S-1-5-21-") and sid not in known
    ]
    return (*local, *others)


def _local_users(registry: Registry, homes: dict[str, str]) -> Iterator[WindowsUser]:
    accounts = registry.find(ACCOUNTS)
    users = accounts.key("Users") if accounts is not None else None
    names = users.key("Names") if users is not None else None
    if accounts is None or users is None or names is None:
        return
    machine = _machine_sid(accounts)
    admins = _members(registry.find(ADMINISTRATORS))
    policy = _data(accounts, "F")
    threshold = _short(policy, LOCKOUT_THRESHOLD)
    found = []
    for entry in names.subkeys():
        # The id of the account is kept as the *type* of an empty value.
        default = entry.value("")
        if default is not None:
            found.append((default.type, entry.name))
    for rid, name in sorted(found):
        yield _user(users.key(f"{rid:08X}"), name, f"{machine}-{rid}", homes, admins, threshold)


def _user(
    key: HiveKey | None,
    name: str,
    sid: str,
    homes: dict[str, str],
    admins: frozenset[str] | None,
    threshold: int | None,
) -> WindowsUser:
    facts, words = (_data(key, "F"), _data(key, "V")) if key is not None else (b"", b"")
    flags = _short(facts, 0x38)
    has_hash = HASH_LENGTHS.get(struct.unpack_from("<I", words, 0xAC)[0]) if len(words) >= V_DATA else None
    changed = _time(facts[PASSWORD_SET : PASSWORD_SET + 8]) if len(facts) >= PASSWORD_SET + 8 else None
    return WindowsUser(
        name,
        sid,
        local=True,
        full_name=_word(words, 0x18),
        home=homes.get(sid, ""),
        disabled=_is_set(flags, DISABLED),
        administrator=sid in admins if admins is not None else None,
        password_set=has_hash,
        last_login=_time(facts[8:16]) if len(facts) >= 16 else None,
        locked=_is_locked(flags, _short(facts, WRONG_PASSWORDS), threshold),
        password_changed=changed,
        password_never_set=None if has_hash is None or changed is None else not has_hash and not changed,
        password_never_expires=_is_set(flags, NEVER_EXPIRES),
        password_required=None if flags is None else not flags & NO_PASSWORD_NEEDED,
    )


def _is_set(flags: int | None, flag: int) -> bool | None:
    return None if flags is None else bool(flags & flag)


def _is_locked(flags: int | None, wrong: int | None, threshold: int | None) -> bool | None:
    """Whether the flag says so, or the number of wrong passwords: chntpw looks at both."""
    if flags is None:
        return None
    return bool(flags & AUTO_LOCKED) or bool(threshold and wrong is not None and wrong >= threshold)


def _short(data: bytes, at: int) -> int | None:
    return int.from_bytes(data[at : at + 2], "little") if len(data) >= at + 2 else None


def _data(key: HiveKey, name: str) -> bytes:
    value = key.value(name)
    return value.data if value is not None else b""


def _word(data: bytes, at: int) -> str:
    """The string whose offset and length stand at ``at`` in V."""
    if len(data) < V_DATA:
        return ""
    offset, length = struct.unpack_from("<II", data, at)
    return decode_utf16(data[V_DATA + offset : V_DATA + offset + length])


def _time(filetime: bytes) -> int:
    ticks = int.from_bytes(filetime, "little")
    return 0 if ticks in NEVER else (ticks - FILETIME_EPOCH) * 100


def _machine_sid(accounts: HiveKey) -> str:
    """The SID of this machine: the last 12 bytes of the account domain's V."""
    data = _data(accounts, "V")
    return (
        "S-1-5-21-" + "-".join(str(part) for part in struct.unpack("<III", data[-12:]))
        if len(data) >= 12
        else ""
    )


def _members(alias: HiveKey | None) -> frozenset[str] | None:
    """The SIDs in a group; None if the group is not there or does not parse."""
    data = _data(alias, "C") if alias is not None else b""
    if len(data) < C_DATA:
        return None
    offset, length, count = struct.unpack_from("<III", data, 0x28)
    rest, found = data[C_DATA + offset : C_DATA + offset + length], set()
    for _ in range(min(count, len(rest) // 8)):
        size = 8 + 4 * rest[1] if len(rest) > 1 else 0
        if not size or size > len(rest):
            return None
        found.add(format_sid(rest[:size]))
        rest = rest[size:]
    return frozenset(found)


def format_sid(data: bytes) -> str:
    """Write a binary SID as ``S-1-5-21-...`` ([MS-DTYP] 2.4.2)."""
    parts = struct.unpack_from(f"<{data[1]}I", data, 8)
    return "-".join(
        ["S", str(data[0]), str(int.from_bytes(data[2:8], "big")), *(str(part) for part in parts)]
    )

"""Capabilities of files: the text of cap_to_text(3), which rpm keeps, and the attribute that the kernel keeps.

Sources: include/uapi/linux/capability.h (names by number, struct vfs_cap_data), cap_from_text(3).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

ATTRIBUTE = "security.capability"
NAMES = (
    "chown", "dac_override", "dac_read_search", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
    "linux_immutable", "net_bind_service", "net_broadcast", "net_admin", "net_raw", "ipc_lock", "ipc_owner",
    "sys_module", "sys_rawio", "sys_chroot", "sys_ptrace", "sys_pacct", "sys_admin", "sys_boot", "sys_nice",
    "sys_resource", "sys_time", "sys_tty_config", "mknod", "lease", "audit_write", "audit_control", "setfcap",
    "mac_override", "mac_admin", "syslog", "wake_alarm", "block_suspend", "audit_read", "perfmon", "bpf",
    "checkpoint_restore",
)  # fmt: skip
ALL = (1 << len(NAMES)) - 1
REVISIONS = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}  # VFS_CAP_REVISION_*: pairs of 32 bits
EFFECTIVE = 1
CLAUSE = re.compile(r"([a-z0-9_,]*)((?:[=+-][eip]*)+)")
MAX_TEXT = 4096


class Capabilities(NamedTuple):
    """The sets of a file, a bit a capability. Of a file, ``effective`` is all of the others or nothing."""

    permitted: int = 0
    inheritable: int = 0
    effective: bool = False

    def __str__(self) -> str:
        """As cap_to_text(3) writes it, in the form that getcap(8) shows."""
        if self == NONE:
            return "none"
        flags: dict[str, list[str]] = {}
        for number in range(64):
            bit = 1 << number
            letters = "p" if self.permitted & bit else ""
            letters += "i" if self.inheritable & bit else ""
            if letters:
                words = ("e" if self.effective else "") + letters
                flags.setdefault(words, []).append(_name(number))
        return " ".join(f"{','.join(names)}={words}" for words, names in flags.items())


NONE = Capabilities()


def _name(number: int) -> str:
    return f"cap_{NAMES[number]}" if number < len(NAMES) else str(number)


def parse_attribute(raw: bytes) -> Capabilities | None:
    """Read the value of ``security.capability``; None if it is none that Linux would take."""
    if not raw:
        return NONE
    (magic,) = struct.unpack_from("<I", raw.ljust(4, b"\0"))
    pairs = REVISIONS.get(magic & 0xFF000000)
    if pairs is None or len(raw) < 4 + 8 * pairs:
        return None
    numbers = struct.unpack_from(f"<{2 * pairs}I", raw, 4)
    permitted = sum(number << 32 * at for at, number in enumerate(numbers[0::2]))
    inheritable = sum(number << 32 * at for at, number in enumerate(numbers[1::2]))
    return Capabilities(permitted, inheritable, bool(magic & EFFECTIVE))


def parse_text(text: str) -> Capabilities | None:
    """Read what cap_from_text(3) reads; None if it does not parse."""
    sets = {"e": 0, "i": 0, "p": 0}
    for clause in text[:MAX_TEXT].lower().split():
        found = CLAUSE.fullmatch(clause)
        if found is None:
            return None
        chosen = _chosen(found[1])
        if chosen is None:
            return None
        for operator, letters in re.findall(r"([=+-])([eip]*)", found[2]):
            for letter in sets:
                if operator == "=":
                    sets[letter] &= ~chosen
                if letter in letters:
                    sets[letter] = sets[letter] & ~chosen if operator == "-" else sets[letter] | chosen
    return Capabilities(sets["p"], sets["i"], bool(sets["e"]))


def _chosen(names: str) -> int | None:
    """The bits of a list of names; without any, all."""
    if names in ("", "all"):
        return ALL
    bits = 0
    for name in names.split(","):
        plain = name.removeprefix("cap_")
        if plain in NAMES:
            bits |= 1 << NAMES.index(plain)
        elif plain.isascii() and plain.isdigit() and len(plain) < 3 and int(plain) < 64:
            bits |= 1 << int(plain)
        else:
            return None
    return bits

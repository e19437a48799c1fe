"""The kinds of partitions by name: what people write for the GUID of a GPT's type or the byte of an MBR's.

Names are those of sfdisk and fdisk (``linux``, ``swap``, ``uefi``, ``raid``, ``lvm``), of parted (``esp``,
``bios_grub``, ``prep``, ``msftres``) and of systemd-repart (``root-x86-64``, ``home``, ``srv``, ``xbootldr``). GUIDs:
UEFI 2.10 table 5-7, and the UAPI group's Discoverable Partitions Specification; bytes: util-linux,
include/pt-mbr-partnames.h.
"""

from __future__ import annotations

import re

from imgtools.errors import UsageError

# name -> GUID for a GPT, hexadecimal digits for an MBR as sfdisk writes them; "" where that table has no such kind.
TYPES: dict[str, tuple[str, str]] = {
    "linux": ("0FC63DAF-8483-4772-8E79-3D69D8477DE4", "83"),
    "swap": ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "82"),
    "esp": ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "ef"),
    "bios_grub": ("21686148-6449-6E6F-744E-656564454649", ""),
    "lvm": ("E6D6D379-F507-44C2-A23C-238F2A3DF928", "8e"),
    "raid": ("A19D880F-05FC-4D3B-A006-743F0F84911E", "fd"),
    "luks": ("CA7D7CCB-63ED-4C53-861C-1742536059CC", "e8"),
    "xbootldr": ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "ea"),
    "home": ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", ""),
    "srv": ("3B8F8425-20E0-4F3B-907F-1A25A76F98E8", ""),
    "var": ("4D21B016-B534-45C2-A9FB-5C16E091FD2D", ""),
    "tmp": ("7EC6F557-3BC5-4ACA-B293-16EF5DF639D1", ""),
    "root-x86-64": ("4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709", ""),
    "root-arm64": ("B921B045-1DF0-41C3-AF44-4C6F280D3FAE", ""),
    "usr-x86-64": ("8484680C-9521-48C6-9C11-B0720656F69E", ""),
    "usr-arm64": ("B0E01050-EE5F-4390-949A-9101B17104E9", ""),
    "prep": ("9E1A2D38-C612-4316-AA26-8B49521E5A8B", "41"),
    "msdata": ("EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "7"),
    "msftres": ("E3C9E316-0B5C-4DB8-817D-F92DF00215AE", ""),
    "winre": ("DE94BBA4-06D1-4D40-A16A-BFD50179D6AC", "27"),
    "fat16": ("", "e"),
    "fat32": ("", "c"),
    "extended": ("", "5"),
}
# What other programs call the same.
ALIASES = {
    "uefi": "esp", "efi": "esp", "bios-boot": "bios_grub", "biosboot": "bios_grub", "linux-swap": "swap",
    "ntfs": "msdata", "basic": "msdata", "msr": "msftres", "diag": "winre", "root": "root-x86-64",
    "l": "linux", "s": "swap", "u": "esp", "r": "raid", "v": "lvm", "h": "home", "e": "extended",
}  # fmt: skip
EXTENDED_TYPES = ("5", "f", "85")


def parse_type(text: str, label: str) -> str:
    """Return a type as a table of a kind has it, from its name, GUID, or hexadecimal digits.

    :param label: ``gpt`` or ``dos``.
    :raises UsageError: there is no such type in such a table.
    """
    word = text.strip().lower()
    name = ALIASES.get(word, word)
    if name in TYPES:
        found = TYPES[name][label == "dos"]
        if found:
            return found
        what = "a GPT" if label == "gpt" else "an MBR"
        raise UsageError(f"{what} has no type {name!r}", hint=f"it has: {', '.join(names_for(label))}")
    if label == "gpt" and re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", word):
        return word.upper()
    number = re.fullmatch(r"(?:0x)?([0-9a-f]{1,2})", word) if label == "dos" else None
    if number is None or not int(number[1], 16):
        other = "a GUID" if label == "gpt" else "one byte in hexadecimal digits (83)"
        raise UsageError(
            f"not a type of partition: {text!r}", hint=f"{', '.join(names_for(label))}, or {other}"
        )
    return f"{int(number[1], 16):x}"


def names_for(label: str) -> tuple[str, ...]:
    """The names that a kind of table knows."""
    return tuple(name for name, pair in TYPES.items() if pair[label == "dos"])


def type_name(kind: str, label: str) -> str:
    """Return the name of a type as a table or a record has it (``0x83``, ``83``, a GUID); empty: it has none here."""
    wanted = kind.upper() if label == "gpt" else f"{int(kind, 16):x}"
    return next((name for name, pair in TYPES.items() if pair[label == "dos"] == wanted), "")

"""The kinds of partitions by name, held against what sfdisk knows."""

from __future__ import annotations

import re
import subprocess

import pytest

from imgtools.engine.process import require
from imgtools.errors import UsageError
from imgtools.resize.partition_types import ALIASES, TYPES, parse_type, type_name


@pytest.mark.host
@pytest.mark.parametrize("label", ["gpt", "dos"])
def test_sfdisk_knows_each(label: str) -> None:
    argv = [require("sfdisk"), "--list-types", "--label", label]
    told = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    known = {line.split()[0].upper() for line in told.splitlines() if line.strip()}
    ours = {pair[label == "dos"].upper() for pair in TYPES.values()} - {""}
    # What util-linux has no name for: the UAPI group's bytes of an MBR, and the GUID of LUKS that sgdisk knows (8309).
    assert ours - known <= {"E8", "EA", TYPES["luks"][0]}


def test_names_go_there_and_back() -> None:
    for label, index in (("gpt", 0), ("dos", 1)):
        for name, pair in TYPES.items():
            if pair[index]:
                assert parse_type(name, label) == pair[index]
                assert type_name(pair[index], label) == name
    assert set(ALIASES.values()) <= set(TYPES) and not set(ALIASES) & set(TYPES)
    assert type_name("0x83", "dos") == "linux" and type_name("0x05", "dos") == "extended"
    assert parse_type("UEFI", "gpt") == TYPES["esp"][0] and parse_type("0x8E", "dos") == "8e"
    assert all(
        re.fullmatch(r"[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}", pair[0])
        for pair in TYPES.values()
        if pair[0]
    )


@pytest.mark.parametrize(
    ("text", "label"), [("83", "gpt"), ("0", "dos"), ("", "gpt"), ("home", "dos"), ("c12a", "gpt")]
)
def test_what_is_no_type(text: str, label: str) -> None:
    with pytest.raises(UsageError):
        parse_type(text, label)

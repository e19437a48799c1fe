"""Which Windows a decoration of an INF file is for, and which of several is taken."""

from __future__ import annotations

import pytest

from imgtools.errors import UnsupportedGuest
from imgtools.guest.windows.target_os import Decoration, TargetOs, closest, parse_decoration, target_of
from imgtools.records.system import OsInfo, OsType

XP = TargetOs(5, 1, 2600, "x86", 1)
WINDOWS_7 = TargetOs(6, 1, 7601, "x86", 1)
WINDOWS_8_1 = TargetOs(6, 3, 9600, "amd64", 1)
WINDOWS_10 = TargetOs(10, 0, 19045, "amd64", 1)
WINDOWS_11_ARM = TargetOs(10, 0, 22631, "arm64", 1)
SERVER_2008 = TargetOs(6, 0, 6003, "amd64", 3)
SERVER_2019 = TargetOs(10, 0, 17763, "amd64", 3)
SERVER_2025 = TargetOs(10, 0, 26100, "amd64", 3)

CASES = [
    # What is there, for whom, and what Windows takes.
    ("NTx86", XP, "NTx86"),
    ("NTamd64,NTx86.6.0", XP, None),
    (",NTx86.5.1,NTx86.6.0", XP, "NTx86.5.1"),
    (",NTamd64", XP, ""),
    (",NT", XP, "NT"),
    (",NTamd64", WINDOWS_7, ""),
    ("NTx86,NTx86.6.1,NTx86.6.2", WINDOWS_7, "NTx86.6.1"),
    ("NTx86,NT.6.1", WINDOWS_7, "NT.6.1"),
    ("NTx86.6,NTx86.6.1", WINDOWS_7, "NTx86.6.1"),
    ("NTx86.6", WINDOWS_7, "NTx86.6"),
    ("", WINDOWS_8_1, None),
    ("NT,NT.6.0", WINDOWS_8_1, None),
    ("NTAMD64,NTarm64", WINDOWS_8_1, "NTAMD64"),
    ("NTamd64.6.3,NTamd64.10.0", WINDOWS_8_1, "NTamd64.6.3"),
    ("NTamd64.10.0...17763", WINDOWS_8_1, None),
    ("NTamd64,NTamd64.6.3,NTamd64.10.0...14310,NTamd64.10.0...22000", WINDOWS_10, "NTamd64.10.0...14310"),
    ("NTamd64.10.0...22000", WINDOWS_10, None),
    ("NTamd64.10.0,NTamd64.10.0...17763,NTamd64.10.0...26100", SERVER_2019, "NTamd64.10.0...17763"),
    ("NTamd64.10.0,NTamd64.10.0...17763,NTamd64.10.0...26100", SERVER_2025, "NTamd64.10.0...26100"),
    ("NTamd64.10.0.3,NTamd64.10.0", SERVER_2025, "NTamd64.10.0.3"),
    ("NTamd64.10.0.3,NTamd64.10.0", WINDOWS_10, "NTamd64.10.0"),
    ("NTamd64.6.0.0x0000003,NTamd64", SERVER_2008, "NTamd64.6.0.0x0000003"),
    ("NTamd64.6.0..0x40,NTamd64", SERVER_2008, "NTamd64"),
    ("NTarm64,NTamd64", WINDOWS_11_ARM, "NTarm64"),
    ("NTARM64.10.0...22000", WINDOWS_11_ARM, "NTARM64.10.0...22000"),
    ("NTarm,NTamd64", WINDOWS_11_ARM, None),
]  # fmt: skip


@pytest.mark.parametrize(("there", "target", "taken"), CASES)
def test_the_closest_is_taken(there: str, target: TargetOs, taken: str | None) -> None:
    found = [parse_decoration(one) if one else NONE for one in there.split(",")]
    assert None not in found
    best = closest([one for one in found if one is not None], target)
    assert (best.text if best is not None else None) == taken


NONE = Decoration("")


@pytest.mark.parametrize(
    "text",
    [
        "", "amd64", "NTmips", "NTamd64 10.0", "NTamd64.10.0-1", "NTamd64.ten", "NTx86.0xx.1", "NTx86.f",
        "NTamd64.10.0...1.2", "NTamd64.10.0..." + "9" * 400, "NT" + "." * 5000,
    ],
)  # fmt: skip
def test_what_is_no_decoration(text: str) -> None:
    """One whose build does not parse would else be for every build."""
    assert parse_decoration(text) is None


@pytest.mark.parametrize(
    ("arch", "kind", "variant", "wanted"),
    [
        ("x86_64", "WinNT", "Server", TargetOs(10, 0, 17763, "amd64", 1)),
        ("x86_64", "LanmanNT", "Server", TargetOs(10, 0, 17763, "amd64", 2)),
        ("aarch64", "", "Client", TargetOs(10, 0, 17763, "arm64", 1)),
        ("i386", "", "Server Core", TargetOs(10, 0, 17763, "x86", 3)),
    ],
)
def test_the_guest_as_inf_files_tell_it(arch: str, kind: str, variant: str, wanted: TargetOs) -> None:
    os = OsInfo(OsType.WINDOWS, "windows", major=10, arch=arch, product_variant=variant, build_id="17763")
    assert target_of(os, kind) == wanted


def test_a_guest_that_is_not_known_gets_no_driver() -> None:
    with pytest.raises(UnsupportedGuest, match="processor is not known"):
        target_of(OsInfo(OsType.WINDOWS, major=10), "")
    with pytest.raises(UnsupportedGuest, match="version is not known"):
        target_of(OsInfo(OsType.WINDOWS, arch="x86_64"), "")


def test_what_is_said_of_the_guest_in_errors() -> None:
    assert str(SERVER_2019) == "Windows Server 10.0 build 17763, amd64"
    assert str(TargetOs(6, 1, 0, "x86", 1)) == "Windows 6.1, x86"

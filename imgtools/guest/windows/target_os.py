"""Which Windows a part of an INF file is for: the decorations of its sections, and which of them Windows takes.

Sources (learn.microsoft.com): "INF Manufacturer Section", "Combining platform extensions with operating system
versions", "Creating INF Files for Multiple Platforms and Operating Systems".
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from imgtools.errors import UnsupportedGuest
from imgtools.records.system import OsInfo
from imgtools.units import parse_count

# What INF files call a processor, by libguestfs' name of it.
PROCESSORS = {"i386": "x86", "x86_64": "amd64", "aarch64": "arm64", "arm": "arm", "ia64": "ia64"}
WORKSTATION, DOMAIN_CONTROLLER, SERVER = 1, 2, 3  # ProductType: VER_NT_... of winnt.h
NUMBER = r"0x[0-9a-f]{1,8}|[0-9]{1,9}"
DECORATION = re.compile(
    rf"NT(?P<processor>x86|amd64|arm64|arm|ia64)?(?P<rest>(?:\.(?:{NUMBER})?){{0,5}})", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class TargetOs:
    """A Windows as INF files tell one from another."""

    major: int
    minor: int
    build: int  # 0: not known
    processor: str  # amd64, as INF files write it
    product_type: int

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor version: (6, 1) is Windows 7."""
        return (self.major, self.minor)

    @property
    def is_server(self) -> bool:
        """Whether it is a Windows Server."""
        return self.product_type != WORKSTATION

    def __str__(self) -> str:
        build = f" build {self.build}" if self.build else ""
        return (
            f"Windows{' Server' if self.is_server else ''} {self.major}.{self.minor}{build}, {self.processor}"
        )


def target_of(os: OsInfo, product_type: str) -> TargetOs:
    r"""Return a guest's Windows.

    :param product_type: ``ProductType`` of ``Control\ProductOptions``: WinNT, LanmanNT, ServerNT; "": not known.
    :raises UnsupportedGuest: its version or its processor is not known.
    """
    if os.major < 5 or os.arch not in PROCESSORS:
        what = "version" if os.major < 5 else "processor"
        raise UnsupportedGuest(f"no driver can be chosen: the guest's {what} is not known")
    kinds = {"winnt": WORKSTATION, "lanmannt": DOMAIN_CONTROLLER, "servernt": SERVER}
    server = "server" in f"{os.product_variant} {os.product_name}".lower()
    kind = kinds.get(product_type.lower(), SERVER if server else WORKSTATION)
    return TargetOs(os.major, os.minor, parse_count(os.build_id) or 0, PROCESSORS[os.arch], kind)


@dataclass(frozen=True, slots=True)
class Decoration:
    """What a section's name says of the systems that it is for: ``NTamd64.10.0...17763``. None: says nothing."""

    text: str  # "" is a section without one
    processor: str | None = None
    version: tuple[int, int] | None = None
    product_type: int | None = None
    suite: int | None = None
    build: int | None = None

    def includes(self, target: TargetOs) -> bool:
        """Whether it is for a Windows. One without a processor is for x86 alone: since Server 2003 SP1 others need it.

        No guest's suites are looked at, so one that asks for them (of no driver that is known here) is for none.
        """
        if (self.processor or "x86") != target.processor or self.suite:
            return False
        if self.product_type is not None and self.product_type != target.product_type:
            return False
        return (self.version or (0, 0), self.build or 0) <= (target.version, target.build)

    @property
    def closeness(self) -> tuple[tuple[int, int], int, bool, bool, bool]:
        """Orders those that include a Windows: the greatest names the latest system, then says most of it."""
        version, build = self.version or (0, 0), self.build or 0
        return (version, build, self.product_type is not None, self.processor is not None, bool(self.text))


def parse_decoration(text: str) -> Decoration | None:
    """Return a decoration ``NT[processor][.major[.minor[.type[.suite[.build]]]]]``; None if it is none.

    Builds are told apart since Windows 10, version 1607.
    """
    match = DECORATION.fullmatch(text.strip())
    if match is None:
        return None
    numbers = [_number(one) for one in match["rest"].split(".")[1:]]
    major, minor, kind, suite, build = (*numbers, None, None, None, None, None)[:5]
    version = None if major is None else (major, minor or 0)
    processor = match["processor"].lower() if match["processor"] else None
    return Decoration(text.strip(), processor, version, kind, suite, build)


def _number(text: str) -> int | None:
    """A number, hexadecimal behind ``0x``; None: nothing is said."""
    return int(text, 16 if text[:2].lower() == "0x" else 10) if text else None


def closest(decorations: Iterable[Decoration], target: TargetOs) -> Decoration | None:
    """Return the decoration that Windows takes, or None: nothing is for it."""
    return max(
        (one for one in decorations if one.includes(target)), key=lambda one: one.closeness, default=None
    )

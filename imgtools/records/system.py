"""Operating systems, and what is noteworthy about them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OsType(StrEnum):
    """libguestfs' words for kinds of operating systems."""

    LINUX = "linux"
    WINDOWS = "windows"
    FREEBSD = "freebsd"
    NETBSD = "netbsd"
    OPENBSD = "openbsd"
    DOS = "dos"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class OsInfo:
    """The facts that say which operating system this is. Names follow libguestfs' inspection API."""

    type: OsType
    distro: str = "unknown"  # libguestfs' spelling: debian, rocky, sles, windows ...
    families: tuple[str, ...] = ()  # ID first, then ID_LIKE: ("rocky", "rhel", "centos", "fedora")
    product_name: str = ""
    product_variant: str = ""
    major: int = 0
    minor: int = 0
    arch: str = "unknown"
    hostname: str = ""
    package_format: str = ""
    package_management: str = ""
    build_id: str = ""
    osinfo: str = ""
    windows_systemroot: str = ""
    windows_current_control_set: str = ""

    def is_family(self, *names: str) -> bool:
        """Whether the guest is one of these distributions or says (ID_LIKE) that it is like one."""
        return any(name in self.families for name in names)


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know beside the result; commands print it on stderr and put it in JSON."""

    text: str
    path: str = ""

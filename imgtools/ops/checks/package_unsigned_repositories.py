"""Packages come signed, from every repository.

Whoever is on the way, or has got into a mirror, else gives the guest programs that root installs. A fix only turns
the check on where the repository names its key. Source: apt-secure(8), sources.list(5) (Trusted), dnf.conf(5)
(gpgcheck), pacman.conf(5).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.packages.repositories import (
    LIMIT,
    Unsigned,
    read_sections,
    unsigned_apt,
    unsigned_pacman,
    unsigned_rpm,
)
from imgtools.ops.check import Check, Fix, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

READERS = {"deb": unsigned_apt, "rpm": unsigned_rpm, "pacman": unsigned_pacman}


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield the repositories that need no signature."""
    read = READERS.get(examined.system.os.package_format)
    if read is None:
        yield NotThere("the guest has neither apt, dnf, zypper nor pacman")
        return
    for one in read(examined.files):
        yield Flaw(
            "packages of all repositories need no signature"
            if one.name == "all"
            else f"packages of {one.name} need no signature",
            one.path,
            one.line,
            subject=one.name,
            evidence=one.text,
            fix=turning_on(one) if one.section is not None and one.section.get("gpgkey") else None,
            advice="get the repository's key, name it (signed-by, gpgkey), and take this out",
        )


def turning_on(one: Unsigned) -> Fix:
    """Return the fix that has a repository of dnf or zypper checked with the key that it names."""

    def fix(files: GuestReader) -> Iterator[Change]:
        lines = files.read_text(one.path, limit=LIMIT).split("\n")
        for section in read_sections(files, one.path):
            if section.name == one.name:
                said = next(
                    (section.values[key] for key in ("pkg_gpgcheck", "gpgcheck") if key in section.values),
                    None,
                )
                if said is None:
                    lines.insert(section.line, "gpgcheck=1")
                else:
                    lines[said.line - 1] = f"{lines[said.line - 1].partition('=')[0]}=1"
                yield WriteFile(one.path, "\n".join(lines).encode("utf-8", "surrogateescape"))
                return

    return fix


CHECK = Check(
    title="Packages are signed, from every repository",
    severity=Level.HIGH,
    look=look,
    references=("CIS Debian 12 1.2.1", "ANSSI R59", "NIST 800-53 CM-14"),
)

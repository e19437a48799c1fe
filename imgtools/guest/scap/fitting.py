"""Which content of ComplianceAsCode is for a guest: the names of its data streams, and what is installed."""

from __future__ import annotations

from pathlib import Path

from imgtools.records.system import OsInfo

FOLDER = Path("/usr/share/xml/scap/ssg/content")
# Products whose name has the release's whole number, and those with one for all releases (ComplianceAsCode, products/).
WHOLE = {"ubuntu"}
ROLLING = {"fedora", "opensuse"}
# The product of an ID of os-release, where it is another word.
PRODUCTS = {"rocky": "rhel", "centos": "rhel", "almalinux": "almalinux", "sles": "sle", "amzn": "al"}


def fitting_names(system: OsInfo) -> tuple[str, ...]:
    """Return how a data stream for a guest would be called, the best first: ``ssg-debian12-ds.xml``."""
    names: list[str] = []
    for family in system.families or (system.distro,):
        product = PRODUCTS.get(family, family)
        release = "" if product in ROLLING else f"{system.major}"
        if product in WHOLE:
            release = f"{system.major}{system.minor:02}"
        names.append(f"ssg-{product}{release}-ds.xml")
    # A derivative counts its own releases: of what it is like, only the first name is sure.
    return tuple(dict.fromkeys(names[: 2 if system.is_family("rhel") else 1]))


def advise_content(system: OsInfo, folder: Path = FOLDER) -> str:
    """Return which content would fit, for the hint of an error."""
    names = fitting_names(system)
    for name in names:
        if (folder / name).is_file():
            return f"{folder / name} would fit"
    return f"none that fits is installed; ComplianceAsCode calls it {names[0]}"

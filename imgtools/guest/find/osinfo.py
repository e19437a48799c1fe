"""The short ids of the libosinfo database (osinfo-db), made by rule: ``rocky9``, ``ubuntu22.04``, ``sle15sp5``."""

from __future__ import annotations

from imgtools.guest.find.release import Release

# How the database writes a distribution's name, where that is not libguestfs' spelling.
NAMES = {"oraclelinux": "ol", "nixos": "nixos-", "redhat": "rhl"}
# Whose ids have the major version alone; from which major version on.
MAJOR_ONLY = {
    "almalinux": 0,
    "amzn": 0,
    "centos": 8,
    "circle": 0,
    "debian": 4,
    "fedora": 0,
    "mageia": 0,
    "rocky": 0,
    "openmandriva": 0,
}
# Rolling releases: the name is all.
ROLLING = frozenset({"archlinux", "gentoo", "voidlinux", "manjaro"})


def osinfo_id(release: Release) -> str:
    """Return the database's short id for a Linux guest; ``unknown`` if it has no name or no version.

    The id follows the database's own pattern also for versions newer than the database.
    """
    distro = release.distro
    major, minor = release.version
    if distro == "unknown":
        return "unknown"
    if distro in ROLLING:
        return distro
    if special := _special(release):
        return special
    if not major:
        return "unknown"
    name = NAMES.get(distro, distro)
    if distro in MAJOR_ONLY and major >= MAJOR_ONLY[distro]:
        return f"{name}{major}"
    if distro in ("ubuntu", "nixos"):
        return f"{name}{major}.{minor:02d}"
    return f"{name}{major}.{minor}"


def _special(release: Release) -> str:
    """The names that follow no common pattern."""
    major, minor = release.version
    distro = release.distro
    if distro == "sles" and major:
        # Since 15 the database knows one product, "sle"; before, the server and the desktop.
        name = "sle" if major >= 15 else "sled" if release.id == "sled" else "sles"
        return f"{name}{major}sp{minor}" if minor else f"{name}{major}"
    if release.id == "opensuse-tumbleweed":
        return "opensusetumbleweed"
    if distro == "centos":
        if "stream" in release.product_name.lower():
            return f"centos-stream{major}"
        return "centos7.0" if major == 7 else ""
    if distro == "altlinux" and major >= 8:
        return f"alt{major}.{minor}"
    return ""

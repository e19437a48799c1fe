"""Until when a release of a distribution gets updates, from what is published of it.

Sources, the first that knows counts: SUPPORT_END of the guest's os-release(5); distro-info-data (Debian, Ubuntu), the
guest's own or the host's; the database of libosinfo on the host. None of them is asked over the network.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from imgtools.files.tree import GuestReader
from imgtools.guest.find.osinfo import ROLLING
from imgtools.guest.find.release import read_release, read_small
from imgtools.records.system import OsInfo

DISTRO_INFO = "/usr/share/distro-info"
OSINFO = (Path("/etc/osinfo/os"), Path("/usr/local/share/osinfo/os"), Path("/usr/share/osinfo/os"))
LIMIT = 1 << 20
WHOSE = {"debian": "debian.csv", "ubuntu": "ubuntu.csv"}
# The columns of distro-info-data for who pays nothing, the last of them the longest.
COLUMNS = ("eol", "eol-server", "eol-lts")


@dataclass(frozen=True, slots=True)
class ReleaseEnd:
    """``usual`` is the last day of the usual updates, ``longest`` that of security updates that cost nothing."""

    usual: date
    longest: date
    source: str


def find_release_end(files: GuestReader, os: OsInfo) -> ReleaseEnd | None:
    """Return until when the guest's release gets updates; None if nobody here knows."""
    release = read_release(files)
    if (said := _day(release.fields.get("SUPPORT_END", ""))) is not None:
        return ReleaseEnd(said, said, "os-release")
    return published_end(release.id, release.fields.get("VERSION_ID", ""), os.osinfo, files)


def published_end(
    distro: str, version: str, osinfo: str, files: GuestReader | None = None
) -> ReleaseEnd | None:
    """Return what the host's files say of a release, and a guest's own where there are ``files``.

    :param version: its number as os-release has it: 12, 22.04.
    :param osinfo: its short id in libosinfo's database.
    """
    if name := WHOSE.get(distro):
        for text, source in _distro_info(files, name):
            if (found := _of_csv(text, version, source)) is not None:
                return found
    return of_osinfo(osinfo)


def is_rolling(os: OsInfo) -> bool:
    """Whether the distribution has no releases that end."""
    return os.distro in ROLLING or bool({"arch", "gentoo", "opensuse-tumbleweed"} & set(os.families))


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _distro_info(files: GuestReader | None, name: str) -> Iterator[tuple[str, str]]:
    yield _host_text(name), "distro-info-data"  # the newer one, as a rule
    if files is not None:
        yield read_small(files, f"{DISTRO_INFO}/{name}"), "the guest's distro-info-data"


def _host_text(name: str) -> str:
    path = Path(DISTRO_INFO) / name
    return path.read_text("utf-8", "replace") if path.is_file() and path.stat().st_size < LIMIT else ""


def _of_csv(text: str, version: str, source: str) -> ReleaseEnd | None:
    for row in csv.DictReader(io.StringIO(text)):
        number = (row.get("version") or "").split(" ")[0]
        if version and number in (version, version.split(".")[0]):
            days = [day for key in COLUMNS if (day := _day(row.get(key) or "")) is not None]
            return ReleaseEnd(days[0], max(days), source) if days else None
    return None


def of_osinfo(short_id: str, folders: tuple[Path, ...] = OSINFO) -> ReleaseEnd | None:
    """Look in libosinfo's database on the host for a short id: ``rocky9`` is in rocky-9.xml."""
    if not re.fullmatch(r"[a-z][\w.-]{1,60}", short_id):
        return None
    for folder in folders:
        for path in sorted(folder.glob("*/*.xml")):
            if re.sub(r"(?<=\D)-(?=[\d.])", "", path.stem) == short_id and path.stat().st_size < LIMIT:
                text = path.read_text("utf-8", "replace")
                found = re.search(r"<eol-date>\s*([\d-]{10})\s*</eol-date>", text)
                if (day := _day(found[1] if found else "")) is not None:
                    return ReleaseEnd(day, day, "osinfo-db")
    return None

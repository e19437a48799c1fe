"""Set the time zone, which has to be one that the guest has: ``Europe/Berlin``.

Linux and Windows guests. Windows has names of its own, which do too: ``W. Europe Standard Time``; those of the IANA
database are looked up in Unicode's table. Its rule, names and present difference to UTC are set with it. A Windows
that waits for its setup is told it in unattend.xml too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit, MakeLink, WriteFile
from imgtools.errors import NotInGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.records.files import FileKind
from imgtools.records.system import OsType

LOCALTIME = "/etc/localtime"
ZONES = "/usr/share/zoneinfo"
CLOCK = "/etc/sysconfig/clock"


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield /etc/localtime, and where there are such Debian's /etc/timezone and /etc/sysconfig/clock.

    :raises NotInGuest: the guest has no such zone.
    :raises UnsupportedGuest: a Windows has none.
    """
    zone = order.text
    if guest.os.type is OsType.WINDOWS:
        yield from _of_windows(guest, zone)
        return
    is_name = re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,2}", zone)
    files = guest.files
    if not is_name or not _is_zone(files, f"{ZONES}/{zone}"):
        hint = f"imgtools ls -R IMAGE {ZONES}" if files.is_dir(ZONES) else "--install tzdata first"
        raise NotInGuest(f"the guest has no time zone {zone!r}", hint=hint)
    found = files.lstat(LOCALTIME)
    is_so = (
        found is not None
        and found.kind is FileKind.LINK
        and files.read_link(LOCALTIME) == f"..{ZONES}/{zone}"
    )
    if not is_so:
        yield MakeLink(LOCALTIME, f"..{ZONES}/{zone}")
    if files.is_file("/etc/timezone"):
        yield WriteFile("/etc/timezone", f"{zone}\n".encode())
    if files.is_file(CLOCK):
        # Old Red Hat's tzdata and SUSE's YaST make /etc/localtime anew of what stands here.
        text = files.read_text(CLOCK, limit=1 << 20)
        for name in ("ZONE", "TIMEZONE"):
            if re.search(rf"(?m)^{name}=", text):
                yield EditLines(CLOCK, (LineEdit(rf"^{name}=.*", f'{name}="{zone}"'),))


def _of_windows(guest: Guest, zone: str) -> Iterator[Change]:
    from imgtools.guest.windows.answers import SHELL, SPECIALIZE, answer_changes, waits_for_setup
    from imgtools.guest.windows.registry import open_registry
    from imgtools.guest.windows.time_zone import find_zone, zone_changes

    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        yield from zone_changes(registry, zone)
        if waits_for_setup(registry):
            name = find_zone(registry, zone).name
            yield from answer_changes(
                guest.files,
                guest.os,
                lambda answers: answers.set(SPECIALIZE, SHELL, "TimeZone", text=name),
                f"answers for setup: the time zone {name}",
            )


def _is_zone(files: GuestReader, path: str) -> bool:
    """Whether a file is a zone (tzfile(5)): among them lie tables and notes."""
    if not files.is_file(path):
        return False
    with files.open(path) as stream:
        return stream.read(4) == b"TZif"


OPERATION = Operation(
    summary="Set the time zone", plan=plan, params=Order, families=LINUX_OR_WINDOWS, metavar="ZONE"
)

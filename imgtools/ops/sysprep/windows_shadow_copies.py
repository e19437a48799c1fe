"""Have Windows delete its shadow copies when it boots next: they hold what was deleted, the logs and passwords too.

Until then they are in the template and in each of its clones.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.operation import WINDOWS, Operation

# How the files of shadow copies end: "Volume Shadow Snapshot (VSS) format" (libvshadow).
STORES = "System Volume Information/*{3808876b-c176-4e48-b7ae-04046e6cc752}"
COMMAND = r'"%SystemRoot%\System32\vssadmin.exe" delete shadows /all /quiet'  # "vssadmin delete shadows"


def plan(guest: Guest, params: object) -> Iterator[Change]:
    """Yield a script of the first boot, if there are shadow copies on any drive.

    :raises UnsupportedGuest: nothing is known that would start it.
    """
    from imgtools.ops.windows_firstboot import (  # the shelf is read for every guest
        at_first_boot_of_windows,
        batch_of,
    )

    drives = ("", *(f"/{letter}:" for letter, _ in guest.drives))
    if any(True for drive in drives for _ in guest.files.glob(f"{drive}/{STORES}")):
        yield from at_first_boot_of_windows(guest, "shadow-copies", "cmd", batch_of(COMMAND))


OPERATION = Operation(
    summary="Have Windows delete its shadow copies at the next boot",
    families=WINDOWS,
    default=False,
    plan=plan,
    notes="It is a script of the first boot: what `customize --firstboot` says of those holds for it. Why they are not "
    "deleted in the image: docs/decisions/what-sysprep-leaves.md.",
)

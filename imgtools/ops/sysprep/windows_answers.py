"""Remove answers for setup that have a password in them, where setup leaves them.

Answers of a Windows that waits to be set up stay: it has not read them yet.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removal
from imgtools.ops.operation import WINDOWS, Operation
from imgtools.ops.windows_plans import at_home

PLACES = (
    "%/Panther/unattend*.xml",
    "%/Panther/Unattend/*.xml",
    "%/System32/Sysprep/*.xml",
    "/*nattend.xml",
)
LONGEST = 1 << 20  # bytes
MARKS = (b"password>", b"productkey>", "password>".encode("utf-16-le"), "productkey>".encode("utf-16-le"))


def plan(guest: Guest, params: object) -> Iterator[Change]:
    """Yield the removal of each.

    :raises OddGuest: the SOFTWARE hive, which says whether they are still wanted, is damaged.
    """
    from imgtools.guest.windows.setup_state import is_generalised  # the shelf is read for every guest

    files = guest.files
    found = [path for place in PLACES for path in files.glob(at_home(guest, place)) if files.is_file(path)]
    secret = [path for path in found if _has_secret(files.read_bytes(path, limit=LONGEST))]
    if secret and not is_generalised(files, guest.os):
        yield from (removal(files, path) for path in dict.fromkeys(map(files.locate, secret)))


def _has_secret(content: bytes) -> bool:
    return any(mark in content.lower() for mark in MARKS)


OPERATION = Operation(summary="Remove answers for setup that have passwords", families=WINDOWS, plan=plan)

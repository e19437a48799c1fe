"""Empty a machine ID that is none, so that the guest makes one when it boots.

systemd takes 32 hexadecimal digits, an empty file, or the word ``uninitialized``. With anything else journal, networks
and D-Bus do without an ID, or do not start. A link that leads nowhere and a directory of that name go. One that is
missing is made anew at boot, which is then taken for the first one; so it is left.

Source: machine-id(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, Remove, Truncate, WriteFile
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import removal
from imgtools.ops.operation import LINUX, NoParams, Operation
from imgtools.records.files import FileKind

MACHINE_ID = "/etc/machine-id"
LARGEST = 64  # bytes; 33 are usual
VALID = re.compile(rb"\s*([0-9a-fA-F]{32}|uninitialized)?\s*")
NO_ID = b"0" * 32


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield what makes it an empty file."""
    files = guest.files
    found = files.lstat(MACHINE_ID)
    if found is None:
        return
    if files.is_file(MACHINE_ID):
        size = files.stat(MACHINE_ID).size
        content = files.read_bytes(MACHINE_ID, limit=LARGEST) if size <= LARGEST else b"?"
        if not VALID.fullmatch(content) or content.strip() == NO_ID:
            yield Truncate(files.resolve(MACHINE_ID), size_before=size)
        return
    if found.kind is FileKind.LINK and files.read_link(MACHINE_ID).startswith(("/run/", "/var/run/")):
        return  # of a guest without a disk of its own: made at each boot
    yield removal(files, MACHINE_ID) if found.kind is FileKind.DIRECTORY else Remove(MACHINE_ID)
    yield WriteFile(MACHINE_ID, b"", 0o444, 0, 0)


OPERATION = Operation(summary="Empty a machine ID that is none", families=LINUX, plan=plan)

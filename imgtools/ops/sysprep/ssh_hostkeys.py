"""Remove the host keys of the SSH server, and make sure that a clone makes its own.

Most distributions make missing keys when the server starts. Debian's does not: there a small unit of ours runs
``ssh-keygen -A`` before it, as long as there is no key. cloud-init would make keys too, but only where it finds
its data, so it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink, WriteFile
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import UNIX, NoParams, Operation
from imgtools.ops.ssh_host_keys import TEXT, UNIT, WANTED, needs_maker

KEYS = ("/etc/ssh/*_host_*", "/etc/dropbear/dropbear_*_host_key")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of the keys and, where nobody else makes new ones, the unit that does."""
    yield from remove_matching(guest.files, *KEYS)
    if needs_maker(guest.files):
        yield WriteFile(UNIT, TEXT)
        yield MakeLink(WANTED, UNIT)


OPERATION = Operation(
    summary="Remove the host keys of the SSH server",
    families=UNIX,
    plan=plan,
    notes="A guest that would not make new keys by itself gets a unit that does, before the server starts.",
)

"""Give the SSH server host keys that it takes.

Private keys that others may read become 0600, empty ones go. Where there is none, the guest makes new ones at its next
boot: by itself, as most distributions do, or by a small unit that it is given, which runs ``ssh-keygen -A`` before the
server. With ``now=yes`` that is run at once, in the guest's own tree.

Source: sshd(8), ssh-keygen(1).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, MakeDirectory, MakeLink, Remove, RunInGuest, SetMode, WriteFile
from imgtools.files.paths import parent_of
from imgtools.guest.guest import Guest
from imgtools.guest.health.sshd_config import private_keys
from imgtools.guest.health.sshd_lines import server_of
from imgtools.ops.operation import LINUX, Operation
from imgtools.ops.ssh_host_keys import TEXT, UNIT, WANTED, needs_maker


@dataclass(frozen=True, slots=True)
class Params:
    """``now``: yes makes missing keys at once, not at the next boot."""

    now: bool = False


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield modes, and what makes keys where there are none."""
    keys = private_keys(guest.files)
    yield from (SetMode(one.path, 0o600) for one in keys if one.is_open and one.size)
    yield from (Remove(one.path) for one in keys if not one.size)
    if any(one.size for one in keys):
        return
    if params.now:
        yield RunInGuest("ssh-keygen -A", what="ssh-keygen -A")
    elif needs_maker(guest.files):
        folder = parent_of(WANTED)
        if not guest.files.is_dir(folder):
            yield MakeDirectory(folder)
        yield WriteFile(UNIT, TEXT)
        yield MakeLink(WANTED, UNIT)


def lacking(guest: Guest) -> str:
    """Say that there is no SSH server of OpenSSH."""
    return "" if server_of(guest.files) else "no SSH server (sshd)"


OPERATION = Operation(
    summary="Give the SSH server host keys that it takes",
    families=LINUX,
    plan=plan,
    params=Params,
    lacking=lacking,
    notes="Who has connected before is warned of the new keys.",
)

"""Remove the host keys of the SSH server, and make sure that a clone makes its own.

Most distributions make missing keys when the server starts. Debian's does not: there a small unit of ours runs
``ssh-keygen -A`` before it, as long as there is no key. cloud-init would make keys too, but only where it finds
its data, so it does not count.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, MakeLink, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init
from imgtools.ops.common_plans import remove_matching
from imgtools.ops.operation import UNIX, NoParams, Operation

KEYS = ("/etc/ssh/*_host_*", "/etc/dropbear/dropbear_*_host_key")
# What the guest itself may have for it: units of Fedora, Arch, Raspberry Pi OS; scripts of SUSE.
MAKERS = (
    "/{usr/lib,lib,etc}/systemd/system/*ssh*key*.service",
    "/{usr/sbin,usr/lib/ssh,usr/lib/openssh}/sshd-gen-keys*",
)
UNIT = "/etc/systemd/system/imgtools-ssh-hostkeys.service"
WANTED = "/etc/systemd/system/multi-user.target.wants/imgtools-ssh-hostkeys.service"
TEXT = b"""\
[Unit]
Description=Make SSH host keys where there are none
Before=ssh.service ssh.socket sshd.service
ConditionPathExistsGlob=!/etc/ssh/ssh_host_*_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
"""


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removal of the keys and, where nobody else makes new ones, the unit that does."""
    yield from remove_matching(guest.files, *KEYS)
    if needs_maker(guest.files):
        yield WriteFile(UNIT, TEXT)
        yield MakeLink(WANTED, UNIT)


def needs_maker(files: GuestReader) -> bool:
    """Whether the guest has a server whose keys nobody would make again."""
    has_server = files.is_file("/usr/sbin/sshd") and files.is_file("/usr/bin/ssh-keygen")
    if not has_server or find_init(files) is not Init.SYSTEMD or files.exists(UNIT):
        return False
    return not any(True for pattern in MAKERS for _ in files.glob(pattern))


OPERATION = Operation(
    summary="Remove the host keys of the SSH server",
    families=UNIX,
    plan=plan,
    notes="A guest that would not make new keys by itself gets a unit that does, before the server starts.",
)

"""Who makes the host keys of an SSH server where there are none: the guest itself, or a unit that it is given."""

from __future__ import annotations

from imgtools.files.tree import GuestReader
from imgtools.guest.services.started import Init, find_init

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


def needs_maker(files: GuestReader) -> bool:
    """Whether the guest has a server whose keys nobody would make again."""
    has_server = files.is_file("/usr/sbin/sshd") and files.is_file("/usr/bin/ssh-keygen")
    if not has_server or find_init(files) is not Init.SYSTEMD or files.exists(UNIT):
        return False
    return not any(True for pattern in MAKERS for _ in files.glob(pattern))

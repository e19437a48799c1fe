"""What is mounted over the network carries no devices and no set-user-ID programs.

Whoever is root on the server, or takes its place on the network, else makes himself root here. Places of the system
itself are left out: a /usr over the network needs such programs. Source: mount(8), nfs(5), mount.cifs(8).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.guest.find.fstab import FSTAB, read_fstab
from imgtools.guest.settings.mounts import Mounted
from imgtools.ops.check import Check, Seen
from imgtools.ops.mount_checks import Options, lacking
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

TYPES = ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "glusterfs", "ceph", "9p", "virtiofs", "davfs")
SYSTEM = ("/", "/usr", "/usr/local", "/opt")


@dataclass(frozen=True, slots=True)
class Params(Options):
    """``options`` are those that such mounts should have."""

    options: tuple[str, ...] = ("nodev", "nosuid")


def look(examined: Examined, params: Params) -> Iterator[Seen]:
    """Yield the options that lines of fstab for such mounts lack."""
    entries = [
        one for one in read_fstab(examined.files).entries if one.type in TYPES and one.path not in SYSTEM
    ]
    if not entries:
        yield NotThere("fstab mounts nothing over the network")
    for entry in entries:
        yield from lacking(Mounted(entry, FSTAB), params.options)


CHECK = Check(
    title="Mounts over the network carry no devices and no set-user-ID programs",
    severity=Level.MEDIUM,
    look=look,
    params=Params,
    references=("NIST 800-53 CM-6",),
)

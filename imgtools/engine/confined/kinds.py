"""What each kind of program may use: the table of limits, and nobody is without a line in it."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

MIB, GIB, TIB = 1 << 20, 1 << 30, 1 << 40
HOUR, DAY = 3600, 24 * 3600
NO_LIMIT = -1  # RLIM_INFINITY of resource


class Limits(NamedTuple):
    """What one program may use: ``seconds`` of wall clock, ``memory`` bytes of address space, ``cpu`` seconds.

    What is None is as the kind of program says; ``seconds`` of none are no limit.
    """

    seconds: float | None = 60
    memory: int | None = None
    cpu: int | None = None


class Allowance(NamedTuple):
    """A line of the table.

    :param memory: bytes of address space.
    :param cpu: seconds of processor time.
    :param file_size: bytes of the largest file that it may write, or NO_LIMIT.
    :param unix_sockets: whether it may talk to servers of ours.
    :param network: whether it may talk to everybody.
    :param drops_root: whether it runs as an unprivileged user when we are root, with no more than the right to open
        its files.
    :param starts_programs: whether it may start programs, which are behind the same fence.
    :param is_fenced: whether files, network and processes are restricted at all.
    :param sees_mounts: whether it reads the list of what is mounted, because it wants to know whether its file is.
    :param mounts: it mounts, which a fence forbids: we mount for it, and where we may not it has limits only.
    :param own_mounts: nobody but us sees what it mounts, and it goes with it.
    :param shams_chroot: chroot(2) says that it was done, and nothing was: it gives up where that is refused.
    """

    memory: int
    cpu: int
    file_size: int
    unix_sockets: bool = False
    network: bool = False
    drops_root: bool = False
    starts_programs: bool = False
    is_fenced: bool = True
    sees_mounts: bool = False
    mounts: bool = False
    own_mounts: bool = False
    shams_chroot: bool = False


class Kind(Enum):
    """A kind of program; :data:`ALLOWANCES` says what each may use."""

    READER = "answers a question about a guest's bytes: qemu-img info, rpm, journalctl, sfdisk --dump"
    RECOGNISER = "gets bytes as a descriptor and says what they are: blkid, wipefs"
    CHECKER = "looks through a whole filesystem: e2fsck, fsck.fat, ntfsfix, ntfsresize --info"
    LIMITLESS_CHECKER = "the same, and it wants no limit of a file's size, or does not begin: xfs_repair -n"
    RESIZER = "makes a filesystem larger or smaller: resize2fs, ntfsresize, resize.f2fs, mkswap"
    WRITER = "changes files in a filesystem, or a partition table: mtools, sfdisk, fdisk"
    IMAGES = "works on whole images: qemu-img"
    SERVER = "serves an image read-only: qemu-nbd"
    DAEMON = "serves overlays for writing: qemu-storage-daemon"
    EXPORTER = "shows a served disk as a file, which is a mount, and parses no image: qemu-storage-daemon"
    MACHINE = "a virtual machine with a kernel of the host: QEMU of libguestfs' appliance"
    CONNECTED_MACHINE = "the same with a network, for a user who has asked for it"
    KEY_SERVER = "asks servers for keys, by scripts: clevis"
    MOUNTER = "mounts a guest's filesystem: ntfs-3g"
    DECOMPRESSOR = "from standard input to standard output: zstd, xz, gzip, bzip2, lz4"
    PACKER = "from a pipe of ours into a new file: the same programs the other way round"
    LIBRARY = "a copy of imgtools that works with a C library: libfsntfs, libbde, hivex, augeas, libevtx"
    WRITING_LIBRARY = "the same, that writes to a volume: libext2fs"
    SCANNER = "judges a guest's files in a folder of ours by rules of others: oscap"
    FETCHER = "reads an image from a server that the user has named: a copy of imgtools, over HTTP and NBD"
    NEIGHBOUR = "the same from a unix socket of this host: NBD without a network"
    VISITOR = "the same with what the user is known by there: nbdkit over SSH, qemu-nbd over iSCSI and RBD"
    HOST = "never sees a guest's bytes, or does what a fence forbids: fusermount3, umount, supermin, virsh"
    PERSON = "a person's own editor"

    @property
    def allowance(self) -> Allowance:
        """Its line of the table."""
        return ALLOWANCES[self]


ALLOWANCES = {
    Kind.READER: Allowance(2 * GIB, HOUR, MIB, drops_root=True),
    Kind.RECOGNISER: Allowance(256 * MIB, 10, MIB, drops_root=True),
    Kind.CHECKER: Allowance(16 * GIB, DAY, 16 * TIB, sees_mounts=True),
    # It writes to nothing: its file is exported such that nobody can.
    Kind.LIMITLESS_CHECKER: Allowance(16 * GIB, DAY, NO_LIMIT, sees_mounts=True),
    Kind.RESIZER: Allowance(16 * GIB, DAY, 16 * TIB, sees_mounts=True),
    Kind.WRITER: Allowance(16 * GIB, DAY, 16 * TIB),
    Kind.IMAGES: Allowance(4 * GIB, 7 * DAY, 64 * TIB, unix_sockets=True),
    Kind.SERVER: Allowance(GIB, 7 * DAY, MIB, unix_sockets=True, drops_root=True),
    Kind.DAEMON: Allowance(4 * GIB, 7 * DAY, 64 * TIB, unix_sockets=True),
    Kind.EXPORTER: Allowance(4 * GIB, 7 * DAY, 64 * TIB, unix_sockets=True, mounts=True),
    Kind.MACHINE: Allowance(64 * GIB, 7 * DAY, 64 * TIB, unix_sockets=True, drops_root=True),
    Kind.CONNECTED_MACHINE: Allowance(
        64 * GIB, 7 * DAY, 64 * TIB, unix_sockets=True, drops_root=True, network=True
    ),
    Kind.KEY_SERVER: Allowance(GIB, 60, MIB, drops_root=True, network=True, starts_programs=True),
    Kind.MOUNTER: Allowance(4 * GIB, 7 * DAY, 64 * TIB, mounts=True, own_mounts=True),
    Kind.DECOMPRESSOR: Allowance(512 * MIB, 12 * HOUR, MIB, drops_root=True),
    Kind.PACKER: Allowance(4 * GIB, 7 * DAY, 64 * TIB),
    Kind.LIBRARY: Allowance(2 * GIB, 12 * HOUR, MIB, drops_root=True),
    Kind.WRITING_LIBRARY: Allowance(4 * GIB, 12 * HOUR, 16 * TIB, drops_root=True),
    # It stays root where we are: nobody else may look into our mounts.
    Kind.SCANNER: Allowance(4 * GIB, 12 * HOUR, GIB, shams_chroot=True),
    # The sockets of name services (nscd, systemd-resolved) and of servers of ours beside the network.
    Kind.FETCHER: Allowance(2 * GIB, 7 * DAY, 16 * GIB, unix_sockets=True, network=True, drops_root=True),
    # A socket of this host lets in whom its mode names, so this one stays who we are, and has no network.
    Kind.NEIGHBOUR: Allowance(2 * GIB, 7 * DAY, 16 * GIB, unix_sockets=True),
    # An agent of SSH answers only who it belongs to, so this one stays who we are.
    Kind.VISITOR: Allowance(4 * GIB, 7 * DAY, MIB, unix_sockets=True, network=True),
    Kind.HOST: Allowance(64 * GIB, 7 * DAY, 64 * TIB, is_fenced=False),
    Kind.PERSON: Allowance(0, 0, 0, is_fenced=False),
}

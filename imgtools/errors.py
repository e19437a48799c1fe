"""Every error a user can meet, with its exit code.

A class is a fact, its message that fact with its numbers, ``hint`` what to do about it. Only
``cli/app.py`` catches them. The ranges of exit codes are a promise (docs/exit-codes.md):

====== =========================================================================
0      done
1      done, and something was found (a difference, a finding, something left)
2      wrong usage of the command line
3      any other named error
10-19  the image: bad, in use, untrusted backing file, unfinished edit, format, target, room, loss, remote, changed
20-28  the guest: odd, none, many, key needed, unsupported, a file in it, an unknown name, memory, a key elsewhere
30-39  the engine: failed, tool missing, appliance failed, timeout; a server elsewhere and what it answers
40-49  an edit: failed, conflict, rolled back, cut short; no room inside; a new disk: source, layout, kernel, loader
50-59  a fleet: its images, the cluster, the database, a query
70     a bug in imgtools
128+n  ended by signal n; changes rolled back
====== =========================================================================
"""

from __future__ import annotations

import errno
import os
from typing import ClassVar

LONGEST_NAME = 200  # characters of a guest's string in a message
LONGEST_MESSAGE = 2000  # a path has 4096 at most; nobody reads more of it


def shorten(text: str, most: int = LONGEST_NAME) -> str:
    """Return a text of at most ``most`` characters: what a guest writes may be of any length."""
    return text if len(text) <= most else f"{text[: most - most // 3 - 1]}…{text[len(text) - most // 3 :]}"


class ImgtoolsError(Exception):
    """A named error: one line that says what is wrong, and a hint that says what to do."""

    exit_code: ClassVar[int] = 3

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ImgtoolsError):
    """The words on the command line do not fit together."""

    exit_code = 2


class HostError(ImgtoolsError):
    """The host got in the way: no room, no permission, a file that exists already."""


class BadImage(ImgtoolsError):
    """Not a disk image, truncated, damaged, or of another format than the user said."""

    exit_code = 10


class ImageInUse(ImgtoolsError):
    """Another program (a running guest, another imgtools) has the image open for writing."""

    exit_code = 11


class UntrustedBacking(ImgtoolsError):
    """The image names another host file that nobody allowed it to open."""

    exit_code = 12


class UnknownBackingFormat(UntrustedBacking):
    """The image does not record a format of its backing file that is one; ``imgtools rebase --unsafe`` does."""


class UnfinishedEdit(ImgtoolsError):
    """An earlier edit was cut while it was being committed; ``imgtools recover`` finishes it."""

    exit_code = 13


class UnsupportedFormat(ImgtoolsError):
    """The image's format cannot do what is asked; the hint names the way round."""

    exit_code = 14


class TargetExists(HostError):
    """A new file would take the place of one that is there already."""

    exit_code = 15


class NoRoom(HostError):
    """The host has no room for the result."""

    exit_code = 16


class WouldLoseData(ImgtoolsError):
    """What is asked would cut off or change data that the image holds, and nobody said that this is meant."""

    exit_code = 17


class CannotHold(WouldLoseData):
    """A filesystem of that type cannot hold a file as it is: a link, a device, an owner, a name."""


class RemoteNotAllowed(ImgtoolsError):
    """The image is on another machine, and nobody said that the network may be used (``--remote``)."""

    exit_code = 18


class RemoteChanged(ImgtoolsError):
    """The remote image was changed while it was read: what was read does not belong together."""

    exit_code = 19


class OddGuest(ImgtoolsError):
    """A file of the guest does not parse, or says something impossible."""

    exit_code = 20


class NoGuest(ImgtoolsError):
    """No operating system was found in the image."""

    exit_code = 21


class ManyGuests(ImgtoolsError):
    """More than one operating system was found, and none was chosen."""

    exit_code = 22


class KeyNeeded(ImgtoolsError):
    """An encrypted volume needs a key, or the key given does not open it."""

    exit_code = 23


class UnsupportedGuest(ImgtoolsError):
    """The operation does not apply to this kind of guest."""

    exit_code = 24


class GuestFileError(ImgtoolsError):
    """A file of the guest is not there, or is not of the kind that was asked for."""

    exit_code = 25

    def __init__(self, message: str, *, path: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.path = path


class NoSuchGuestFile(GuestFileError):
    """No file of that name in the guest."""


class NotAFile(GuestFileError):
    """A directory, device or other thing where a regular file is wanted."""


class NotADirectory(GuestFileError):
    """Something else where a directory is wanted."""


class TooManyLinks(GuestFileError):
    """Symbolic links that lead in a circle, or too deep (more than 40, as in Linux)."""


class GuestFileTooBig(GuestFileError):
    """A file larger than the reader is willing to hold in memory."""


class NoSuchRegistryKey(GuestFileError):
    """No key or value of that name in the guest's registry; ``path`` is the key."""


class NotInGuest(ImgtoolsError):
    """A name that the guest does not know (a user, group, time zone, keyboard layout), or knows as another thing."""

    exit_code = 26


class NotEnoughMemory(ImgtoolsError):
    """The host has less memory than the derivation of a volume's key takes."""

    exit_code = 27


class KeyOutOfReach(ImgtoolsError):
    """A volume's key is kept where this host cannot get it: in a TPM, on a token, by a server that is silent."""

    exit_code = 28


class EngineFailed(ImgtoolsError):
    """An engine could not do what every engine of its kind can."""

    exit_code = 30


class FuseRefused(EngineFailed):
    """This host mounts nothing for its users: no /dev/fuse, no fusermount3, or a container without the capability."""


class ToolMissing(ImgtoolsError):
    """A program or a Python binding of the host is not installed."""

    exit_code = 31


class ApplianceFailed(ImgtoolsError):
    """The libguestfs appliance did not start, or a call inside it failed."""

    exit_code = 32


class EngineTimeout(ImgtoolsError):
    """A program took longer than its limit."""

    exit_code = 33


class RemoteTimeout(EngineTimeout):
    """The server of a remote image did not answer in time (``--remote-timeout``)."""


class RemoteUnreachable(ImgtoolsError):
    """No connection to the server of a remote image: no such name, nobody listens, no way there."""

    exit_code = 34


class RemoteNotFound(ImgtoolsError):
    """The server is there and has no such image: 404, no such export, file or target."""

    exit_code = 35


class RemoteDenied(ImgtoolsError):
    """The server does not let us read the image: no login, a wrong one, or no right to it."""

    exit_code = 36


class RemoteUntrusted(ImgtoolsError):
    """The server cannot prove who it is: its certificate or host key is unknown, wrong or out of date."""

    exit_code = 37


class RemoteUnfit(ImgtoolsError):
    """The server cannot give pieces of a file, or gives something that is no image as it is."""

    exit_code = 38


class RedirectRefused(RemoteUnfit):
    """The server sends on to where we do not follow: another scheme, or in a circle."""


class RemoteFailed(ImgtoolsError):
    """The server of a remote image failed, or cut the connection, and did so again."""

    exit_code = 39


class EditFailed(ImgtoolsError):
    """The change could not be made; the image is as it was."""

    exit_code = 40


class SessionReadOnly(EditFailed):
    """A session that was begun without ``--write`` was asked for a change."""


class EditConflict(ImgtoolsError):
    """Two changes want the same thing, or the image changed since the plan was made."""

    exit_code = 41


class RolledBack(ImgtoolsError):
    """The changes were made and then failed verification; the image is as it was."""

    exit_code = 42


class EditCut(ImgtoolsError):
    """The commit was interrupted; ``imgtools recover`` finishes it."""

    exit_code = 43


class BadSource(ImgtoolsError):
    """What a new disk is to be made from is damaged, or a name in it leads out of it."""

    exit_code = 44


class ManyPlatforms(ImgtoolsError):
    """An image of containers is for several platforms, or there are several images, and none was chosen."""

    exit_code = 45


class NoRoomInside(ImgtoolsError):
    """The disk, its partition table, or a volume group has no room for what is asked; the message has the numbers."""

    exit_code = 46


class TooSmall(NoRoomInside):
    """A new disk has no room for what shall be in it; the least size is named."""


class BadLayout(ImgtoolsError):
    """A layout of a new disk does not parse, or does not fit together; file, line and key are told."""

    exit_code = 47


class NoKernel(ImgtoolsError):
    """A disk that is to boot is made of files that have no kernel."""

    exit_code = 48


class NoBootLoader(ImgtoolsError):
    """A disk that is to boot is made of files without GRUB for its firmware, or without GRUB's programs."""

    exit_code = 49


class NoImages(ImgtoolsError):
    """What was named for a fleet holds no disk image."""

    exit_code = 50


class SchedulerUnreachable(ImgtoolsError):
    """Nobody answers at the address of a cluster's scheduler, or it has no workers."""

    exit_code = 51


class OtherVersions(ImgtoolsError):
    """A scheduler or worker of a cluster has other versions than this host; both are named."""

    exit_code = 52


class ClusterLost(ImgtoolsError):
    """The scheduler went away in the middle of a run; what was answered is kept."""

    exit_code = 53


class FleetDatabaseUnfit(ImgtoolsError):
    """A fleet's database cannot be opened, read or written: no rights, no server, another program's, in use."""

    exit_code = 54


class NewerDatabase(ImgtoolsError):
    """A fleet's database was made by a newer imgtools."""

    exit_code = 55


class BadQuery(ImgtoolsError):
    """The database does not understand a query, or it would change something."""

    exit_code = 56


class NoSuchRun(ImgtoolsError):
    """A fleet's database has no run of this number, or none at all; or two runs cannot be compared."""

    exit_code = 57


class NoSuchPlace(ImgtoolsError):
    """No worker of a cluster announces a place whose images are to be asked; those that there are, are named."""

    exit_code = 58


class ImagesCollide(ImgtoolsError):
    """Images of a fleet that is to be changed write into each other's files: one twice, or one on another."""

    exit_code = 59


class FleetLibraryMissing(ToolMissing):
    """A Python package is not installed that only fleets need (``imgtools[fleet]``)."""


# What a host's disk, or what it is mounted from, answers when it fails or is full (errno(3)).
FAULTS = frozenset(
    {errno.EIO, errno.ENXIO, errno.ENODEV, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.EREMOTEIO}
    | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
)
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def host_fault(error: OSError) -> HostError | None:
    """Name a failure of the host that nobody on the way has named; None if it says nothing of the host."""
    if error.errno not in FAULTS:
        return None
    kind = NoRoom if error.errno in FULL else HostError
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else "this host"
    return kind(
        f"{where}: {os.strerror(error.errno)}",
        hint="look at the host's disks, limits and kernel log; imgtools recover finishes an edit that was cut short",
    )

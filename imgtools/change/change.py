"""What one can ask to be changed in a guest, as data.

Operations yield changes and never carry them out; ``change/applier.py`` alone does. A plan is a sequence of
changes, made by reading, printed before anything happens, and applied as it was printed.

Two kinds of changes. *Plain* ones are what a filesystem can do. *Composed* ones (:class:`EditConfig`,
:class:`EditLines`, those of a registry) say what a file should say; :func:`imgtools.change.compose.compose`
reads the file once, makes all edits of it, and puts one :class:`WriteFile` in their place, before anything is
written. So both engines only ever see plain changes, and a diff can be shown of every edit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgtools.records.files import DataPart as DataPart

# -- plain: files -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WriteFile:
    """Make a file with this content, or give an existing file this content.

    An existing file keeps its mode, owner, labels and hard links; ``mode``, ``uid`` and ``gid`` change them if
    they are given. A new file gets 0644 root:root where they are not. ``path`` may be a symbolic link; it is
    followed. ``before`` is the SHA-256 (hex) of the content that the plan saw: another content now is an
    EditConflict. ``private`` keeps the content out of what is printed (password hashes, keys); ``what`` says in its
    place what is done there: "set the password of root (yescrypt)". ``hive_edits``: those of a registry hive, of which
    this is the outcome; they are shown in its place.
    """

    path: str
    content: bytes
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    before: str = ""
    private: bool = False
    what: str = ""
    hive_edits: tuple[DoneEdit, ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """Make a file with ``size`` bytes of a host file, from ``offset`` on, streamed; otherwise as :class:`WriteFile`.

    A member of a tar archive is such a piece of the archive. ``packed``: of what the archive holds when it is
    unpacked; such a change is only written down, and carried out with an unpacked copy (change/archive.py).
    ``replace``: a file, link or special file that has the name is removed first: no link is followed, and its other
    names keep the old content. ``parts``: the archive holds only these of the file, one behind the other, and the rest
    are holes; None: all of it. ``content``: these bytes are read in place of the host file, from their beginning;
    ``private`` is as in :class:`WriteFile`. mtime is in nanoseconds since 1970.
    """

    path: str
    host_path: Path
    size: int
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    mtime: int | None = None
    offset: int = 0
    packed: bool = False
    replace: bool = False
    parts: tuple[DataPart, ...] | None = None
    content: bytes | None = None
    private: bool = False


@dataclass(frozen=True, slots=True)
class Truncate:
    """Empty a regular file; it keeps mode, owner and labels."""

    path: str
    size_before: int = 0


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove a file, a link (not what it leads to) or, with ``recursive``, a directory and all below it.

    ``contents_only`` keeps the directory itself. ``size`` and ``count`` are what goes, for the report.
    """

    path: str
    recursive: bool = False
    contents_only: bool = False
    size: int = 0
    count: int = 1


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """Make a directory, with its missing parents; an existing one is left as it is.

    ``mtime`` (nanoseconds since 1970) is set when the whole plan is done: every name made in it changes it. With
    ``replace``, what has the name and does not lead to a directory is removed first.
    """

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0
    mtime: int | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class MakeLink:
    """Make a symbolic link, in the place of a file or link that has its name; its own time is ``mtime``."""

    path: str
    target: str
    uid: int | None = None
    gid: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class MakeHardLink:
    """Give ``target``, which is no directory, a second name on the same volume; a link is not followed.

    ``replace`` is as in :class:`Upload`.
    """

    path: str
    target: str
    replace: bool = False


@dataclass(frozen=True, slots=True)
class MakeSpecial:
    """Make a device node, fifo or socket; ``kind`` is the letter of ``ls -l``: c, b, p, s.

    ``replace`` is as in :class:`Upload`.
    """

    path: str
    kind: str
    device: tuple[int, int] = (0, 0)
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: int | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Rename a file or directory; on another volume it is copied and removed."""

    path: str
    to: str


@dataclass(frozen=True, slots=True)
class SetMode:
    """Set the permission bits (0o7777); a link is followed."""

    path: str
    mode: int
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class SetOwner:
    """Set the owner; None leaves that half. A link itself is changed, not what it leads to."""

    path: str
    uid: int | None = None
    gid: int | None = None
    recursive: bool = False


@dataclass(frozen=True, slots=True)
class SetTimes:
    """Set access and modification time, in nanoseconds since 1970; None leaves that one. No link is followed."""

    path: str
    atime: int | None = None
    mtime: int | None = None


@dataclass(frozen=True, slots=True)
class SetXattr:
    """Set an extended attribute, or with ``value`` None remove it (an absent one is fine). No link is followed."""

    path: str
    name: str
    value: bytes | None


# -- composed: what a file should say ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConfigSetting:
    """One Augeas edit below a file: ``node`` relative to ``/files<path>``; value None removes the node."""

    node: str
    value: str | None


@dataclass(frozen=True, slots=True)
class EditConfig:
    """Edit a configuration file through its Augeas lens. Edits of one file compose: one parse, one write."""

    path: str
    settings: tuple[ConfigSetting, ...]
    lens: str = ""  # "Sshd.lns"; "" finds it by the path, as Augeas does


@dataclass(frozen=True, slots=True)
class LineEdit:
    """One edit of the lines of a text file.

    ``pattern`` is a regular expression (Python's, MULTILINE is not set: one line without its end at a time).
    With ``replacement`` None the matching lines go; else they are rewritten with ``re.sub``. With ``append`` the
    line is added at the end if no line equals it.
    """

    pattern: str = ""
    replacement: str | None = None
    append: str = ""


@dataclass(frozen=True, slots=True)
class EditLines:
    """Edit the lines of a text file. A file that does not change yields no change; a missing one neither.

    ``what`` is as in :class:`WriteFile`.
    """

    path: str
    edits: tuple[LineEdit, ...]
    what: str = ""


@dataclass(frozen=True, slots=True)
class RegistrySet:
    """Set a value of a registry key; the key is made with its parents if it is missing.

    ``path`` is the hive's file in the guest, ``key`` a key below the hive's root, with backslashes, ``name`` "" the
    key's default value. ``type`` is REG_SZ, REG_DWORD and so on, or a number. What is set is ``text`` (SZ, EXPAND_SZ,
    LINK), ``texts`` (MULTI_SZ), ``number`` (DWORD, QWORD), or for any type the bytes as they are stored, ``data``.
    ``private`` keeps that out of what is printed. ``what`` says what it means, where key and value do not.
    """

    path: str
    key: str
    name: str = ""
    type: str = "REG_SZ"
    text: str | None = None
    texts: tuple[str, ...] | None = None
    number: int | None = None
    data: bytes | None = None
    private: bool = False
    what: str = ""


@dataclass(frozen=True, slots=True)
class RegistryRemoveValue:
    """Remove a value of a registry key; fields as in :class:`RegistrySet`. One that is not there is no error.

    ``private`` keeps what goes out of what is printed.
    """

    path: str
    key: str
    name: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True)
class RegistryMakeKey:
    """Make a registry key, with its missing parents."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class RegistryRemoveKey:
    """Remove a registry key and everything below it. One that is not there is no error."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class RegistryApplyLog:
    """Write into a hive what only its transaction logs hold, as Windows does when it loads one that was not closed."""

    path: str


@dataclass(frozen=True, slots=True)
class DoneEdit:
    """An edit of a registry that a plan has made, and what it changes, in .reg notation; "" where that is private."""

    change: RegistryChange
    diff: str = ""


# -- plain: whole volumes, and what runs in the guest's tree ----------------------------------------------


@dataclass(frozen=True, slots=True)
class SetUuid:
    """Give a filesystem a new UUID; ``uuid`` empty means a random one."""

    device: str
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class NewLvmUuids:
    """Give volume groups and their physical volumes new random UUIDs; names stay.

    The groups in ``keep_groups`` keep their own UUID (GRUB finds them by it); their physical volumes do not.
    """

    groups: tuple[str, ...]
    keep_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DiscardHibernation:
    """Throw away the memory image of a Windows that is hibernated on an NTFS volume: else nothing is written to it.

    What its programs had open and not saved is lost.
    """

    device: str


@dataclass(frozen=True, slots=True)
class WriteDisk:
    """Write over the bytes of a disk, or of a volume, from ``offset`` on: a partition table, boot code.

    ``before`` is the SHA-256 (hex) of the bytes that the plan saw there: others now are an EditConflict. ``what`` says
    what they are: "the backup GPT".
    """

    device: str
    offset: int
    content: bytes
    before: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class CheckFilesystem:
    """Have a filesystem that is not mounted mended by its own checker.

    ``type`` is what it is, as :class:`imgtools.records.disks.Volume` has it. ``force``: also do what may lose data.
    """

    device: str
    type: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class RunInGuest:
    """Run a program in the guest's own tree (chroot, in the appliance). ``script`` is shell text.

    ``devices`` are disks and volumes that it works on: ``$1``, ``$2`` ... are what they are called there.
    """

    script: str
    network: bool = False
    what: str = ""  # what the report calls it: "apt-get install nginx"
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Relabel:
    """Give files the SELinux labels that the guest's own policy says; with no paths, the whole guest."""

    paths: tuple[str, ...] = ()


RegistryChange = RegistrySet | RegistryRemoveValue | RegistryMakeKey | RegistryRemoveKey | RegistryApplyLog
Composed = EditConfig | EditLines | RegistryChange
FileChange = (
    WriteFile
    | Upload
    | Truncate
    | Remove
    | MakeDirectory
    | MakeLink
    | MakeHardLink
    | MakeSpecial
    | Move
    | SetMode
    | SetOwner
    | SetTimes
    | SetXattr
)
DeviceChange = SetUuid | NewLvmUuids | DiscardHibernation | WriteDisk | CheckFilesystem
PlainChange = FileChange | DeviceChange | RunInGuest | Relabel
Change = PlainChange | Composed
# What only the appliance can do: the direct engine declines a plan that holds one.
APPLIANCE_ONLY = (SetUuid, DiscardHibernation, CheckFilesystem, RunInGuest, Relabel)

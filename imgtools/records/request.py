"""What a command asks for: which image, how it is opened, what becomes of a plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgtools.records.image import DiskSource

if TYPE_CHECKING:
    from imgtools.records.detached_header import DetachedHeader
    from imgtools.records.orders import Named


class Engine(StrEnum):
    """Who answers: ``direct`` boots nothing, ``appliance`` is libguestfs."""

    AUTO = "auto"
    DIRECT = "direct"
    APPLIANCE = "appliance"
    MEMORY = "memory"  # a guest made of Python objects; tests only


class Backing(StrEnum):
    """Which other host files an image may name (backing files, data files, extents)."""

    SAME_DIR = "same-dir"  # only files in the image's own folder or below it
    NONE = "none"  # no other file at all
    ANY = "any"  # whatever it names; only for images you made yourself


class Secret:
    """A password or key. It never shows in a repr, a log, JSON or a traceback."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """Return the secret's bytes; the only way to get at them."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"


@dataclass(frozen=True, slots=True)
class Key:
    """A key for what is encrypted.

    ``selector`` is a volume's device, UUID, label or partition's name, an image's path or name, ``image`` or ``all``.
    With ``clevis`` the secret means nothing: it is what the servers give that the volume's header names.
    ``headers`` are of volumes whose headers lie elsewhere; they are known to all keys that are given with this one.
    """

    selector: str
    secret: Secret
    headers: tuple[DetachedHeader, ...] = field(default=(), repr=False)
    clevis: bool = field(default=False, repr=False)


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """Which image a command works on, and how it is opened."""

    disks: tuple[DiskSource, ...]
    keys: tuple[Key, ...] = ()
    engine: Engine = Engine.AUTO
    backing: Backing = Backing.SAME_DIR
    root: str | None = None  # which operating system of a multi-boot guest: the device of its root
    mounts: tuple[str, ...] = ()  # DEVICE[:PATH[:OPTIONS]]: these volumes instead of the guest's own mounts
    share: bool = False  # read the image's file although another program writes to it
    domain: str = ""  # of libvirt, whose disks they are
    connect: str = ""  # which libvirt: its URI; "" is its own choice
    folder: str = "/"  # of the guest, where paths begin that do not begin with /

    @property
    def host_path(self) -> Path:
        """The first disk, which names the image in messages and JSON."""
        return self.disks[0].host_path

    @property
    def name(self) -> str:
        """What messages and JSON call the image."""
        return self.disks[0].name


class OutputTarget(NamedTuple):
    """The new image that ``--output`` makes, of several disks a new folder of images; the original is not written."""

    host_path: Path
    format: str | None = None  # raw, qcow2, vmdk ...; None: as the original
    compress: bool = False  # only qcow2 and vmdk streams can
    overwrite: bool = False  # take the place of a file that is there


class Target(NamedTuple):
    """What a writing command does with its plan: show it (the default), do it in place, or in a new image."""

    write: bool = False
    output: OutputTarget | None = None
    check: bool = True  # refuse what would lock people out of the guest or stop its boot
    gathers: bool = False  # in a session: put it to what is planned already, for a commit later

    @property
    def is_dry_run(self) -> bool:
        """Whether nothing is written now."""
        return not self.write and self.output is None

    @property
    def counts(self) -> bool:
        """Whether the plan is to be done: now, or by the commit of a session."""
        return self.gathers or not self.is_dry_run


class Customization(NamedTuple):
    """Orders in the sequence in which they were given.

    ``password_output``: the file of the host for passwords that are made; None: the terminal.
    """

    orders: tuple[Named, ...] = ()
    password_output: Path | None = None

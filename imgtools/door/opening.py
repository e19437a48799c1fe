"""Which image, and how it is opened: the words of the command line as keywords, and the two doors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from enum import StrEnum
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, TypedDict, TypeVar

from imgtools.errors import UsageError
from imgtools.records.domain import Domain
from imgtools.records.image import disk_named, sector_size
from imgtools.records.remote import remote_options
from imgtools.records.request import Backing, Engine, ImageRequest, Key, OutputTarget, Secret, Target

if TYPE_CHECKING:
    from imgtools.image.edit import ImageEdit
    from imgtools.image.handle import Image

HostPath = str | os.PathLike[str]
# One disk, or all disks of one guest (/dev/sda, /dev/sdb ...), or a guest of libvirt: what `domain` returns.
Images = HostPath | Sequence[HostPath] | Domain | ImageRequest  # the last is how workflows say it
Size = str | int  # "20G", "+5G", "-5G" in powers of 1024, or bytes
Keys = Mapping[str, str | bytes | Secret] | Iterable[Key]  # selector -> secret
EngineName = Engine | Literal["auto", "direct", "appliance"]
ENGINES = (Engine.AUTO, Engine.DIRECT, Engine.APPLIANCE)
BackingName = Backing | Literal["same-dir", "none", "any"]


class ImageOptions(TypedDict, total=False):
    """How an image is opened as a file: the words of ``imgtools info``."""

    format: str | None  # as QEMU calls it; None: it is found
    keys: Keys  # selector (see Key) -> passphrase, or content of the key file
    backing: BackingName  # which other host files the image may name
    backing_folder: HostPath | Sequence[HostPath]  # of templates: files in it, or below it, may be named too
    remote: bool  # an image may be a URI, and is read over the network
    remote_timeout: float | None  # seconds that its server may take to answer


class StateOptions(ImageOptions, total=False):
    """The same, for what an internal snapshot can be read of."""

    snapshot: str | None  # id or name
    force_share: bool  # read it although another program writes to it; what is read may be half written


class GuestOptions(ImageOptions, total=False):
    """How an image is opened to look into its guest: the words of ``imgtools cat``."""

    snapshot: str | None  # id or name
    engine: EngineName  # who reads
    root: (
        str | None
    )  # which system, if there are several: the device, UUID, label or drive letter of its root
    mount: str | Sequence[str]  # DEVICE[:PATH[:OPTIONS]]: these volumes, not the guest's own mounts
    blocksize: int | None  # bytes of a sector, 512 or 4096; None: as a GPT tells, else 512


def open_image(
    images: Images,
    *,
    format: str | None = None,
    snapshot: str | None = None,
    keys: Keys = (),
    engine: EngineName = Engine.AUTO,
    backing: BackingName = Backing.SAME_DIR,
    backing_folder: HostPath | Sequence[HostPath] = (),
    remote: bool = False,
    remote_timeout: float | None = None,
    blocksize: int | None = None,
) -> AbstractContextManager[Image]:
    """Open the disks of one guest for reading. What is given back has no method that changes anything.

    :raises BadImage: a file is not a disk image, or is damaged.
    :raises UntrustedBacking: an image names a host file that ``backing`` does not allow.
    :raises KeyNeeded: the image itself is encrypted, and no key opens it.
    :raises UnfinishedEdit: an edit of it was cut while it was committed; :func:`recover` finishes it.
    """
    from imgtools.image.handle import open_request

    return open_request(
        make_request(
            images,
            format=format,
            snapshot=snapshot,
            keys=keys,
            engine=engine,
            backing=backing,
            backing_folder=backing_folder,
            remote=remote,
            remote_timeout=remote_timeout,
            blocksize=blocksize,
        )
    )


def edit_image(
    images: Images,
    *,
    format: str | None = None,
    keys: Keys = (),
    engine: EngineName = Engine.AUTO,
    backing: BackingName = Backing.SAME_DIR,
    backing_folder: HostPath | Sequence[HostPath] = (),
    remote: bool = False,
    remote_timeout: float | None = None,
    blocksize: int | None = None,
    output: HostPath | None = None,
    output_format: str | None = None,
    compress: bool = False,
    overwrite: bool = False,
) -> AbstractContextManager[ImageEdit]:
    """Open the disks of one guest for an edit. What is not committed when the block ends never happened.

    :param output: make a new image there; the image itself is not written.
    :raises ImageInUse: a guest, or another imgtools, has one of the images open for writing.
    :raises UnsupportedFormat: the format cannot be written in place.
    :param overwrite: ``output`` may take the place of a file that is there.
    :raises TargetExists: ``output`` is there already.
    :raises ImgtoolsError: as :func:`open_image`.
    """
    from imgtools.image.edit import edit_request

    new = make_output(output, output_format, compress, overwrite)
    request = make_request(
        images,
        format=format,
        keys=keys,
        engine=engine,
        backing=backing,
        backing_folder=backing_folder,
        remote=remote,
        remote_timeout=remote_timeout,
        blocksize=blocksize,
    )
    return edit_request(request, Target(write=new is None, output=new))


def make_request(
    images: Images,
    *,
    format: str | None = None,
    snapshot: str | None = None,
    keys: Keys = (),
    engine: EngineName = Engine.AUTO,
    backing: BackingName = Backing.SAME_DIR,
    backing_folder: HostPath | Sequence[HostPath] = (),
    remote: bool = False,
    remote_timeout: float | None = None,
    root: str | None = None,
    mount: str | Sequence[str] = (),
    force_share: bool = False,
    blocksize: int | None = None,
) -> ImageRequest:
    """Return what the keywords ask for, as workflows take it.

    :raises UsageError: no image is named, or a word is none of those that there are.
    """
    if isinstance(images, ImageRequest):
        return images
    found = images if isinstance(images, Domain) else Domain("", tuple(map(disk_named, images_of(images))))
    if found.problem is not None:
        raise found.problem
    if not found.disks:
        raise UsageError("no image is named")
    folders, network = host_paths(backing_folder), remote_options(remote, remote_timeout)
    sector = sector_size(blocksize)
    disks = (
        replace(
            disk,
            format=format or disk.format,
            snapshot=snapshot,
            folders=folders,
            remote=network,
            sector_size=sector or disk.sector_size,
        )
        for disk in found.disks
    )
    return ImageRequest(
        tuple(disks),
        (*_keys(keys), *found.keys),
        one_of(ENGINES, engine),
        one_of(Backing, backing),
        root,
        several(mount),
        share=force_share or found.is_live,
        domain=found.name if found.targets else "",
    )


def make_output(
    output: HostPath | None, output_format: str | None, compress: bool, overwrite: bool = False
) -> OutputTarget | None:
    """Return the new image that is asked for; None for none.

    :raises UsageError: something is said about a new image, and none is named.
    """
    if output is not None:
        return OutputTarget(Path(output), output_format, compress, overwrite)
    if output_format or compress or overwrite:
        raise UsageError(
            "output_format, compress and overwrite are about a new image", hint="name it: output=..."
        )
    return None


def images_of(images: HostPath | Sequence[HostPath]) -> tuple[HostPath, ...]:
    """Return one or several images as several: what is a URI stays one."""
    return (images,) if isinstance(images, str | os.PathLike) else tuple(images)


def host_paths(images: HostPath | Sequence[HostPath]) -> tuple[Path, ...]:
    """Return one or several host paths as paths."""
    return tuple(map(Path, [images] if isinstance(images, str | os.PathLike) else images))


def several(texts: str | Sequence[str]) -> tuple[str, ...]:
    """Return one or several texts as several."""
    return (texts,) if isinstance(texts, str) else tuple(texts)


def maybe_path(host_path: HostPath | None) -> Path | None:
    """Return a host path as a path, where there is one."""
    return None if host_path is None else Path(host_path)


def either(archive: HostPath | BinaryIO) -> tuple[Path | None, BinaryIO]:
    """Return the path of an archive, or None and the stream that it is."""
    if isinstance(archive, str | os.PathLike):
        return Path(archive), BytesIO()
    return None, archive


def words(pairs: Mapping[str, str] | None) -> tuple[str, ...]:
    """Return pairs as the command line writes them."""
    return tuple(f"{name}={value}" for name, value in (pairs or {}).items())


def size_text(size: Size) -> str:
    """Return a size as people write it.

    :raises UsageError: it is a negative number.
    """
    if isinstance(size, int) and size < 0:
        raise UsageError(f"not a size: {size}", hint='a text says how much less: "-5G"')
    return str(size)


def maybe_secret(value: str | bytes | Secret | None) -> Secret | None:
    """Return a secret that no repr, log or traceback shows, where there is one."""
    return None if value is None else as_secret(value)


def as_secret(value: str | bytes | Secret) -> Secret:
    """Return a secret that no repr, log or traceback shows."""
    if isinstance(value, Secret):
        return value
    return Secret(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value)


def _keys(keys: Keys) -> tuple[Key, ...]:
    if isinstance(keys, Mapping):
        return tuple(Key(selector, as_secret(secret)) for selector, secret in keys.items())
    return tuple(keys)


Word = TypeVar("Word", bound=StrEnum)


def one_of(words: Iterable[Word], text: str) -> Word:
    """Return the word that ``text`` is.

    :raises UsageError: it is none of them.
    """
    known = {str(one): one for one in words}
    if text not in known:
        raise UsageError(f"no such word: {text!r}", hint=f"one of {', '.join(known)}")
    return known[text]

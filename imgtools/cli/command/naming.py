"""Guests by their names instead of images: what -d, --domain-xml, --vol and --all-domains say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from imgtools.errors import ImgtoolsError, UsageError
from imgtools.records.domain import Domain
from imgtools.records.image import sector_size
from imgtools.records.request import ImageRequest

if TYPE_CHECKING:
    from imgtools.records.remote import RemoteOptions

# The parameters that name a guest, each with its option. Where one is given, no word is the IMAGE.
OPTIONS = {
    "domain": "--domain",
    "domain_xml": "--domain-xml",
    "volume": "--vol",
    "all_domains": "--all-domains",
}
INSTEAD = "name IMAGE, or a guest of libvirt with -d NAME"


def named(values: Mapping[str, Any]) -> tuple[Domain, ...] | None:
    """Return what the options name instead of images; None if they name nothing.

    :raises UsageError: they do not go together, or not with other words.
    """
    given = [option for parameter, option in OPTIONS.items() if values.get(parameter)]
    if values.get("inactive") and not values.get("all_domains"):
        raise UsageError("--inactive goes with --all-domains", hint="name both")
    if not given:
        for parameter, option in (("connect", "--connect"), ("one_disk", "--disk")):
            if values.get(parameter) and not values["other_domain"]:
                raise UsageError(f"{option} is about a guest of libvirt, and none is named", hint="-d NAME")
        return None
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are two ways to name a guest", hint="choose one")
    if given[0] != "--vol" and values["image_format"] is not None:
        raise UsageError(
            f"--format does not go with {given[0]}: the definition has the format of each disk",
            hint="to read them otherwise, name the images",
        )
    return find(values)


def find(values: Mapping[str, Any], *, everyone: bool = False) -> tuple[Domain, ...]:
    """Return what the options name, or everything that libvirt has."""
    from imgtools.libvirt.named import Wanted, find_guests

    wanted = Wanted(
        domains=tuple(values.get("domain") or ()),
        xml=values.get("domain_xml"),
        volumes=tuple(values["volume"] or ()),
        everyone=everyone or values.get("all_domains", False),
        inactive=values.get("inactive", False),
        connect=values["connect"],
    )
    return tuple(_as_asked(found, values) for found in find_guests(wanted))


def all_guests(values: Mapping[str, Any]) -> tuple[Domain, ...]:
    """Return all guests of libvirt, where no word names an image.

    :raises UsageError: nobody answers: there is nothing to do.
    """
    try:
        return find(values, everyone=True)
    except ImgtoolsError as error:
        if values["connect"]:
            raise
        raise UsageError(
            "no image is named",
            hint=f"{INSTEAD}, or a list with --images-from; of all guests of libvirt: {error.message}",
        ) from None


def one(images: Sequence[Domain]) -> Domain:
    """Return the only one.

    :raises UsageError: there are several.
    """
    if len(images) != 1:
        raise UsageError(f"{len(images)} guests are named, and this is about one", hint="name one")
    return images[0]


def other_guest(
    source: ImageRequest, name: str, snapshot: str | None, target: str | None = None
) -> ImageRequest:
    """Return a second guest of libvirt, which is opened as the first image is.

    :param target: one of its disks alone; "" is its only one.
    """
    from imgtools.libvirt.named import find_domain

    image = find_domain(name, source.connect)
    if target is not None:
        image = one_disk([image], target, "--other-disk")
    like = source.disks[0]
    disks = tuple(
        replace(disk, snapshot=snapshot, folders=like.folders, remote=like.remote) for disk in image.disks
    )
    keys = (*source.keys, *image.keys)
    return replace(source, disks=disks, keys=keys, domain=image.name, share=source.share or image.is_live)


def each_disk(images: Sequence[Domain], wanted: str = "") -> tuple[Domain, ...]:
    """Return each disk as an image of its own.

    :param wanted: of each guest the disk that its definition calls so; "" is all.
    :raises UsageError: a guest has no such disk.
    """
    return tuple(part for image in images for part in _parts(image, wanted))


def _parts(image: Domain, wanted: str) -> Iterator[Domain]:
    if image.problem is not None:
        yield image
    elif wanted and wanted not in image.targets:
        raise UsageError(f"{image.name} has no disk {wanted}", hint=f"it has: {', '.join(image.targets)}")
    elif not image.targets:  # a volume
        yield image
    for target, disk in zip(image.targets, image.disks, strict=False):
        if wanted in ("", target):
            keys = tuple(key for key in image.keys if key.selector == disk.name)
            yield replace(image, name=f"{image.name}/{target}", disks=(disk,), targets=(target,), keys=keys)


def one_disk(images: Sequence[Domain], wanted: str, option: str = "--disk") -> Domain:
    """Return the one disk that is meant.

    :raises UsageError: several are named, or the guest has several and none is chosen.
    """
    image = one(images)
    parts = each_disk([image], wanted)
    if len(parts) != 1:
        raise UsageError(
            f"{image.name} has {len(parts)} disks, and this is about one",
            hint=" or ".join(f"{option} {target}" for target in image.targets[:8]),
        )
    return parts[0]


def _as_asked(found: Domain, values: Mapping[str, Any]) -> Domain:
    """Return a guest as the options have it opened."""
    folders = tuple(values["backing_folder"] or ())
    remote, sector = remote_of(values), sector_size(values.get("blocksize"))
    disks = tuple(
        replace(
            disk,
            format=values["image_format"] or disk.format,
            snapshot=values.get("snapshot"),
            folders=folders,
            remote=remote,
            sector_size=sector or disk.sector_size,
        )
        for disk in found.disks
    )
    return replace(found, disks=disks)


def remote_of(values: Mapping[str, Any]) -> RemoteOptions | None:
    """Return how the network is used; None: it is not."""
    if not values["remote"] and values["remote_timeout"] is None:
        return None
    from imgtools.records.remote import remote_options  # most images are here

    return remote_options(values["remote"], values["remote_timeout"])

"""What becomes of the keys that were given for a guest's disks: which are for images, for volumes, for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from imgtools.engine.keys import ANYTHING, is_text, keys_for_image, names_image
from imgtools.records.disks import ENCRYPTED, Layout
from imgtools.records.image import ImageInfo
from imgtools.records.request import Key
from imgtools.records.system import Warned
from imgtools.volumes.names import is_called


def as_served(info: ImageInfo, keys: Sequence[Key]) -> ImageInfo:
    """Return an image as QEMU is to serve it.

    QEMU opens LUKS with keys that are text only. A LUKS file that has another key is served as it is, as a raw disk
    with an encrypted volume on it, which the appliance opens.
    """
    top = info.chain[0]
    if info.format != "luks" or all(map(is_text, keys_for_image(top, keys, info.source.host_path))):
        return info
    return replace(info, format="raw", encryption="", chain=(replace(top, format="raw", encryption=""),))


def volume_keys(infos: Sequence[ImageInfo], keys: Sequence[Key]) -> tuple[Key, ...]:
    """Return the keys for volumes: one for an image that QEMU does not decrypt is one for the disk as a volume."""
    from imgtools.engine.direct.session import disk_device

    more = [
        Key(disk_device(number), key.secret)
        for number, info in enumerate(infos)
        for key in keys
        if not info.encryption and _names_disk(key.selector, info)
    ]
    return (*keys, *more)


def _names_disk(selector: str, info: ImageInfo) -> bool:
    return selector != ANYTHING and names_image(selector, info.chain[0], info.source.host_path)


def useless_keys(infos: Sequence[ImageInfo], keys: Sequence[Key], layout: Layout | None) -> Iterator[Warned]:
    """Yield a warning for each key that fits nothing, or nothing that is encrypted.

    :param layout: what is known of the volumes; None: nothing yet, so that nobody can tell.
    """
    if layout is None:
        return
    for selector in dict.fromkeys(key.selector for key in keys if key.selector != ANYTHING):
        if reason := _why_useless(selector, infos, layout):
            yield Warned(f"the key given for {selector} is not used: {reason}")
    for header in dict.fromkeys(one for key in keys for one in key.headers):
        for name in (header.selector, header.device):
            if name and not any(is_called(one, name) for one in layout.volumes):
                yield Warned(
                    f"the header given for {header.selector} is not used: no volume is called {name}"
                )


def _why_useless(selector: str, infos: Sequence[ImageInfo], layout: Layout) -> str:
    """Say why a key is not used; empty: it is, or may be in what this engine does not see."""
    layers = [
        layer for info in infos for layer in info.chain if names_image(selector, layer, info.source.host_path)
    ]
    disks = {
        disk.device for disk, info in zip(layout.disks, infos, strict=False) if _names_disk(selector, info)
    }
    volumes = [one for one in layout.volumes if one.device in disks or is_called(one, selector)]
    if any(layer.encryption for layer in layers) or any(volume.content in ENCRYPTED for volume in volumes):
        return ""
    if layers or volumes:
        return "it is not encrypted"
    return "" if layout.unread else "no disk and no volume is called that"

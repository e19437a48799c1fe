"""Which keys are meant for what: an encrypted image, or an encrypted volume in one, by whatever name it is called.

The same words select a key in every command and for every engine. All keys that fit are tried, in the order given.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from imgtools.errors import KeyNeeded
from imgtools.records.disks import Volume
from imgtools.records.image import Layer
from imgtools.records.request import Key, Secret
from imgtools.volumes.names import is_called

ANYTHING = "all"
THE_IMAGE = "image"


def keys_for_image(layer: Layer, keys: Sequence[Key], named_as: Path | None = None) -> tuple[Secret, ...]:
    """Return the keys that are meant for one file of an image.

    :param named_as: the image on top, as the user named it: a key for that is one for all files below it.
    """
    fit = (key for key in keys if not key.clevis and _fits_image(key.selector, layer, named_as))
    return _without_repeats(key.secret for key in fit)


def _fits_image(selector: str, layer: Layer, named_as: Path | None) -> bool:
    return selector == ANYTHING or names_image(selector, layer, named_as)


def names_image(selector: str, layer: Layer, named_as: Path | None = None) -> bool:
    """Whether a selector means a file: ``image``, its name, or its path, relative or not, links resolved or not."""
    if selector in (THE_IMAGE, layer.name):
        return True
    paths = [layer.host_path] if named_as is None else [layer.host_path, named_as]
    if any(selector in (os.fspath(path), path.name) for path in paths):
        return True
    meant = os.path.realpath(selector)
    resolved = [os.path.realpath(path) for path in paths]
    return meant in resolved or selector in (Path(path).name for path in resolved)


def keys_for_volume(volume: Volume, keys: Sequence[Key]) -> tuple[Secret, ...]:
    """Return the keys that are meant for a volume: its device, UUID, label or partition's name, or ``all``."""
    return _without_repeats(key.secret for key in keys if not key.clevis and _fits_volume(key, volume))


def asks_clevis(volume: Volume, keys: Sequence[Key]) -> bool:
    """Whether the servers that a volume's header names shall be asked for its key."""
    return any(key.clevis and _fits_volume(key, volume) for key in keys)


def _fits_volume(key: Key, volume: Volume) -> bool:
    return key.selector == ANYTHING or is_called(volume, key.selector)


def locked_volume(volume: Volume) -> KeyNeeded:
    """Return the error that an encrypted volume is still locked; keys that do not open it were told of before."""
    return KeyNeeded(
        f"{volume.device} is encrypted ({volume.content}) and no key was given for it",
        hint=f"--key {volume.device}:file:PATH",
    )


def is_text(secret: Secret) -> bool:
    """Whether a key is UTF-8 without NUL, which is all that QEMU takes for LUKS (qcrypto_secret_lookup_as_utf8)."""
    try:
        return "\0" not in secret.reveal().decode("utf-8")
    except UnicodeDecodeError:
        return False


def _without_repeats(secrets: Iterable[Secret]) -> tuple[Secret, ...]:
    """A wrong key costs a second, so the same one is not tried twice."""
    return tuple({secret.reveal(): secret for secret in secrets}.values())

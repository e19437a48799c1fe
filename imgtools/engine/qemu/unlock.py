"""Which of several keys opens an encrypted image. QEMU takes one key for each file of a chain and tries no other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.keys import is_text, keys_for_image
from imgtools.engine.qemu.nodes import no_key, single_node
from imgtools.errors import KeyNeeded
from imgtools.records.image import Layer
from imgtools.records.request import Key, Secret


class Keyring:
    """The keys that were given for an image. It remembers which of them has opened a file.

    :param named_as: the image on top, as the user named it.
    """

    def __init__(self, given: Sequence[Key] = (), named_as: Path | None = None) -> None:
        self.given = tuple(given)
        self._named_as = named_as
        self._chosen: dict[str, Secret] = {}

    def key_for(self, layer: Layer) -> Secret:
        """Return the key that opens an encrypted file of the image; if none is seen to, the last one that fits.

        :raises KeyNeeded: none was given for it, or none that QEMU takes.
        """
        if layer.name not in self._chosen:
            self._chosen[layer.name] = self._choose(layer)
        return self._chosen[layer.name]

    def _choose(self, layer: Layer) -> Secret:
        """Try all but the last: if that one does not open the file either, whoever opens it is told by QEMU.

        Of AES, QEMU's old encryption, nobody can tell: every key gives some content. So the first is taken.
        """
        secrets = keys_for_image(layer, self.given, self._named_as)
        texts = [secret for secret in secrets if is_text(secret)] if layer.encryption == "luks" else secrets
        if not secrets:
            return no_key(layer)
        if not texts:
            raise KeyNeeded(
                f"{layer.name}: the key given for it is not text, and QEMU takes no other key for an image",
                hint="give it a passphrase beside the key file, with cryptsetup luksAddKey",
            )
        if layer.encryption != "luks":
            return texts[0]
        return next((secret for secret in texts[:-1] if _opens(layer, secret)), texts[-1])


def _opens(layer: Layer, secret: Secret) -> bool:
    from imgtools.engine.qemu.img.commands import open_once

    try:
        open_once(single_node(layer, lambda _layer: secret))
    except KeyNeeded:
        return False
    return True

"""Which file a person means who names a backing file: as qemu-img takes the name, unless only another is there."""

from __future__ import annotations

import os
from pathlib import Path

from imgtools.records.system import Warned


def find_named(name: Path, image: Path) -> tuple[Path, tuple[Warned, ...]]:
    """Return the host path of what is named, and what one should know of it.

    A relative name is looked for in the folder of the image that is to stand on it, where qemu-img looks for it, and
    then in the working folder. Where both have one, it is the image's, and a warning tells of the other.
    """
    beside = image.parent / name
    if name.is_absolute() or not os.path.lexists(beside):
        return name, ()
    if not os.path.lexists(name) or _is_same(name, beside):
        return beside, ()
    text = f"{beside} is meant, in the folder of the image, as qemu-img takes it, and not {name.absolute()}"
    return beside, (Warned(text, str(beside)),)


def _is_same(name: Path, beside: Path) -> bool:
    try:
        return name.samefile(beside)
    except OSError:  # one leads nowhere: whoever opens it says so
        return False

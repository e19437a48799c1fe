"""Whether Windows has left its session on a volume, to go on with it: then nobody else may write there."""

from __future__ import annotations

from imgtools.files.paths import join
from imgtools.files.tree import GuestReader

MEMORY = "hiberfil.sys"
MARK = b"hibr"  # in any letter case, as ntfs-3g's ntfs_volume_check_hiberfile has it


def is_hibernated(files: GuestReader, top: str = "/") -> bool:
    """Whether a memory image waits at the top of a volume, of a hibernation or of a fast startup.

    :param top: where the volume is mounted.
    """
    path = join(top, MEMORY)
    if not files.is_file(path):
        return False
    with files.open(path) as stream:
        return stream.read(len(MARK)).lower() == MARK

"""Finish an edit that was cut."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.transaction.recover import Outcome, recover_image
from imgtools.errors import HostError
from imgtools.records.request import Backing


@dataclass(frozen=True, slots=True)
class RecoverReport:
    """What became of the edit; ``disks`` are all images that took part in it."""

    image: str
    outcome: Outcome
    disks: tuple[str, ...]


def recover(host_path: Path, *, discard: bool, backing: Backing) -> RecoverReport:
    """Finish an unfinished edit, or take it back; see :func:`imgtools.disk.transaction.recover.recover_image`.

    :raises HostError: there is no such image.
    """
    if not host_path.exists():
        raise HostError(f"no such image: {host_path}", hint="name the image as it was named for the edit")
    done = recover_image(host_path, discard=discard, backing=backing)
    return RecoverReport(str(host_path), done.outcome, tuple(str(path) for path in done.host_paths))

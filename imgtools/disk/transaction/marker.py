"""The marker of a commit: the moment from which an edit counts, and what a cut leaves to be found.

It is written when the overlays are complete and on the host's disk, and names them all, so that the disks of one
guest are committed together or not at all. Its first stage is ``ready``: nothing is written to the images yet.
Then it becomes ``committing``. Beside each further disk lies a small file that points to it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from imgtools.disk.new_file import sync_folder
from imgtools.disk.transaction.lock import is_locked
from imgtools.disk.transaction.sidecar import has_marker, sidecar_of
from imgtools.engine.own_files import read_own, remove_halves, write_own
from imgtools.errors import BadImage, ImageInUse, UnfinishedEdit

VERSION = 1
LARGEST = 1 << 20  # bytes of a marker; one disk takes some 200
READY, COMMITTING = "ready", "committing"


@dataclass(frozen=True, slots=True)
class MarkedDisk:
    """One disk of a transaction. ``size`` and ``modified`` are those of the image's file before the commit.

    ``new_size`` is the virtual size that the disk gets; None: it keeps the one it has.
    """

    image: str  # host path
    format: str
    virtual_size: int
    size: int
    modified: int  # nanoseconds
    new_size: int | None = None

    @property
    def shrinks(self) -> bool:
        """Whether the disk becomes smaller, which is the last thing that happens to it."""
        return self.new_size is not None and self.new_size < self.virtual_size


@dataclass(frozen=True, slots=True)
class Marker:
    """An unfinished transaction."""

    id: str
    stage: str
    disks: tuple[MarkedDisk, ...]

    @property
    def images(self) -> tuple[Path, ...]:
        """The host paths of its images."""
        return tuple(Path(disk.image) for disk in self.disks)


def write_marker(marker: Marker) -> None:
    """Write the marker, or its next stage. When this returns, it survives a power cut."""
    first, *others = marker.images
    # First what points to it: without the marker itself it says nothing.
    for image in others:
        _write(sidecar_of(image).marker, {"see": os.fspath(sidecar_of(first).marker), "id": marker.id})
    _write(sidecar_of(first).marker, asdict(marker))


def remove_marker(marker: Marker) -> None:
    """Remove the marker: from now on the images are as they should be."""
    for image in marker.images:
        place = sidecar_of(image)
        place.marker.unlink(missing_ok=True)
        remove_halves(place.marker)
        sync_folder(place.folder)


def find_marker(host_path: Path) -> Marker | None:
    """Return the unfinished transaction that an image takes part in.

    :raises BadImage: there is a marker, and it cannot be read.
    :raises NotOurs: what is there is another user's, or no regular file.
    """
    found = _read(sidecar_of(host_path).marker)
    if found is None:
        return None
    pointed = "see" in found
    if pointed:
        wanted = found.get("id")
        found = _read(Path(str(found["see"])))
        if found is None or found.get("id") != wanted:
            return None  # the transaction never came to its marker, or is finished
    marker = _parse(found, sidecar_of(host_path).marker)
    return _moved(marker, host_path)


def refuse_unfinished(host_paths: Sequence[Path]) -> None:
    """Make sure that no image is half committed. A look for one file each.

    :raises UnfinishedEdit: one is.
    :raises ImageInUse: another imgtools is committing to it at this moment.
    """
    for host_path in host_paths:
        if not has_marker(host_path) or find_marker(host_path) is None:
            continue
        if is_locked(host_path):
            raise ImageInUse(f"another imgtools is committing an edit of {host_path}", hint="try again")
        raise UnfinishedEdit(
            f"an edit of {host_path} was cut while it was being committed",
            hint=f"imgtools recover {host_path} finishes it",
        )


def _moved(marker: Marker, host_path: Path) -> Marker:
    """The marker of a single disk follows its image wherever both were moved."""
    if len(marker.disks) > 1:
        return marker
    disk = marker.disks[0]
    here = replace(disk, image=os.path.realpath(host_path))
    return Marker(marker.id, marker.stage, (here,))


def is_marker(place: Path) -> bool:
    """Whether there is a file that imgtools has written as a marker; False: there is none.

    :raises NotOurs: it is another user's, or no regular file.
    :raises BadImage: it is something else.
    """
    return _read(place) is not None


def _write(place: Path, document: dict[str, Any]) -> None:  # Any: JSON
    content = json.dumps({"imgtools": VERSION, **document}, indent=1).encode()
    write_own(place, content, durable=True)
    sync_folder(place.parent)


def _read(place: Path) -> dict[str, Any] | None:  # Any: JSON
    try:
        content = read_own(place, LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadImage(f"cannot read {place}: {error.strerror}") from None
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("imgtools") != VERSION:
        raise BadImage(
            f"{place} is not a marker of this imgtools", hint="a newer imgtools may have written it"
        )
    return document


def _parse(document: dict[str, Any], place: Path) -> Marker:  # Any: JSON
    try:
        disks = tuple(MarkedDisk(**disk) for disk in document["disks"])
        marker = Marker(str(document["id"]), str(document["stage"]), disks)
        if not disks or marker.stage not in (READY, COMMITTING):
            raise ValueError
    except (KeyError, TypeError, ValueError):
        raise BadImage(f"{place} is not a marker of this imgtools") from None
    return marker

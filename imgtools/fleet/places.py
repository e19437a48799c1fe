"""Images that only some workers of a cluster see: they are found, identified and asked where they are."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from imgtools.errors import ImgtoolsError, NoImages, NoSuchPlace, UsageError
from imgtools.fleet.folders import find_images
from imgtools.fleet.identity import Identity, identify
from imgtools.records.request import ImageRequest

if TYPE_CHECKING:
    from imgtools.fleet.cluster import Cluster

AT_A_TIME = 200  # images that a worker identifies in one task


class Place(NamedTuple):
    """Images of a place, by a pattern that is expanded there."""

    name: str  # a resource that its workers announce
    pattern: str
    request: ImageRequest  # how each of them is opened
    recursive: bool = False


class Found(NamedTuple):
    """One of them."""

    name: str  # with the place: the same path is another image elsewhere
    request: ImageRequest
    identity: Identity
    place: str


def parse_place(word: str) -> tuple[str, str]:
    """Take ``PLACE:PATTERN`` apart.

    :raises UsageError: there is no colon, or the pattern is not absolute.
    """
    name, colon, pattern = word.partition(":")
    if not name or not colon or not pattern.startswith("/"):
        raise UsageError(
            f"{word!r} does not say a place and which images are there",
            hint="PLACE:PATTERN, such as store1:/srv/images/*.qcow2, from the root of that host",
        )
    return name, pattern


def find_placed(cluster: Cluster, places: Sequence[Place]) -> list[Found]:
    """Have the workers of each place find its images, and identify them.

    :raises NoSuchPlace: no worker announces one.
    :raises NoImages: a pattern has none there.
    """
    known = cluster.places()
    for place in places:
        if place.name not in known:
            there = f"there are {', '.join(sorted(known))}" if known else "none announces a place"
            raise NoSuchPlace(
                f"no worker announces the place {place.name}: {there}",
                hint=f"dask worker --resources {place.name}=1 announces it",
            )
    return [one for place in places for one in _find(cluster, place)]


def _find(cluster: Cluster, place: Place) -> list[Found]:
    (answer,) = cluster.call(place.name, look, [(place.pattern, place.recursive)])
    if isinstance(answer, str):
        raise NoImages(f"{place.name}: {answer}", hint="the pattern is expanded on the workers of that place")
    (disk,) = place.request.disks
    requests = [replace(place.request, disks=(replace(disk, host_path=Path(path)),)) for path in answer]
    parts = [requests[first : first + AT_A_TIME] for first in range(0, len(requests), AT_A_TIME)]
    called: Callable[[Sequence[ImageRequest]], list[Identity]] = identify_all
    identities = [one for part in cluster.call(place.name, called, parts) for one in part]
    return [
        Found(f"{place.name}:{request.name}", request, identity, place.name)
        for request, identity in zip(requests, identities, strict=True)
    ]


def look(wanted: tuple[str, bool]) -> list[str] | str:
    """Return the images of a pattern on the host that this runs on, or why there are none: a task of Dask."""
    pattern, recursive = wanted
    if not glob.has_magic(pattern) and not os.path.lexists(pattern):
        return f"{pattern} is not there"
    try:
        return list(find_images([pattern], recursive=recursive))
    except ImgtoolsError as error:
        return error.message


def identify_all(requests: Sequence[ImageRequest]) -> list[Identity]:
    """Identify images of the host that this runs on: a task of Dask."""
    return [identify(one) for one in requests]

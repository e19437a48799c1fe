"""Which images a command with several is about: words, and lists in files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from imgtools.errors import HostError, UsageError

STANDARD_INPUT = Path("-")
# The commands that take several images, for hints.
COMMANDS = ("audit", "check", "df", "filesystems", "find", "info", "inspect", "sysprep --verify")


class Rules(NamedTuple):
    """What a command does not do for several images at once; its module says it as ``SEVERAL``."""

    one_image: tuple[str, ...] = ()  # options that are about one image
    only_with: str = ""  # an option without which there is one image
    join: Callable[[Sequence[Any]], Any] | None = None  # of several envelopes, one JSON document

    def refuse(self, given: Mapping[str, object]) -> None:
        """Refuse what does not go with several images.

        :param given: the options of the command by name: ``--svg``, and whether it was given.
        :raises UsageError: something of it was given, or what is needed was not.
        """
        for name in self.one_image:
            if given.get(name):
                raise UsageError(f"{name} is for one image, and several are named", hint="name one image")
        if self.only_with and not given.get(self.only_with):
            raise UsageError(
                f"several images go with {self.only_with} only", hint="name one image, or run it for each"
            )


class Several(NamedTuple):
    """Images that a command is asked about, and how."""

    items: tuple[Any, ...]  # what the command's group is for one image
    names: tuple[str, ...]
    listed: bool  # in a file
    parallel: int
    time_limit: float | None  # seconds
    json_lines: bool
    share_appliance: bool = False
    recursive: bool = False  # also the images in the folders of a place's folder
    places: tuple[tuple[str, Any], ...] = ()  # PLACE:PATTERN, and how each image of it is opened

    @property
    def marked(self) -> bool:
        """Whether an answer has to say which image it is about."""
        return self.listed or len(self.items) > 1

    @property
    def alone(self) -> bool:
        """Whether it is one image, asked as ever: in this process."""
        return not self.marked and self.time_limit is None and not self.json_lines


def listed_images(values: Mapping[str, Any]) -> list[str] | None:
    """Return the images that lists in files name; None if there is no list.

    :raises HostError: a list cannot be read.
    :raises UsageError: a name holds what no name can.
    """
    lists = [(values["images_from"], b"\n"), (values["images0_from"], b"\0")]
    if not any(place for place, _ in lists):
        return None
    return [name for place, end in lists if place for name in _names(place, end)]


def _names(place: Path, end: bytes) -> Iterator[str]:
    """Yield the names in a list: bytes as the host has them, each ended by ``end``; empty ones are left out."""
    try:
        content = _standard_input().read() if place == STANDARD_INPUT else place.read_bytes()
    except OSError as error:
        raise HostError(
            f"{place}: {error.strerror}", hint="--images-from names a file, or - for standard input"
        ) from None
    if end != b"\0" and b"\0" in content:
        raise UsageError(
            f"{place}: the names are ended by NUL", hint="--images0-from reads what find -print0 writes"
        )
    return (os.fsdecode(name) for name in content.split(end) if name)


def _standard_input() -> BinaryIO:
    return sys.stdin.buffer

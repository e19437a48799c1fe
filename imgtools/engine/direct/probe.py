"""What a volume holds, by libblkid: the same words, labels and UUIDs as udev and libguestfs have.

``blkid -p`` runs on sketches of the volumes (``sketch.py``), several in one call, with limits, and without root.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from imgtools.engine.process import Fence, Kind, Limits, run
from imgtools.errors import BadImage
from imgtools.volumes.blkid_sample import draw_sketch
from imgtools.volumes.volume_file import DiskFile

LIMITS = Limits(seconds=30)
NOTHING, AMBIVALENT = 2, 8  # blkid's exit codes; it stops at the first volume that earns one
AMBIVALENT_WORDS = "blkid finds the marks of several filesystems (see wipefs)"
# Where common filesystems have their marks: what has none of them, and says nothing to blkid, is not looked at again.
MARKS = (
    (0, b"XFSB"),
    (0, b"LUKS"),
    (510, b"\x55\xaa"),
    (1080, b"\x53\xef"),
    (4086, b"SWAPSPACE2"),
    (65600, b"_BHRfS_M"),
)
AT_ONCE = 64  # sketches open at the same time


class Content(NamedTuple):
    """What blkid says of one volume. ``problem``: why ``type`` is empty although there is something.

    ``table`` is the kind of a partition table on it: ``dos``, ``gpt``, ``sun``, ``mac`` ...
    """

    type: str = ""
    label: str = ""
    uuid: str = ""
    version: str = ""
    problem: str = ""
    table: str = ""


def probe(disks: Sequence[DiskFile]) -> list[Content]:
    """Recognise what every one of the volumes holds, in their order. One that cannot be read has a problem."""
    found: list[Content] = []
    for start in range(0, len(disks), AT_ONCE):
        found += _probe_some(disks[start : start + AT_ONCE])
    return found


def _probe_some(disks: Sequence[DiskFile]) -> list[Content]:
    found = [Content()] * len(disks)
    with ExitStack() as stack:
        sketches: dict[int, int] = {}
        for index, disk in enumerate(disks):
            try:
                sketches[index] = draw_sketch(disk)
            except BadImage as error:
                found[index] = Content(problem=error.message)
            else:
                stack.callback(os.close, sketches[index])
        contents = _probe_sketches(list(sketches.values()))
        for index, content in zip(sketches, contents, strict=True):
            found[index] = content
    return found


def _probe_sketches(sketches: Sequence[int]) -> Iterator[Content]:
    left = list(sketches)
    while left:
        done = run(
            ["blkid", "-p", "-u", "filesystem,raid,crypto,other", "-o", "udev"]
            + [f"/proc/self/fd/{descriptor}" for descriptor in left],
            Fence(Kind.RECOGNISER),
            limits=LIMITS,
            pass_fds=left,
            ok=(0, NOTHING, AMBIVALENT),
        )
        recognised = parse_udev(done.text)[: len(left)]
        yield from recognised
        left = left[len(recognised) :]
        if left and not (recognised and recognised[-1].problem):
            # It stopped here without a word.
            yield Content(problem=AMBIVALENT_WORDS) if _has_several(left[0]) else Content()
            left = left[1:]


def _has_several(sketch: int) -> bool:
    """Whether a volume of which blkid says nothing has the marks of several filesystems.

    That of util-linux 2.41 does not say so, but ends as if it had found none; wipefs lists what there is.
    """
    if not any(os.pread(sketch, len(mark), place) == mark for place, mark in MARKS):
        return False
    argv = ["wipefs", "--noheadings", "--output", "USAGE,TYPE", f"/proc/self/fd/{sketch}"]
    done = run(argv, Fence(Kind.RECOGNISER), limits=LIMITS, pass_fds=[sketch])
    listed = {tuple(line.split()) for line in done.text.splitlines()}
    return len({words for words in listed if words[:1] != ("partition-table",)}) > 1


def parse_udev(text: str) -> list[Content]:
    """Read ``blkid -o udev``: one block of ID_FS_NAME=value a volume."""
    found = []
    # Before this one line it prints no empty one.
    text = text.strip("\n").replace("\nID_FS_AMBIVALENT=", "\n\nID_FS_AMBIVALENT=")
    for block in text.split("\n\n") if text else ():
        tags = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        if "ID_FS_AMBIVALENT" in tags:
            found.append(Content(problem=AMBIVALENT_WORDS))
            continue
        found.append(
            Content(
                type=unescape(tags.get("ID_FS_TYPE", "")),
                # Without _ENC they are made safe for file names, which loses blanks.
                label=unescape(tags.get("ID_FS_LABEL_ENC", "")),
                uuid=unescape(tags.get("ID_FS_UUID_ENC", "")),
                version=unescape(tags.get("ID_FS_VERSION", "")),
                table=unescape(tags.get("ID_PART_TABLE_TYPE", "")),
            )
        )
    return found


def unescape(value: str) -> str:
    r"""Undo blkid_encode_string: ``\x20`` for every byte that is not safe in a udev property."""
    raw = re.sub(
        rb"\\x([0-9a-f]{2})",
        lambda match: bytes([int(match[1], 16)]),
        value.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")

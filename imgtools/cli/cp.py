"""imgtools cp."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Annotated

import typer

from imgtools.cli.command import option_names as names
from imgtools.cli.command.groups import Output, Source, Target
from imgtools.cli.output.plan import show_plan
from imgtools.errors import UsageError
from imgtools.records.image import disk_named, is_uri
from imgtools.records.request import ImageRequest

SECTION = "Change a guest"
EXAMPLES = (
    "imgtools cp old.qcow2:/etc/nginx new.qcow2:/etc --write",
    "imgtools cp old.qcow2:/home/alice old.qcow2:/home/bob new.qcow2:/home --output moved.qcow2",
    "imgtools cp 'old.qcow2:/etc/ssh/ssh_host_*' new.qcow2:/etc/ssh --write",
    "imgtools cp disk.qcow2:/etc/fstab disk.qcow2:/etc/fstab.before --write",
    "imgtools cp -d web1 /srv/www web2.qcow2:/srv --write",
    r"imgtools cp 'a.vmdk:C:\Users\alice' 'b.vmdk:C:\Users' --write",
)
NOTES = """
Each word is an image and a path in it, with a colon between. The path begins with `/`, or as `C:\\` does; so an image
may have colons in its name and in its folders, and be a URI. Where two readings are files of the host, that is said and
nothing is done. With IMAGE alone in front, or `-d`, the paths behind it are in that guest; a last word without an image
is in the same guest.

`--key`, `--backing-policy` and the like are for both images. `--format`, `--root`, `--mount`, `--snapshot` and `--add`
are about the first one alone, unless there is only one.
"""
START = re.compile(r"[/\\]|[A-Za-z]:[/\\]")  # of a path in a guest

OtherFormat = Annotated[
    str | None,
    typer.Option(
        *names.OTHER_FORMAT.words, metavar="FORMAT", help="Of the last image; without it, it is found."
    ),
]


def command(
    source: Source,
    target: Target,
    out: Output,
    words: Annotated[
        list[str],
        typer.Argument(metavar="A:PATH... B:PATH", help="Files, and where they go.", show_default=False),
    ],
    other_format: OtherFormat = None,
) -> None:
    """Copy files from guest to guest, or within one, as they are.

    Owners by number, modes, times, links, hard links, holes, device nodes and extended attributes are kept;
    directories are copied with all below them, and a PATH of what is copied may be a shell pattern; quote it. What is
    written is one transaction. What cannot be read is an error, and nothing is copied.
    """
    from imgtools.workflows.cp import copy_files

    source, paths = _sources(source, words[:-1])
    image, to = split_word(words[-1])
    if not paths:
        raise UsageError("cp needs a file to copy, and where it goes", hint="imgtools cp A:PATH B:PATH")
    other = _other(source, image, other_format) if image else None
    if other is None and other_format:
        raise UsageError("--other-format is about a second image, and there is one", hint="leave it away")
    with out.progress("Copying") as progress:
        report = copy_files(source, other, target, paths, to, progress=progress)
    show_plan(out, report)


def split_word(word: str) -> tuple[str, str]:
    """Return the image and the path of ``IMAGE:PATH``; the image "" where there is only a path.

    :raises UsageError: several readings name a file of the host.
    """
    colons = [place for place, letter in enumerate(word) if letter == ":" and place]
    readings = [(word[:at], word[at + 1 :]) for at in colons if START.match(word[at + 1 :])]
    there = [one for one in readings if is_uri(one[0]) or Path(one[0]).exists()]
    if len(there) > 1:
        raise UsageError(
            f"{word} can be read in {len(there)} ways: {' and '.join(one[0] for one in there)} are both there",
            hint="name the image by a link that has no colon",
        )
    if there:
        return there[0]
    if not readings or re.match(r"[A-Za-z]:[/\\]", word):
        return "", word
    return readings[0]


def _sources(source: ImageRequest, words: list[str]) -> tuple[ImageRequest, list[str]]:
    """Return what is copied from: the image of the first word, and all its paths."""
    split = [split_word(word) for word in words]
    if source.domain:
        if named := next((image for image, _path in split if image), ""):
            raise UsageError(f"-d and {named} are two ways to say which image", hint="choose one")
        return source, [path for _image, path in split]
    disk = source.disks[0]
    image, path = split_word(disk.uri or str(disk.host_path))
    if not image or (not disk.uri and disk.host_path.exists()):
        return source, _of_one(split, "")
    changed = disk_named(image, disk.format, disk.snapshot, disk.folders, disk.remote, disk.sector_size)
    disks = (changed, *source.disks[1:])
    return dataclasses.replace(source, disks=disks), [path, *_of_one(split, image)]


def _of_one(split: list[tuple[str, str]], image: str) -> list[str]:
    """Return the paths of words that all name one image, or none.

    :raises UsageError: another image is named.
    """
    if odd := next((one for one, _path in split if one not in ("", image)), ""):
        raise UsageError(
            f"files of one image are copied at a time, and {odd} is another", hint="run it for each"
        )
    return [path for _image, path in split]


def _other(source: ImageRequest, image: str, image_format: str | None) -> ImageRequest | None:
    """Return the request of the image that is written to; None if it is the one that is read."""
    like = source.disks[0]
    disk = disk_named(image, image_format, None, like.folders, like.remote, like.sector_size)
    if disk.uri == like.uri and (disk.uri or _is_same(disk.host_path, like.host_path)):
        return None
    return dataclasses.replace(source, disks=(disk,), root=None, mounts=(), share=False, domain="")


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # not there: opening it says so
        return False

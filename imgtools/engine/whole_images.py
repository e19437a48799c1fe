"""Filesystems that are made as a whole and are full then: squashfs by sqfstar, ISO 9660 with Rock Ridge by xorriso."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.mkfs import clock_of
from imgtools.engine.process import Fence, Kind, Limits, ToolFailed, run
from imgtools.engine.stream import feed_stream
from imgtools.errors import EditFailed

LIMITS = Limits(seconds=24 * 3600.0)
SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+,=:@%^~ ")


@dataclass(frozen=True, slots=True)
class IsoFile:
    """One name in a new ISO 9660: ``host_path`` is the file, link or device that it is; None: a directory."""

    path: str
    host_path: Path | None
    mode: int
    uid: int
    gid: int
    mtime: int  # seconds since 1970


def make_squashfs(
    target: Path,
    pack: Callable[[tarfile.TarFile], None],
    root: IsoFile,
    *,
    block_size: int = 0,
    moment: int | None = None,
) -> None:
    """Make a squashfs of the members that ``pack`` writes, which are all but its root.

    :raises EditFailed: sqfstar refuses.
    """
    options = ["-root-mode", f"{root.mode:o}", "-root-uid", str(root.uid), "-root-gid", str(root.gid)]
    options += ["-root-time", str(max(0, root.mtime)), *(["-b", str(block_size)] if block_size else [])]
    target.touch(exist_ok=False)
    argv = ["sqfstar", "-quiet", "-no-progress", "-force", *options, os.fspath(target)]
    try:
        with ExitStack() as stack:
            devnull = stack.enter_context(Path(os.devnull).open("wb"))
            fence = Fence(Kind.PACKER, writes=(target,))
            pipe = stack.enter_context(feed_stream(argv, stdout=devnull, fence=fence, env=clock_of(moment)))
            with tarfile.open(fileobj=pipe, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                pack(archive)
    except ToolFailed as error:
        raise EditFailed(f"no squashfs can be made: {error.done.complaint}") from None


def make_iso(
    target: Path,
    files: Sequence[IsoFile],
    *,
    label: str = "",
    uuid: str = "",
    moment: int | None = None,
    reads: Sequence[Path] = (),
) -> None:
    """Make an ISO 9660 with Rock Ridge and Joliet of files of the host.

    :param uuid: as blkid writes it: 2026-11-30-21-19-58-00.
    :param reads: files and folders that the files lie in.
    :raises EditFailed: xorriso refuses.
    """
    target.touch(exist_ok=False)
    words = [
        "-disk_pattern off",
        "-iso_rr_pattern off",
        "-joliet on",
        "-compliance iso_9660_level=3",
    ]
    words += [f"-volid {_quoted(label)}"] if label else []
    words += [f"-volume_date uuid {uuid.replace('-', '')}"] if uuid else []
    for one in files:
        words += _commands(one)
    argv = ["xorriso", "-no_rc", "-abort_on", "SORRY", "-report_about", "SORRY", "-backslash_codes", "on"]
    argv += ["-outdev", f"stdio:{target}", "-options_from_file", "-"]
    fence = Fence(Kind.WRITER, tuple(reads), (target,))
    # Said first, it records the device and inode numbers of the host's files, which are no one else's business.
    script = "\n".join([*words, "-hardlinks on", "-commit", ""]).encode("ascii")
    try:
        run(argv, fence, limits=LIMITS, stdin=script, env=clock_of(moment))
    except ToolFailed as error:
        raise EditFailed(f"no ISO 9660 can be made: {error.done.complaint}") from None


def _commands(one: IsoFile) -> list[str]:
    path = _quoted(one.path)
    if one.host_path is not None:
        made = [f"-map {_quoted(os.fspath(one.host_path))} {path}"]
    else:
        made = [f"-mkdir {path} --"] if one.path != "/" else []
    date = f"={one.mtime}"
    return [
        *made,
        f"-chown {one.uid} {path} --",
        f"-chgrp {one.gid} {path} --",
        f"-chmod 0{one.mode:o} {path} --",
        f"-alter_date b-c {date} {path} --",
    ]


def _quoted(text: str) -> str:
    """A word of xorriso's; what could mean something to it is written in octal."""
    raw = text.encode("utf-8", "surrogateescape")
    return '"' + "".join(chr(byte) if byte in SAFE else f"\\{byte:03o}" for byte in raw) + '"'

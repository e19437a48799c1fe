"""virt-ls: list files of a guest."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imgtools.compat.dispatch import complain
from imgtools.compat.guest_files import opened
from imgtools.compat.sources import KEYS, MOUNT, NAMING, SPEAKING, source
from imgtools.compat.text import csv_field, human, put
from imgtools.compat.words import Option, Takes, Words, switch
from imgtools.errors import ImgtoolsError, NotADirectory, OddGuest, UsageError
from imgtools.records.request import Engine

if TYPE_CHECKING:
    from imgtools.files.tree import GuestReader
    from imgtools.guest.find.tree import FileView
    from imgtools.records.disks import Volume
    from imgtools.records.files import FileStat
    from imgtools.records.request import ImageRequest

OPTIONS = (
    *NAMING,
    *KEYS,
    MOUNT,
    Option(("--checksum", "--checksums"), Takes.MAYBE),
    switch("--csv"),
    switch("--extra-stats", "--extra-stat"),
    switch("--human-readable", "-h"),
    switch("--long", "-l"),
    switch("--recursive", "-R"),
    switch("--times", "--time"),
    switch("--time-days"),
    switch("--time-relative"),
    switch("--time-t"),
    switch("--uids", "--uid"),
    *SPEAKING,
)
ONLY_BOTH = ("--csv", "--human-readable", "--uids", "--extra-stats", "--checksum")
TIMES = ("--times", "--time-t", "--time-relative", "--time-days")
CHECKSUMS = frozenset({"crc", "md5", "sha1", "sha224", "sha256", "sha384", "sha512"})
NS = 1_000_000_000
DAY = 86_400  # seconds
CHUNK = 1 << 20  # bytes held at a time


def run(words: Words) -> int:
    """List each directory; one that cannot be read does not keep the others back."""
    long, recursive = words.has("--long"), words.has("--recursive")
    _check(words, both=long and recursive)
    folders = words.rest
    old: tuple[str, ...] = ()
    if not words.has("--add") and not words.has("--domain"):
        old, folders = folders[:-1], folders[-1:]
    if not folders:
        raise UsageError("no directory is named", hint=f"{words.program} -a IMAGE DIRECTORY ...")
    request = source(words, old)
    if long and _asks_appliance(words, request, folders):
        request = replace(request, engine=Engine.APPLIANCE)
    failed = False
    with opened(words, request) as view:
        for folder in folders:
            try:
                for line in _lines(words, view, folder, long=long, recursive=recursive):
                    put(line)
            except ImgtoolsError as error:
                complain(words.program, error)
                failed = True
    return int(failed)


def _asks_appliance(words: Words, request: ImageRequest, folders: Sequence[str]) -> bool:
    """Whether a column is wanted that nobody but Linux tells: device numbers of LVM, room on NTFS and FAT."""
    recursive = words.has("--recursive")
    if recursive and not words.has("--extra-stats"):
        return False
    with opened(words, request, quiet=True) as view:
        if recursive and not Devices(view).are_known:
            return True
        stats = (view.files.lstat(mount.path) for mount in view.mounts)
        return any(stat is not None and stat.room is None for stat in stats)


def _check(words: Words, *, both: bool) -> None:
    if not both and any(words.has(name) for name in (*ONLY_BOTH, *TIMES)):
        raise UsageError(
            "used a flag which can only be combined with -lR mode", hint="read the virt-ls(1) man page"
        )
    if words.has("--human-readable") and words.has("--csv"):
        raise UsageError("you cannot use -h and --csv options together.", hint="leave one of them away")


def _lines(words: Words, view: FileView, folder: str, *, long: bool, recursive: bool) -> Iterator[str]:
    files = view.files
    if long and recursive:
        line = LongLine(words, view)
        yield line.of(folder, files.lstat(folder) or files.stat(folder))
        for path, stat in _visit(files, folder):
            yield line.of(path, stat)
    elif recursive:
        top = folder.rstrip("/")
        names = (path.removeprefix(f"{top}/") for path, _ in _visit(files, top or "/"))
        yield from (f"{name}\n" for name in sorted(names, key=os.fsencode))
    elif long:
        from imgtools.compat.long_list import long_list

        yield from long_list(view.files, folder)
    else:
        yield from (f"{name}\n" for name, _ in _sorted(files, folder))


def _sorted(files: GuestReader, folder: str) -> list[tuple[str, FileStat]]:
    """The entries of a folder, in the order of the bytes of their names."""
    entries = [(one.name, one.stat) for one in files.list_dir(folder)]
    return sorted(entries, key=lambda one: os.fsencode(one[0]))


def _visit(files: GuestReader, folder: str) -> Iterator[tuple[str, FileStat]]:
    """Yield all below a folder, under paths that begin as the folder was named."""
    if not files.is_dir(folder):
        raise NotADirectory(f"not a directory in the guest: {folder}", path=folder)
    top, start = files.resolve(folder), "/" if folder == "/" else f"{folder}/"
    for found in files.walk(top):
        if found.path != top:
            yield start + found.path[len(top) :].lstrip("/"), found.stat


class LongLine:
    """The line of one file with -lR."""

    def __init__(self, words: Words, view: FileView) -> None:
        self._words = words
        self._files = view.files
        self._csv, self._human = words.has("--csv"), words.has("--human-readable")
        self._uids, self._extra = words.has("--uids"), words.has("--extra-stats")
        self._time = next((one.name for one in reversed(words.given) if one.name in TIMES), "")
        self._algorithm = (words.last("--checksum") or "md5") if words.has("--checksum") else ""
        self._now = int(time.time())
        self._devices = Devices(view) if self._extra else None
        if self._algorithm and self._algorithm not in CHECKSUMS:
            raise UsageError(
                f"unknown checksum type: {self._algorithm}", hint=f"one of {', '.join(sorted(CHECKSUMS))}"
            )

    def of(self, path: str, stat: FileStat) -> str:
        """Return the line."""
        from imgtools.records.files import FileKind

        size = human(stat.size) if self._human else str(stat.size)
        letter = "u" if stat.kind is FileKind.UNKNOWN else stat.kind.value
        fields = [letter, f"{stat.mode:04o}", size if self._csv else f"{size:>10}"]
        if self._uids:
            fields += [f"{stat.uid:4}", f"{stat.gid:4}"]
        if self._time:
            fields += [self._shown(moment // NS) for moment in (stat.atime, stat.mtime, stat.ctime)]
        if self._devices is not None:
            fields += self._devices.facts(path, stat)
        if self._algorithm and stat.kind is FileKind.FILE:
            fields.append(checksum(self._files, path, self._algorithm))
        elif self._algorithm and self._csv:
            fields.append("")
        fields.append(csv_field(path) if self._csv else path)
        if stat.kind is FileKind.LINK:
            target = self._files.read_link(path)
            fields.append(csv_field(target) if self._csv else f"-> {target}")
        return ("," if self._csv else " ").join(fields) + "\n"

    def _shown(self, seconds: int) -> str:
        """A time, as the option that was given last has it."""
        if self._time == "--time-t":
            return f"{seconds:10}"
        if self._time == "--time-relative":
            return f"{self._now - seconds:8}"
        if self._time == "--time-days":
            return f"{int((self._now - seconds) / DAY):3}"
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def checksum(files: GuestReader, path: str, algorithm: str) -> str:
    """Return the checksum of a file: in hexadecimal, or of crc what cksum(1) prints first."""
    from imgtools.compat.cksum import Cksum

    running = Cksum() if algorithm == "crc" else hashlib.new(algorithm, usedforsecurity=False)
    with files.open(path) as stream:
        while chunk := stream.read(CHUNK):
            running.update(chunk)
    return running.hexdigest()


class Devices:
    """The numbers that Linux gives to the disks in libguestfs' appliance, and what else --extra-stats shows."""

    def __init__(self, view: FileView) -> None:
        self._mounts = sorted(
            ((one.path.rstrip("/"), one.volume) for one in view.mounts), key=lambda one: -len(one[0])
        )
        self._asked = view.files.served_by is Engine.APPLIANCE
        self._known = {volume.device: number_of(volume) for _, volume in self._mounts}

    @property
    def are_known(self) -> bool:
        """Whether all can be told without asking the appliance."""
        return self._asked or None not in self._known.values()

    def facts(self, path: str, stat: FileStat) -> list[str]:
        """The five columns: device, inode, links, number of a device node, blocks of 512 bytes."""
        if self._asked:
            device: tuple[int, int] | None = os.major(stat.tree), os.minor(stat.tree)
        else:
            volume = next(one for top, one in self._mounts if path == top or path.startswith(f"{top}/"))
            device = self._known[volume.device]
        if device is None or stat.room is None:
            raise Unknown(f"{path}: its numbers are the appliance's to tell")
        return [
            f"{device[0]}:{device[1]}",
            str(stat.inode),
            str(stat.links),
            f"{stat.device[0]}:{stat.device[1]}",
            str(stat.room // 512),
        ]


class Unknown(OddGuest):
    """What only the appliance knows."""


def number_of(volume: Volume) -> tuple[int, int] | None:
    """Return major and minor of a disk or partition, as Linux' SCSI driver numbers them; None of what is not fixed."""
    match = re.fullmatch(r"/dev/sd([a-p])(\d*)", volume.device)
    if match is None or int(match[2] or 0) > 15:
        return None
    return 8, (ord(match[1]) - ord("a")) * 16 + int(match[2] or 0)

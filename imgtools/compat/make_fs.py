"""virt-make-fs: make a disk with a filesystem of the files of a directory or a tar archive."""

from __future__ import annotations

import re
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import SPEAKING
from imgtools.compat.words import Option, Takes, Words, idle, switch, valued
from imgtools.errors import UsageError

OPTIONS = (
    valued("--blocksize"),
    idle("nothing is traced", "--debug"),
    switch("--floppy"),
    valued("--format", "-F"),
    valued("--label"),
    Option(("--partition",), Takes.MAYBE),
    valued("--size", "-s"),
    valued("--type", "-t"),
    *SPEAKING,
)
TABLES = {"mbr": "mbr", "msdos": "mbr", "dos": "mbr", "gpt": "gpt", "efi": "gpt"}
KINDS = {"fat": "vfat", "msdos": "vfat"}
FLOPPY = "1440K"
SECTOR, LARGE_SECTOR = 512, 4096
BLOCKS = ("ext2", "ext3", "ext4")  # whose blocks can be as large as such a sector
MULTIPLES = {"": 1, **{letter: 1024**power for power, letter in enumerate("KMGTPEZY", 1)}}


def run(words: Words) -> int:
    """Make it; what is there under the name gives way."""
    from imgtools.newdisk.capacity import UNIX
    from imgtools.workflows.make import MakeRequest, make

    if len(words.rest) != 2:
        raise UsageError(
            "missing input and output arguments on the command line",
            hint="virt-make-fs DIRECTORY OUTPUT, or virt-make-fs FILE.tar OUTPUT",
        )
    source, target = words.rest
    if not Path(source).exists():
        raise UsageError(f"{source}: No such file or directory", hint="a directory, or a tar archive")
    table, kind, size = _chosen(words)
    kept = "dir" if Path(source).is_dir() else "tar"
    report = make(
        MakeRequest(
            target=Path(target),
            source=f"{kept}:{source}",
            size=_size(size) if size else "auto",
            kind=kind,
            partition=table,
            owner="keep" if kind in UNIX else "root",
            label=words.last("--label") or "",
            format=words.last("--format") or "raw",
            block_size=_block_size(words, kind, table),
            overwrite=True,
        )
    )
    report_warnings(words, report.warnings)
    return 0


def _chosen(words: Words) -> tuple[str, str, str]:
    """Return the table, the type and the size as the words say them; the one that stands last counts."""
    table, kind, size = "none", "ext2", ""
    for one in words.given:
        if one.name == "--floppy":
            table, kind, size = "none", "vfat", FLOPPY  # there an MBR is on it, which no floppy has
        elif one.name == "--partition":
            table = _table(one.value or "mbr")
        elif one.name == "--type":
            kind = KINDS.get(one.value or "", one.value or "")
        elif one.name == "--size":
            size = one.value or ""
    return table, kind, size


def _table(name: str) -> str:
    if name not in TABLES:
        raise UsageError(f"no partition table of the kind {name} is made", hint=f"{', '.join(TABLES)}")
    return TABLES[name]


def _size(text: str) -> str:
    """Return a size as the peer reads it: 10 bytes, 10K and 10KiB to base 1024, 10KB to base 1000.

    :raises UsageError: it is none.
    """
    match = re.fullmatch(r"(\+?)(0x[0-9a-f]+|\d+)([KMGTPEZY]?)(B|iB)?", text, re.IGNORECASE)
    if match is None or (match[4] and not match[3]):
        raise UsageError(f"invalid size parameter '{text}'", hint="1G, or +200M for free room besides")
    multiple = MULTIPLES[match[3].upper()]
    if (match[4] or "").upper() == "B":
        multiple = 1000 ** list(MULTIPLES).index(match[3].upper())
    return f"{match[1]}{int(match[2], 0) * multiple}"


def _block_size(words: Words, kind: str, table: str) -> str:
    """Return how large blocks have to be, for a disk whose sectors are as large as was asked for."""
    text = words.last("--blocksize")
    if text is None or text == str(SECTOR):
        return ""
    if text != str(LARGE_SECTOR):
        raise UsageError(f"--blocksize takes {SECTOR} or {LARGE_SECTOR}: {text}", hint="leave it away")
    if table != "none" or kind not in BLOCKS:
        raise UsageError(
            f"--blocksize {LARGE_SECTOR} is taken for {', '.join(BLOCKS)} without partitions only",
            hint="tables of partitions are made for sectors of 512 bytes",
        )
    return text

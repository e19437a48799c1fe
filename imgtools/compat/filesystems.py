"""virt-filesystems: filesystems, partitions, volumes of LVM, disks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from imgtools.compat.listfs import filesystems_of, partitions_of
from imgtools.compat.sources import NAMING, SPEAKING, source
from imgtools.compat.text import columns, csv_line, human, put
from imgtools.compat.words import Words, idle, switch
from imgtools.errors import UsageError

if TYPE_CHECKING:
    from imgtools.compat.listfs import Found
    from imgtools.image.handle import Image
    from imgtools.records.disks import Layout

OPTIONS = (
    *NAMING,
    switch("--all"),
    switch("--blkdevs", "--block-devices"),
    switch("--csv"),
    switch("--extra"),
    switch("--filesystems"),
    switch("--human-readable", "-h"),
    switch("--lvs", "--logvols", "--logical-volumes"),
    switch("--long", "-l"),
    switch("--no-title"),
    switch("--parts", "--partitions"),
    switch("--pvs", "--physvols", "--physical-volumes"),
    switch("--uuid", "--uuids"),
    switch("--vgs", "--volgroups", "--volume-groups"),
    # Taken and without effect in the peer too: it opens nothing that is encrypted.
    idle("nothing that is encrypted is opened", "--keys-from-stdin"),
    idle("nothing that is encrypted is opened", "--echo-keys"),
    *SPEAKING,
)
CHOICES = ("--filesystems", "--lvs", "--vgs", "--pvs", "--parts", "--blkdevs")
EXTENDED = 1024  # bytes that Linux gives an extended partition (block/partitions/msdos.c)
HEADINGS = ("Name", "Type", "VFS", "Label", "MBR", "Size", "Parent", "UUID")


class Row(NamedTuple):
    """One thing that is listed; None is a fact that it has not, or that was not asked for."""

    name: str
    type: str
    vfs: str | None = None
    label: str | None = None
    mbr: str | None = None
    size: int | None = None
    parents: tuple[str, ...] = ()
    uuid: str | None = None


def run(words: Words) -> int:
    """Print the list."""
    if words.rest:
        raise UsageError(
            f"extra argument '{words.rest[0]}' on command line",
            hint=f"the argument of --format is written behind =: --format={words.rest[0]}",
        )
    if words.has("--human-readable") and words.has("--csv"):
        raise UsageError("you cannot use -h and --csv options together.", hint="leave one of them away")
    wanted = _wanted(words)
    shown = _columns(words, wanted)
    lines: list[tuple[str | None, ...]] = []
    if words.has("--long") and not words.has("--no-title"):
        lines.append(tuple(name for name, on in zip(HEADINGS, shown, strict=True) if on))
    lines += [_fields(words, row, shown) for row in _rows(words, wanted)]
    put("".join(map(csv_line, lines)) if words.has("--csv") else columns(lines))
    return 0


def _wanted(words: Words) -> frozenset[str]:
    if words.has("--all"):
        return frozenset((*CHOICES, "--extra"))
    chosen = {name for name in CHOICES if words.has(name)}
    if words.has("--extra"):
        chosen |= {"--extra", "--filesystems"}
    return frozenset(chosen or {"--filesystems"})


def _columns(words: Words, wanted: frozenset[str]) -> tuple[bool, ...]:
    """Which of HEADINGS are shown."""
    long, files, parts = words.has("--long"), "--filesystems" in wanted, "--parts" in wanted
    return (
        True,
        long,
        long and files,
        long and files,
        long and parts,
        long,
        long,
        long and words.has("--uuid"),
    )


def _fields(words: Words, row: Row, shown: tuple[bool, ...]) -> tuple[str | None, ...]:
    size = None if row.size is None else human(row.size) if words.has("--human-readable") else str(row.size)
    values = (row.name, row.type, row.vfs, row.label, row.mbr, size, ",".join(row.parents), row.uuid)
    return tuple(value for value, on in zip(values, shown, strict=True) if on)


def _rows(words: Words, wanted: frozenset[str]) -> Iterator[Row]:
    from imgtools.image.handle import open_request

    with open_request(source(words, mounts=False)) as image:
        layout = image.layout(complete=True)
        if "--filesystems" in wanted:
            for found in filesystems_of(layout):
                if "--extra" in wanted or found.content not in ("swap", "unknown"):
                    yield _filesystem(image, layout, found, measured=words.has("--long"))
        if "--lvs" in wanted:
            for lv in sorted(layout.lvs, key=lambda one: (one.vg, one.name)):
                yield Row(
                    lv.device, "lv", size=lv.size, parents=(lv.device.rpartition("/")[0],), uuid=lv.uuid
                )
        if "--vgs" in wanted:
            for vg in sorted(layout.vgs, key=lambda one: one.name):
                parents = tuple(pv.device for pv in layout.pvs if pv.vg == vg.name)
                yield Row(f"/dev/{vg.name}", "vg", size=vg.size, parents=parents, uuid=_plain(vg.uuid))
        if "--pvs" in wanted:
            for pv in sorted(layout.pvs, key=lambda one: (one.vg, one.device)):  # as pvs(8) does
                yield Row(pv.device, "pv", size=pv.size, uuid=_plain(pv.uuid))
        if "--parts" in wanted:
            yield from _partitions(layout)
        if "--blkdevs" in wanted:
            for disk in layout.disks:
                yield Row(disk.device, "device", size=disk.size)


def _plain(uuid: str) -> str:
    return uuid.replace("-", "")


def _partitions(layout: Layout) -> Iterator[Row]:
    for disk, one in partitions_of(layout):
        mbr = f"{int(one.type, 16):02x}" if disk.table == "dos" else None
        size = min(one.size, EXTENDED) if one.kind == "extended" else one.size
        yield Row(one.device, "partition", mbr=mbr, size=size, parents=(disk.device,))


def _filesystem(image: Image, layout: Layout, found: Found, *, measured: bool) -> Row:
    """The size is that of statvfs; of what cannot be mounted, that of its volume; of a subvolume, none."""
    from imgtools.records.disks import Declined, Holder

    volume = found.volume
    size: int | None = None
    if measured and volume.holder is not Holder.SUBVOLUME:
        usage = image.try_usage(volume) if volume.mountable else Declined(volume.device, "no filesystem")
        size = volume.size if isinstance(usage, Declined) else usage.size
    parents = next((array.parents for array in layout.arrays if array.device == volume.device), ())
    return Row(found.device, "filesystem", found.content, volume.label, None, size, parents, volume.uuid)

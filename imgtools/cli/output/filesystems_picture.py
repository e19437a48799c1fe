"""The disks of an image as pictures: their partitions, what is in them, and how full it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from imgtools.cli.output import svg
from imgtools.cli.output.picture import Stretch, bar_legend, bar_lines, share_out, with_gaps
from imgtools.cli.output.svg import Entry
from imgtools.records.disks import Holder
from imgtools.units import format_size

if TYPE_CHECKING:
    from imgtools.records.disks import Disk
    from imgtools.records.lvm import VolumeGroup
    from imgtools.workflows.filesystems import FilesystemRow, FilesystemsReport

LINUX, WINDOWS, SWAP, LVM, LOCKED, OTHER = "#3d85c6", "#2f9e8f", "#d9822b", "#9a6fc4", "#c94f4f", "#8a929b"
COLOURS = {
    "swap": SWAP, "swsuspend": SWAP, "LVM2_member": LVM, "LVM": LVM, "linux_raid_member": LVM, "zfs_member": LVM,
    "crypto_LUKS": LOCKED, "BitLocker": LOCKED, "vfat": WINDOWS, "ntfs": WINDOWS, "exfat": WINDOWS, "": OTHER,
}  # fmt: skip
TABLES = {"gpt": "GPT", "dos": "MBR"}
USED, UNKNOWN, UNUSED = 1.0, 0.6, 0.3  # the opacity of what is used, of what may be, and of what is free
STRENGTHS = ((USED, "used"), (UNUSED, "free"), (UNKNOWN, "not known"))
HEIGHT = 56  # of a bar, in pixels
LINE = 20
LEAST = 6  # pixels for the smallest partition
MOST_LINES = 128  # below one bar
MOST_GROUPS = 32
MOST_CONTAINERS = 8  # in each other
COLUMNS = (39, 350, 490, 760, 850)  # where device, content, label, size and use are


def stretches_of(report: FilesystemsReport, disk: Disk) -> list[Stretch]:
    """Return the partitions of a disk and the room between them; without partitions, the disk itself."""
    parts = [
        Stretch(part.start, part.size, str(part.number), used_share(report, part.device), part.device)
        for part in report.partitions
        if part.disk == disk.device and part.kind != "extended"
    ]
    rows = {row.device for row in report.filesystems}
    if not parts and not disk.table and disk.device in rows:
        parts = [Stretch(0, disk.size, "", used_share(report, disk.device), disk.device)]
    return with_gaps(parts, disk.size)


def used_share(report: FilesystemsReport, device: str) -> float | None:
    """Return how full a volume is, 0 to 1, or None.

    It is what df says of its filesystem, how much of a physical volume the logical ones take, or how full the volume
    in an opened container is.
    """
    for _ in range(MOST_CONTAINERS):
        row = next((row for row in report.filesystems if row.device == device), None)
        if row is not None and row.used is not None and row.available is not None:
            return row.used / max(row.used + row.available, 1)
        pv = next((pv for pv in report.pvs if pv.device == device), None)
        # A group on several physical volumes does not say which of them is how full.
        if vg := next((vg for vg in report.vgs if pv and vg.name == pv.vg and vg.size <= pv.size), None):
            return (vg.size - vg.free) / max(vg.size, 1)
        inner = (row for row in report.filesystems if row.parents == (device,) and row.holder is Holder.CRYPT)
        if (opened := next(inner, None)) is None:
            return None
        device = opened.device
    return None


def disk_lines(report: FilesystemsReport, disk: Disk, width: int) -> list[str]:
    """Draw a disk for the terminal, with a legend."""
    lines = bar_lines(stretches_of(report, disk), width)
    return [*lines, bar_legend(lines)]


# -- SVG --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Part:
    """One box of a bar, and its line in the list below."""

    size: int
    name: str = ""  # short, above the box
    device: str = ""  # "": nothing is there
    content: str = ""
    label: str = ""
    used: float | None = None

    @property
    def colour(self) -> str:
        return COLOURS.get(self.content, LINUX) if self.device else ""

    @property
    def filling(self) -> str:
        if self.used is None:
            return ""
        share = "<1" if 0 < self.used < 0.01 else f"{self.used * 100:.0f}"
        return f"{share} % {'in volumes' if self.content == 'LVM2_member' else 'used'}"

    @property
    def cells(self) -> tuple[str, ...]:
        content = self.content or ("unknown content" if self.device else "")
        return self.device or "free", content, self.label, format_size(self.size), self.filling


def filesystems_svg(report: FilesystemsReport, name: str) -> str:
    """Return a picture of all disks and volume groups.

    :param name: what the image is called.
    """
    parts: list[str] = []
    y = 62.0
    for heading, row in (*_disks(report), *_groups(report)):
        parts += _bar(heading, row, y)
        y += 24 + HEIGHT + 10 + LINE * min(len(row), MOST_LINES + 1) + 40
    parts += svg.legend_row((Entry(LINUX, name, strength) for strength, name in STRENGTHS), y)
    return svg.document(f"{name}: disks and filesystems", y + 20, parts)


def _disks(report: FilesystemsReport) -> Iterator[tuple[str, list[_Part]]]:
    rows = {row.device: row for row in report.filesystems}
    for disk in report.disks:
        table = TABLES.get(disk.table, "no partition table")
        names = {part.device: part.name for part in report.partitions}
        found = [_part(one, rows, names.get(one.device, "")) for one in stretches_of(report, disk)]
        yield f"{disk.device}: {format_size(disk.size)}, {table}", found


def _groups(report: FilesystemsReport) -> Iterator[tuple[str, list[_Part]]]:
    rows = {row.device: row for row in report.filesystems}
    for vg in report.vgs[:MOST_GROUPS]:
        pvs = ", ".join(pv.device for pv in report.pvs if pv.vg == vg.name)
        yield f"Volume group {vg.name}: {format_size(vg.size)} on {pvs}", list(_volumes(report, vg, rows))


def _volumes(report: FilesystemsReport, vg: VolumeGroup, rows: dict[str, FilesystemRow]) -> Iterator[_Part]:
    """Yield the logical volumes of a group and what is free; a thin volume has room of its own only in its pool."""
    for lv in report.lvs:
        if lv.vg == vg.name and lv.kind != "thin":
            stretch = Stretch(0, lv.size, lv.name, used_share(report, lv.device), lv.device)
            yield _part(stretch, rows, "" if lv.kind == "linear" else lv.kind)
    rest = vg.size - vg.free - sum(lv.size for lv in report.lvs if lv.vg == vg.name and lv.kind != "thin")
    if rest > vg.extent_size:
        yield _Part(rest, "", "copies and metadata", "LVM")
    if vg.free:
        yield _Part(vg.free)


def _part(one: Stretch, rows: dict[str, FilesystemRow], name: str) -> _Part:
    """Return the box of a stretch; ``name`` stands for the label where there is none."""
    row = rows.get(one.device)
    content, label = (row.content, row.label) if row else ("", "")
    return _Part(one.size, one.name, one.device, content, label or name, one.used)


def _bar(heading: str, row: Sequence[_Part], y: float) -> Iterator[str]:
    yield svg.words(svg.MARGIN, y, heading, bold=True, most=svg.BAR_WIDTH)
    least = min(LEAST, svg.BAR_WIDTH // max(len(row), 1))
    top, x = y + 28, float(svg.MARGIN)
    for part, width in zip(
        row, share_out([one.size for one in row], svg.BAR_WIDTH, [least] * len(row)), strict=True
    ):
        if width == 0:  # there are more of them than pixels
            continue
        yield svg.described("  ".join(cell for cell in part.cells if cell), _box(part, x, top, width))
        x += width
    yield svg.frame(svg.MARGIN, top, svg.BAR_WIDTH, HEIGHT)
    yield from _list(row, top + HEIGHT + 24)


def _box(part: _Part, x: float, y: float, width: float) -> Iterator[str]:
    if part.device:
        inner = max(width - 1, 1)  # a thin line of the background between two boxes
        yield svg.box(x, y, inner, HEIGHT, part.colour, strength=UNKNOWN if part.used is None else UNUSED)
        if part.used:
            yield svg.box(x, y, max(min(part.used, 1) * inner, 1), HEIGHT, part.colour)
    else:
        yield svg.box(x, y, width, HEIGHT, svg.INK, strength=0)
    for text in (f"{part.name}  {part.content}".strip(), part.name):
        if text and len(text) * svg.LETTER <= width:
            yield svg.words(x + width / 2, y - 6, text, anchor="middle", size=12, most=width + 10)
            break


def _list(row: Sequence[_Part], y: float) -> Iterator[str]:
    for number, part in enumerate(row[:MOST_LINES]):
        base = y + LINE * number
        yield svg.swatch(svg.MARGIN, base, part.colour)
        for place, cell in zip(COLUMNS, part.cells, strict=True):
            if cell:
                following = next((one for one in COLUMNS if one > place), svg.WIDTH)
                yield svg.words(place, base, cell, most=following - place - 12)
    if len(row) > MOST_LINES:
        yield svg.words(COLUMNS[0], y + LINE * MOST_LINES, f"and {len(row) - MOST_LINES} more")

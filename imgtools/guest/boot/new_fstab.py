"""The fstab of a system that has been put on another disk: what is there is named by UUID, what is not is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from imgtools.guest.find.fstab import FIELD, FstabEntry, parse_fstab

MARK = "# imgtools make: not on this disk:"
HEAD = "# /etc/fstab: what is mounted where, fstab(5)\n"
# Passes of fsck at boot, fstab(5): the root first. What checks itself when it is mounted has none.
CHECKED = frozenset({"ext2", "ext3", "ext4", "vfat"})
USUAL = {"vfat": "umask=0077"}  # an ESP is root's alone, as Debian's and Fedora's installers have it


@dataclass(frozen=True, slots=True)
class NewMount:
    """A filesystem of the new disk, and where it belongs. ``uuid`` as udev spells it."""

    path: str
    kind: str
    uuid: str
    label: str = ""

    def is_called(self, spec: str) -> bool:
        """Whether a name that every machine has for it is this one."""
        names = {f"UUID={self.uuid}", f"/dev/disk/by-uuid/{self.uuid}"}
        names |= {f"LABEL={self.label}", f"/dev/disk/by-label/{self.label}"} if self.label else set()
        return spec in names


@dataclass(frozen=True, slots=True)
class NewFstab:
    """The text, and for people what became of which line."""

    text: str
    said: tuple[str, ...] = ()


def new_fstab(old: str, mounts: Sequence[NewMount]) -> NewFstab:
    """Return an fstab that mounts what a new disk has.

    Lines that name a volume that is not on it become comments, unless they may be missing (nofail, noauto); the new
    line of a place stands where its old one is. Everything else stays to the letter.

    :param old: the fstab that is there; empty: none.
    :param mounts: what the new disk has, the root first.
    """
    entries = {entry.line: entry for entry in parse_fstab(old).entries}
    lines, said, done = list[str](), list[str](), set[str]()
    for number, line in enumerate(old.removesuffix("\n").split("\n") if old else (), 1):
        entry = entries.get(number)
        mount = next((one for one in mounts if entry is not None and one.path == entry.path), None)
        if entry is None or _stays(entry, mount, mounts):
            lines.append(line)
            done |= {mount.path} if mount is not None else set()
            continue
        lines.append(f"{MARK} {line.strip()}")
        place = entry.path if entry.path.startswith("/") else entry.type
        if mount is None or mount.path in done:
            said.append(
                f"line {number}: {entry.spec} for {place} is not on the new disk, and becomes a comment"
            )
            continue
        done.add(mount.path)
        lines.append(_line(mount, entry, line))
        said.append(
            f"line {number}: {entry.spec} for {place} becomes UUID={mount.uuid}; the old line is a comment"
        )
    for mount in mounts:
        if mount.path not in done:
            lines.append(_line(mount))
            said.append(f"a line mounts UUID={mount.uuid} at {mount.path}")
    text = "\n".join(lines) + "\n"
    return NewFstab(text if old else HEAD + text, tuple(said) if text != old else ())


def _stays(entry: FstabEntry, mount: NewMount | None, mounts: Sequence[NewMount]) -> bool:
    """Whether a line is as good on the new disk as it was."""
    if mount is not None:
        return mount.is_called(entry.spec)
    is_swap = entry.type == "swap" and (entry.spec.startswith("/dev/") or "=" in entry.spec)
    if not (entry.on_a_device or is_swap) or entry.may_be_missing:
        return True
    return any(one.is_called(entry.spec) for one in mounts)


def _line(mount: NewMount, old: FstabEntry | None = None, line: str = "") -> str:
    options, dump = USUAL.get(mount.kind, "defaults"), "0"
    if old is not None and old.type == mount.kind and "subvol" not in old.options:
        fields = FIELD.findall(line)
        options = fields[3] if len(fields) > 3 else options
        dump = fields[4] if len(fields) > 4 and fields[4].isdigit() else dump
    number = 0 if mount.kind not in CHECKED else 1 if mount.path == "/" else 2
    return f"UUID={mount.uuid} {mount.path} {mount.kind} {options} {dump} {number}"

"""Changes of an image's own tables, all or nothing: repairs, amendments, snapshots, bitmaps, links.

qemu-img does these in place; cut in the middle, or failing there, it leaves half of them behind. Here qemu-img works on
the image file as seen through an overlay *of the file's bytes*: ``the image's format -> qcow2 (overlay) -> raw (the
image file)``. Nothing reaches the file until the result has been checked. Then it is committed as every edit is
(:mod:`imgtools.disk.transaction.transaction`), and ``imgtools recover`` finishes it if that is cut.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from imgtools.disk.headers import open_host_file
from imgtools.disk.image_file import Disk
from imgtools.disk.in_use import refuse_held, refuse_in_use
from imgtools.disk.transaction.lock import lock_images
from imgtools.disk.transaction.marker import refuse_unfinished
from imgtools.disk.transaction.may_edit import require_access
from imgtools.disk.transaction.transaction import Transaction
from imgtools.engine.qemu.img import changes, commands, mapping
from imgtools.engine.qemu.img.commands import Checked
from imgtools.engine.qemu.nodes import Node, overlay_node, plain_node, single_node, upon
from imgtools.errors import BadImage, EngineFailed, HostError, KeyNeeded, RolledBack
from imgtools.records.image import Layer

# What the tables may grow by, besides the disk's own size: amending to an older version of qcow2, which has no
# zero clusters, writes all of them out. The room costs nothing until it is used.
SLACK = 64 << 20
# Formats whose repair measures the file and writes nothing behind its end but what it asks for by growing it.
MEASURED = frozenset({"qed", "vhdx", "parallels"})


class Redo:
    """A change of one image that nobody sees yet. ``node`` is the image with the change, for qemu-img."""

    def __init__(self, disk: Disk, locks: tuple[int, ...]) -> None:
        self._disk = disk
        self._host_path = disk.top.host_path
        with open_host_file(self._host_path) as file:
            self._length = file.size
            fixed = file.is_device or disk.top.format in MEASURED
        slack = 0 if fixed else SLACK + disk.top.virtual_size
        self._room = _sectors(self._length + slack)
        self._bytes = Layer(self._host_path, "raw", self._room, 0)  # the file, not what it means
        info = replace(disk.info, format="raw", virtual_size=self._room, chain=(self._bytes,), snapshots=())
        self._transaction = Transaction([info], locks)
        self._transaction.begin()

    @property
    def _overlay(self) -> Path:
        return self._transaction.disks[0][0]

    @property
    def node(self) -> Node:
        """The image with its change, for qemu-img; without backing files."""
        return upon(self._disk.single(), self._overlay_node())

    def _overlay_node(self) -> Node:
        return overlay_node(self._overlay, plain_node(self._host_path, "raw"))

    def check(self) -> Checked | None:
        """Check the image as it will be: the room behind its end would hide that it is too short."""
        self._end_where_the_file_will()
        return commands.check(self.node)

    def repair(self, what: str) -> Checked:
        """Repair ``leaks`` or ``all`` in the image as it will be.

        :raises EngineFailed: the format has no repair after all.
        """
        changes.resize(self._overlay_alone(), self._room, shrink=True)
        done = commands.check(self.node, what)
        if done is None:
            raise EngineFailed(f"{self._host_path}: QEMU does not repair this format")
        return done

    def changed(self) -> tuple[tuple[int, int], ...]:
        """Where the file will be written: offsets and lengths."""
        extents = mapping.map_extents(self._overlay_node())
        return tuple((one.start, one.length) for one in extents if one.depth == 0 and one.present)

    def commit(self) -> int:
        """Write the change into the image file; returns the bytes written.

        :raises EditConflict: the image was changed by someone else meanwhile; nothing was written.
        :raises NoRoom: the image would not fit; nothing was written.
        :raises EditCut: writing failed half-way; ``imgtools recover`` finishes it.
        """
        written = self._end_where_the_file_will()
        refuse_in_use(self._host_path)
        self._transaction.commit()
        return sum(length for _, length in written)

    def _end_where_the_file_will(self) -> tuple[tuple[int, int], ...]:
        """Make the overlay as large as the file will be, else that would get all the room; returns the changes."""
        written = self.changed()
        end = max((start + length for start, length in written), default=0)
        changes.resize(self._overlay_alone(), max(_sectors(self._length), end), shrink=True)
        return written

    def _overlay_alone(self) -> Node:
        return single_node(Layer(self._overlay, "qcow2", self._room, 0))

    def discard(self) -> None:
        """Throw the change away; the image is as it was."""
        self._transaction.discard()


def _sectors(size: int) -> int:
    return -(-size // 512) * 512


@contextmanager
def change_tables(disk: Disk, locks: tuple[int, ...] | None = None) -> Iterator[Redo]:
    """Yield a change of an image's tables; without :meth:`Redo.commit` it is thrown away.

    :param locks: the image's lock, where the caller holds it already.
    :raises ImageInUse: a QEMU program or another imgtools has the image.
    :raises UnfinishedEdit: an earlier change was cut.
    :raises HostError: it may not be written, or has several names.
    """
    host_path = disk.top.host_path
    with lock_images([host_path]) if locks is None else nullcontext(locks) as held:
        refuse_unfinished([host_path])
        refuse_held(disk.info.source)
        refuse_in_use(host_path)
        require_access(host_path)
        _require_one_name(host_path)
        redo = Redo(disk, held)
        try:
            yield redo
        finally:
            redo.discard()


def _require_one_name(host_path: Path) -> None:
    """After a cut, the image is known as half written by its name only: under another, nothing would warn."""
    found = host_path.stat()
    if found.st_nlink > 1 and stat.S_ISREG(found.st_mode):
        raise HostError(
            f"{host_path} has {found.st_nlink} names (hard links), a change knows it by one",
            hint="copy it, or remove the other names",
        )


def rehearse(disk: Disk, change: Callable[[Node], None]) -> None:
    """Make a change of the tables and throw it away: what QEMU would refuse is known before anything is written."""
    if disk.top.extents:  # they are written directly, and would keep the change
        return
    with change_tables(disk) as redo:
        _check_before(disk, redo)
        change(redo.node)


def _check_before(disk: Disk, redo: Redo) -> Checked | None:
    """Check an image before its tables change: where they are wrong, a change can write over what the image holds.

    An image that was not closed cleanly is put in order first, as QEMU does with it when it opens it for writing: its
    reference counts are written late, and are missing.

    :raises BadImage: it is damaged.
    """
    marked = dict(disk.info.details).get("corrupt") == "true"
    found = redo.repair("all") if disk.info.dirty and not marked else disk.check()
    if marked or (found and found.corruptions):
        how = "is marked as corrupt" if marked or not found else f"has {found.corruptions} corruptions"
        raise BadImage(
            f"{disk.host_path} {how}: a change could write over what it holds",
            hint="imgtools check --repair all --write repairs what can be repaired; keep a copy",
        )
    return found


def change_and_check(
    disk: Disk,
    change: Callable[[Node], None],
    locks: tuple[int, ...] | None = None,
    *,
    takes_key: bool = False,
) -> int:
    """Carry out one change of the tables, check the result, and write it down; returns the bytes written.

    :param takes_key: the key that opens the image may be what is taken out of it; then nobody can check it.
    :raises BadImage: the image is damaged.
    :raises RolledBack: the result is damaged more than the image was; nothing was written.
    """
    with change_tables(disk, locks) as redo:
        before = _check_before(disk, redo)
        change(redo.node)
        try:
            after = redo.check()
        except KeyNeeded:
            if not takes_key:
                raise
            after = None
        if after and before and (after.corruptions, after.errors) > (before.corruptions, before.errors):
            raise RolledBack(
                f"the change would leave {after.corruptions} corruptions in {disk.host_path}; nothing was written",
                hint="imgtools check tells more",
            )
        return redo.commit()

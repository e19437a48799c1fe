"""Look at a disk image and everything it names, before any other program opens it.

QEMU follows what an image says: backing files, data files and extents anywhere on the host, symbolic links,
``nbd:``, ``json:`` and other protocols, FIFOs that never answer. So the whole chain is read here first, from the
headers, hop by hop; every name is judged; and QEMU is then told the files and formats explicitly.

The rules (docs/decisions/image-inspection.md has the reasons):

- An image names other files only as ``policy`` allows, symbolic links resolved: within its own folder
  or one that somebody has named (``SAME_DIR``), none (``NONE``), any (``ANY``). A protocol instead of a file is
  refused always.
- Relative names count from the folder of the file that holds them, also those of qcow2 data files, which QEMU
  itself would look for in the current folder.
- The image's format is what the user says, else what the bytes show. Bytes that may be a guest's must not choose a
  host file: an image that looks raw by its name (``.raw``, ``.img``, a block device) and whose bytes nevertheless
  show a format that names other files is refused until the user says its format.
- A backing file's format is what the image records. If it records none, the file is raw, unless its bytes show a
  format: then the image is refused, because a guest that writes to a raw base would choose how it is read.
- A chain has at most 32 files and no loop.
- A file that is shorter than its tables say is refused: QEMU would read zeros without a word.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from imgtools.disk.backing_folders import backing_folders
from imgtools.disk.headers import (
    FORMATS,
    QUICK,
    THOROUGH,
    Header,
    HostFile,
    known_format,
    open_host_file,
    open_layer,
    probe,
    read_header,
)
from imgtools.disk.headers.hostfile import describe_kind
from imgtools.disk.in_use import has_writer, is_in_use, refuse_in_use
from imgtools.disk.transaction.sidecar import has_marker
from imgtools.errors import BadImage, UnknownBackingFormat, UntrustedBacking, UsageError
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.request import Backing
from imgtools.records.system import Warned

__all__ = ["QUICK", "THOROUGH", "examine", "is_in_use", "refuse_in_use"]

MAX_CHAIN = 32
RAW_NAMES = frozenset({".raw", ".img", ".iso", ".bin", ".dd", ".disk", ".flp", ".ima"})
MAKE_FILE = "imgtools convert makes an image file of it"
ROUNDED = 1 << 20  # bytes by which a package may have a disk larger or smaller, without a word
SMALLEST = 512  # bytes: one sector; nothing smaller is a disk


def examine(
    source: DiskSource,
    *,
    policy: Backing = Backing.SAME_DIR,
    budget: int = QUICK,
    to_repair: bool = False,
    alone: bool = False,
    ask_qemu: bool = True,
    any_size: bool = False,
) -> ImageInfo:
    """Read an image's headers and its whole chain, judge every name, and return the facts.

    :param budget: bytes of allocation tables to read at most for each file, when looking for a cut.
    :param alone: do not look at the backing file, which may be missing; the chain has one layer.
    :param ask_qemu: also for details, and for the virtual size, which a header alone does not tell in each format.
    :param any_size: a raw file of less than a sector, or of nothing, is a disk too: for work on the file alone.
    :param to_repair: a cut, and a log that was not replayed, are warnings, because they are to be repaired.
    :raises HostError: there is no such file, or it may not be read.
    :raises BadImage: not a disk image, damaged, cut, or of another format than ``source`` says.
    :raises UntrustedBacking: it names a file that ``policy`` does not allow.
    :raises UsageError: ``source`` names an unknown format or a snapshot that is not there.
    """
    walk = _Walk(source, policy, budget, to_repair=to_repair, any_size=any_size)
    top = walk.open_image(known_format(source.format) if source.format else None)
    hop: _Hop | None = None if alone else top
    while hop is not None:
        hop = walk.follow(hop)
    chain = tuple(walk.layers)
    image = ImageInfo(
        source=source,
        format=top.layer.format,
        virtual_size=chain[0].virtual_size,
        actual_size=chain[0].actual_size,
        chain=chain,
        snapshots=top.header.snapshots,
        encryption=top.header.encryption,
        dirty=top.header.dirty,
        warnings=(*walk.warnings, *_broken_promise(source, chain[0].virtual_size)),
    )
    _require_snapshot(image)
    return _with_facts(image) if ask_qemu and not to_repair else image


def _broken_promise(source: DiskSource, size: int) -> Iterator[Warned]:
    """Say that a disk is not as large as its package has it: the machine that it comes from may have had another.

    A warning, for the disk itself is whole, and its own header is what a guest sees; some packers round.
    """
    if source.promised and abs(source.promised - size) >= ROUNDED:
        text = f"the disk has {size} bytes, and its package says {source.promised}"
        yield Warned(text, source.name)


def _with_facts(image: ImageInfo) -> ImageInfo:
    """Add what qemu-img tells. Of a raw image it could only repeat the file's length."""
    if image.format == "raw":
        return image
    from imgtools.engine.qemu.img.commands import info  # late: most formats are read here

    facts = info(image.chain[0])
    details = facts.details
    if image.source.inside:  # what QEMU calls a file there are our own words for it
        details = tuple(pair for pair in details if not pair[0].endswith("filename"))
    first = replace(image.chain[0], virtual_size=facts.virtual_size)
    return replace(
        image,
        virtual_size=facts.virtual_size,
        chain=(first, *image.chain[1:]),
        dirty=image.dirty or facts.dirty,
        details=details,
    )


def _require_snapshot(image: ImageInfo) -> None:
    wanted = image.source.snapshot
    if wanted is None or any(wanted in (found.id, found.name) for found in image.snapshots):
        return
    names = ", ".join(found.name for found in image.snapshots)
    raise UsageError(
        f"{image.source.name} has no internal snapshot {wanted!r}",
        hint=f"it has: {names}" if names else "it has none",
    )


class _Hop(NamedTuple):
    """One image of the chain, read and accepted."""

    layer: Layer
    header: Header


class _Walk:
    """The way down one backing chain."""

    def __init__(
        self, source: DiskSource, policy: Backing, budget: int, *, to_repair: bool, any_size: bool
    ) -> None:
        if source.uri and source.inside is None:
            raise UsageError(f"{source.name} is no file, and this command works on files", hint=MAKE_FILE)
        named = source.host_path.absolute()
        self.layers: list[Layer] = []
        self.warnings: list[Warned] = []
        self._top = named
        self._policy = policy
        self._budget = budget
        self._to_repair = to_repair
        self._any_size = any_size
        self._seen: set[tuple[int, int]] = set()
        # A link to an image: relative names count from the link's folder, as for QEMU; its own folder is fine too.
        self._roots = {Path(os.path.realpath(named.parent)), Path(os.path.realpath(named)).parent}
        self._named_folders = source.folders
        self._inside = source.inside
        self._name = source.inside.name if source.inside else str(named)
        self._held = source.held

    # -- the image itself ----------------------------------------------------------------------------------

    def open_image(self, format: str | None) -> _Hop:
        """Read the first image of the chain."""
        with open_layer(self._top, self._inside) as file:
            if file.size == 0 and not self._any_size:
                raise BadImage(f"not a disk image: {self._name} is empty")
            found = format or self._probe_image(file)
            header = read_header(file, found, self._budget, may_be_cut=self._to_repair)
            names_files = bool(header.backing or header.data_file or header.extents)
            if format is None and names_files and self._looks_raw(file):
                raise UntrustedBacking(
                    f"{self._top} looks like a raw disk by its name, and like {found} with other files by its bytes",
                    hint=f"a guest can write such bytes; if it really is {found}, say --format {found}",
                )
            if self._held and self._held.is_live:
                self.warnings.append(Warned(f"{self._held.text}: what is read may be inconsistent"))
            elif has_writer(file):
                text = "another program is writing to this image: what is read may be inconsistent"
                self.warnings.append(Warned(text, self._name))
            return self._accept(file, header)

    def _probe_image(self, file: HostFile) -> str:
        found = probe(file)
        if found == "raw":
            _refuse_foreign(file)
        if found == "raw" and file.size < SMALLEST and not self._any_size:
            raise BadImage(f"not a disk image: {self._name} has only {file.size} bytes")
        return found

    def _looks_raw(self, file: HostFile) -> bool:
        return self._inside is None and (file.is_device or self._top.suffix.lower() in RAW_NAMES)

    # -- what it names -------------------------------------------------------------------------------------

    def follow(self, hop: _Hop) -> _Hop | None:
        """Read the backing file of ``hop``; None if it has none.

        :raises BadImage: it is missing, of another format than recorded, or the chain is a loop or too long.
        """
        if not hop.header.backing:
            return None
        by = hop.layer.host_path
        what = "parent" if hop.layer.format == "vmdk" else "backing file"
        path = self._judge(hop.header.backing, by, what)
        if len(self.layers) >= MAX_CHAIN:
            raise BadImage(f"{self._top}: its backing chain has more than {MAX_CHAIN} files")
        with open_host_file(path) as file:
            if file.identity in self._seen:
                raise BadImage(
                    f"{self._top}: its backing chain is a loop, {by} names {path} again",
                    hint="imgtools rebase --unsafe gives an image another backing file",
                )
            format = self._backing_format(hop, file)
            return self._accept(file, read_header(file, format, self._budget))

    def _backing_format(self, hop: _Hop, file: HostFile) -> str:
        by, recorded = hop.layer.host_path, hop.header.backing_format
        shown = probe(file)
        if hop.layer.format == "vmdk":
            recorded = "vmdk"  # a vmdk has no other parents
        if not recorded:
            if shown == "raw":
                _refuse_foreign(file)
            elif self._policy is not Backing.ANY:
                raise UnknownBackingFormat(
                    f"{by} does not record the format of its backing file {file.host_path}, which looks like {shown}",
                    hint="a guest could have written that; --backing-policy any trusts it, "
                    "imgtools rebase --unsafe records it",
                )
            return shown
        format = {"file": "raw", "host_device": "raw"}.get(recorded, recorded)
        if format not in FORMATS:
            raise UnknownBackingFormat(
                f"{by} records {recorded!r} as the format of its backing file, which is no image format",
                hint="imgtools rebase --unsafe records another",
            )
        if format == "raw" and shown not in ("raw", "vpc", "dmg"):
            text = f"is read as raw, as {by.name} records it, but looks like {shown}"
            self.warnings.append(Warned(text, os.fspath(file.host_path)))
        elif format != shown and format not in ("raw", "vpc", "dmg"):
            raise BadImage(
                f"{by} records its backing file {file.host_path} as {format}, but it looks like {shown}",
                hint="imgtools rebase --unsafe records another format",
            )
        return format

    def _accept(self, file: HostFile, header: Header) -> _Hop:
        """Note an image that was read, with the further files that it names."""
        self._seen.add(file.identity)
        path, inside = (self._top, self._inside) if self._inside else (file.host_path, None)
        self.warnings.extend(Warned(problem, file.name) for problem in header.problems)
        if header.format == "vhdx" and header.dirty and not self._to_repair:
            raise BadImage(
                f"{file.name} was not closed cleanly: its log must be replayed before it can be read",
                hint="imgtools check --repair all --write replays it",
            )
        if inside and (header.backing or header.data_file or header.extents):
            raise UntrustedBacking(
                f"{file.name} names other files, and what is no file by itself must stand alone",
                hint="take it out of there, with all that it names, and give that",
            )
        extents = []
        judged = [(file.host_path.absolute(), *file.identity)]
        allocated = file.allocated
        for extent in header.extents:
            further = self._judge(extent.name, path, "extent")
            budget = self._budget // len(header.extents)
            with open_host_file(further) as part:
                _check_extent(part, extent.kind, extent.needs, budget)
                allocated += part.allocated
                judged.append((further.absolute(), *part.identity))
            extents.append(further)
        if header.data_file:
            further = self._judge(header.data_file, path, "data file")
            with open_host_file(further) as data:
                allocated += data.allocated
                judged.append((further.absolute(), *data.identity))
            extents.append(further)
        layer = Layer(
            host_path=path,
            format=header.format,
            virtual_size=header.virtual_size,
            actual_size=allocated,
            extents=tuple(extents),
            encryption=header.encryption,
            judged=tuple(judged),
            inside=inside,
        )
        self.layers.append(layer)
        return _Hop(layer, header)

    # -- judging names -------------------------------------------------------------------------------------

    def _judge(self, name: bytes, by: Path, what: str) -> Path:
        """Return the absolute path that a recorded name means.

        :raises UntrustedBacking: the policy does not allow it.
        :raises BadImage: there is no such file, or the name is no name.
        """
        text = os.fsdecode(name)
        shown = _printable(text)
        if b"\0" in name:
            raise BadImage(f"{by}: the name of its {what} holds a NUL", hint="the image is made to do harm")
        if self._policy is Backing.NONE:
            raise UntrustedBacking(
                f"{by} names a {what}, {shown}, and none is allowed",
                hint="--backing-policy same-dir allows it",
            )
        if name.partition(b"/")[0].find(b":") >= 0:
            raise UntrustedBacking(
                f"{by} names {shown} as its {what}, which QEMU would take for a protocol",
                hint=f"imgtools opens files only; copy it here{_cure(what, ', and record it with')}",
            )
        path = by.parent / text
        real = Path(os.path.realpath(path))
        if self._policy is Backing.SAME_DIR and not self._is_near(real):
            raise UntrustedBacking(
                f"{by} names {shown} as its {what}, outside the image's folder",
                hint=f"for an image that you trust: --backing-folder {_printable(os.fspath(real.parent))}",
            )
        self._require_file(path, what, by)
        return path

    def _is_near(self, real: Path) -> bool:
        if any(_is_within(real, root) for root in self._roots):
            return True
        # Settings are read when it comes to that: few images name files elsewhere.
        return any(_is_within(real, root) for root in backing_folders(self._named_folders))

    def _require_file(self, path: Path, kind: str, by: Path) -> None:
        what, shown = f"the {kind} of {by}", _printable(os.fspath(path))
        try:
            mode = path.stat().st_mode
        except FileNotFoundError:
            raise BadImage(
                f"{what} is missing: {shown}",
                hint=f"put it back{_cure(kind, ', or name its new place with') or ' under that name'}",
            ) from None
        except OSError as error:
            raise BadImage(f"{what} cannot be opened: {shown}: {error.strerror}") from None
        allowed = stat.S_ISREG(mode) or (stat.S_ISBLK(mode) and self._policy is Backing.ANY)
        if not allowed:
            raise UntrustedBacking(f"{what} is a {describe_kind(mode)}: {shown}")


def _refuse_foreign(file: HostFile) -> None:
    """Make sure that a file which nobody called raw is none of a format that QEMU does not know."""
    from imgtools.disk.headers.foreign import foreign_format

    if found := foreign_format(file):
        what, cure = found
        raise BadImage(f"not a disk image: {file.name} {what}", hint=cure)


def _cure(what: str, words: str) -> str:
    """The command that records another name, after some words; nothing where none does."""
    return f"{words} imgtools rebase --unsafe" if what == "backing file" else ""


def _check_extent(file: HostFile, kind: str, needs: int, budget: int) -> None:
    """Make sure that a vmdk's extent is whole."""
    if kind not in ("FLAT", "VMFS"):
        from imgtools.disk.headers.vmdk import read_sparse_extent

        needs = read_sparse_extent(file, budget).needs
    if needs > file.size:
        raise BadImage(
            f"{file.host_path} is truncated: {needs} bytes are named, the file has {file.size}",
            hint="copy the image again from where it is whole",
        )


def _printable(name: str) -> str:
    """A recorded name on one line, whatever bytes it holds."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in name
    )


def _is_within(real: Path, root: Path) -> bool:
    """Whether a resolved path lies in a folder or below it; of the root folder, only what lies right in it."""
    return real.parent == root if root == Path("/") else real.is_relative_to(root)


def examine_disks(disks: Sequence[DiskSource], backing: Backing, *, ask_qemu: bool = True) -> list[ImageInfo]:
    """Read the chain of every disk, and refuse what nobody should read.

    :param ask_qemu: also for the details of a qcow2 image, whose header says all else.
    :raises UnfinishedEdit: see :func:`open_image`, as for the other errors.
    """
    _refuse_unfinished([disk.host_path for disk in disks])
    infos = [examine(disk, policy=backing, ask_qemu=False) for disk in disks]
    infos = [one if one.format == "qcow2" and not ask_qemu else _with_facts(one) for one in infos]
    _refuse_unfinished([layer.host_path for info in infos for layer in info.chain[1:]])
    return infos


def _refuse_unfinished(host_paths: Sequence[Path]) -> None:
    """Make sure that no image is half committed. Of most there is nothing to read."""
    if marked := [path for path in host_paths if has_marker(path)]:
        from imgtools.disk.transaction.marker import refuse_unfinished

        refuse_unfinished(marked)

"""The verbs on image files, as functions: what they are, what is in them, whether their tables are in order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

from imgtools.door.opening import (
    BackingName,
    GuestOptions,
    HostPath,
    ImageOptions,
    Images,
    Size,
    StateOptions,
    make_request,
    maybe_path,
    maybe_secret,
    one_of,
    size_text,
    words,
)
from imgtools.errors import UsageError
from imgtools.records.image import disk_named
from imgtools.records.progress import Progress
from imgtools.records.request import Backing, Secret

if TYPE_CHECKING:
    from imgtools.workflows.amend import AmendReport
    from imgtools.workflows.bench import BenchReport
    from imgtools.workflows.check import CheckReport
    from imgtools.workflows.compare import CompareReport
    from imgtools.workflows.info import InfoReport
    from imgtools.workflows.map import MapReport
    from imgtools.workflows.measure import MeasureReport
    from imgtools.workflows.recover import RecoverReport
    from imgtools.workflows.wipe import WipeReport

Algorithm = Literal[
    "zero", "random", "nnsa", "dod", "bsi", "gutmann", "schneier", "pfitzner7", "pfitzner33"
]  # of `wipe`


def info(images: Images, *, partitions: bool = True, **options: Unpack[GuestOptions]) -> InfoReport:
    """Tell what an image file is: format, sizes, chain, snapshots, and the partition table on it.

    :raises BadImage: a file is not a disk image, or is damaged.
    :raises UntrustedBacking: one names files that ``backing`` does not allow.
    """
    from imgtools.workflows.info import describe_image

    return describe_image(make_request(images, **options), partitions=partitions)


def check(
    image: HostPath,
    *,
    repair: Literal["", "leaks", "all"] = "",
    write: bool = False,
    output: HostPath | None = None,
    overwrite: bool = False,
    force_share: bool = False,
    progress: Progress | None = None,
    **options: Unpack[ImageOptions],
) -> CheckReport:
    """Check an image's tables, and repair them; ``report.clean`` says whether they are in order.

    :param output: repair a copy there; ``overwrite`` lets it take the place of a file that is there.
    :param force_share: look although another program writes to it; what is found may not be damage.
    :raises UnsupportedFormat: nobody checks this format.
    """
    from imgtools.workflows.check import check as look

    if force_share and repair:
        raise UsageError("force_share only looks; a repair wants the image alone")
    return look(
        make_request(image, force_share=force_share, **options),
        repair=repair,
        write=write,
        output=maybe_path(output),
        overwrite=overwrite,
        progress=progress,
    )


def compare(
    image: HostPath,
    other: HostPath,
    *,
    other_format: str | None = None,
    other_snapshot: str | None = None,
    strict: bool = False,
    progress: Progress | None = None,
    **options: Unpack[StateOptions],
) -> CompareReport:
    """Compare two images as a guest would read them; ``report.identical`` is the answer.

    :param strict: sizes and allocation have to be the same too.
    """
    from imgtools.workflows.compare import compare as look

    request = make_request(image, **options)
    second = disk_named(other, other_format, other_snapshot, remote=request.disks[0].remote)
    return look(request, second, strict=strict, progress=progress)


def measure(
    image: HostPath | None,
    output_format: str = "qcow2",
    *,
    size: Size = "",
    options: Mapping[str, str] | None = None,
    **opening: Unpack[StateOptions],
) -> MeasureReport:
    """Tell how large an image would become in another format. Nothing is written.

    :param image: None: an empty disk of ``size``.
    :raises UnsupportedFormat: QEMU does not write that format.
    """
    from imgtools.workflows.measure import measure as look

    request = None if image is None else make_request(image, **opening)
    return look(request, size_text(size), output_format, words(options))


def map(
    image: HostPath,
    *,
    start: Size = "",
    length: Size = "",
    force_share: bool = False,
    **options: Unpack[ImageOptions],
) -> MapReport:
    """Tell where the bytes of a disk lie: what each stretch is, and which file of the chain holds it.

    All extents are held in memory; a disk in small pieces can have millions, which ``start`` and ``length`` divide.

    :param start: the byte of the disk to begin with.
    :param length: so many bytes; without it, to the end.
    :param force_share: look although another program writes to it.
    :raises UsageError: the numbers make no sense.
    """
    from imgtools.workflows.map import map_disk

    request = make_request(image, force_share=force_share, **options)
    with map_disk(request, start=size_text(start), length=size_text(length)) as found:
        return found.report()


def bench(
    image: HostPath,
    *,
    writes: bool = False,
    count: int = 10_000,
    size: Size = "64K",
    depth: int = 16,
    step: Size = "",
    offset: Size = "",
    cache: Literal["none", "writeback", "unsafe"] = "none",
    aio: Literal["threads", "native", "io_uring"] = "threads",
    **options: Unpack[ImageOptions],
) -> BenchReport:
    """Measure how fast an image is read or, with ``writes``, a scratch image of its format beside it is written.

    :param count: requests.
    :param size: bytes of each.
    :param depth: how many at a time.
    :param step: from the beginning of one to that of the next; without it, ``size``.
    :param offset: where the first begins.
    :raises UsageError: the numbers make no sense for this disk.
    :raises UnsupportedFormat: it is encrypted.
    """
    from imgtools.workflows.bench import BenchRequest
    from imgtools.workflows.bench import bench as measure_speed

    return measure_speed(
        BenchRequest(
            source=make_request(image, **options),
            write=writes,
            count=count,
            size=size_text(size),
            depth=depth,
            step=size_text(step),
            offset=size_text(offset),
            cache=cache,
            aio=aio,
        )
    )


def amend(
    image: HostPath,
    *,
    options: Mapping[str, str] | None = None,
    shrink: bool = False,
    new_key: str | bytes | Secret | None = None,
    old_key: str | bytes | Secret | None = None,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
    **opening: Unpack[ImageOptions],
) -> AmendReport:
    """Change what an image's header says of it, such as its version. Without ``write``, only say what would be.

    :param options: of the format, as qemu-img takes them with ``-o``.
    :param shrink: allow a smaller size; what lies behind it is lost.
    :param new_key: a LUKS passphrase that is added.
    :param old_key: a LUKS passphrase that is taken out.
    :param force: take out the last passphrase too.
    :raises UnsupportedFormat: the format cannot be amended.
    :raises UsageError: the options do not fit.
    :raises WouldLoseData: neither ``shrink`` nor ``force`` says that what would be lost is meant.
    :raises KeyNeeded: no key slot opens with the passphrase.
    """
    from imgtools.workflows.amend import AmendRequest
    from imgtools.workflows.amend import amend as change

    request = AmendRequest(
        source=make_request(image, **opening),
        options=words(options),
        shrink=shrink,
        new_secret=maybe_secret(new_key),
        old_secret=maybe_secret(old_key),
        force=force,
        write=write,
    )
    return change(request, progress)


def wipe(
    image: HostPath,
    *,
    algorithm: Algorithm = "zero",
    delete: bool = False,
    force: bool = False,
    write: bool = False,
    progress: Progress | None = None,
) -> WipeReport:
    """Overwrite all files of an image, not its backing files. Without ``write``, only say what would be.

    :param delete: delete them afterwards.
    :param force: although other images stand on it, or part of its data lies elsewhere.
    :raises WouldLoseData: other images stand on it.
    :raises UntrustedBacking: it keeps its data in files that lie elsewhere.
    :raises ImageInUse: a QEMU program or the host has it.
    :raises NoRoom: its holes do not fit on the host; nothing was written.
    """
    from imgtools.workflows.wipe import wipe as overwrite

    return overwrite(Path(image), algorithm, remove=delete, force=force, write=write, progress=progress)


def recover(
    image: HostPath, *, discard: bool = False, backing: BackingName = Backing.SAME_DIR
) -> RecoverReport:
    """Finish an edit that was cut while it was being committed (:class:`imgtools.errors.UnfinishedEdit`).

    :param discard: take the edit back, if nothing of it was written yet.
    """
    from imgtools.workflows.recover import recover as finish

    return finish(Path(image), discard=discard, backing=one_of(Backing, backing))

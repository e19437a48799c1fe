"""What one can know of a disk image: its format, its chain, its snapshots, and the partition table on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from imgtools.disk.backing import examine, is_in_use
from imgtools.disk.sources.opening import is_folder, opened_request
from imgtools.disk.transaction.marker import refuse_unfinished
from imgtools.errors import BadImage, ImgtoolsError, UnknownBackingFormat
from imgtools.image.handle import open_image
from imgtools.image.key_use import useless_keys
from imgtools.records.disks import Disk
from imgtools.records.image import DiskSource, ImageInfo, Layer
from imgtools.records.request import Backing, Engine, ImageRequest
from imgtools.records.snapshots import Snapshot
from imgtools.records.system import Warned

MANY = 1000  # internal snapshots: QEMU 7.2 takes 0.2 ms for each, three times


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """Where a disk is that is no image file by itself."""

    kind: str  # what it was taken out of: "OVA", "tar"
    size: int  # bytes of the image in there
    offset: int  # where it begins in what holds it
    how: str  # how it is read, in a sentence
    facts: Mapping[str, str]  # what its server says of it: etag, modified, server


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """One disk image."""

    host_path: Path | str  # as the user knows it, where it is no file by itself
    format: str
    virtual_size: int
    actual_size: int
    encryption: str
    dirty: bool
    in_use: bool
    chain: tuple[Layer, ...]
    snapshots: tuple[Snapshot, ...]
    details: Mapping[str, str]
    disk: Disk | None  # as the guest sees it; None: nobody looked
    source: SourceFacts | None = None  # what stands between the user's word and the image
    problem: str = ""  # why what it stands on cannot be opened; the chain then has only this file


@dataclass(frozen=True, slots=True)
class InfoReport:
    """All disks that were asked about."""

    image: str
    engine: Engine | None
    disks: tuple[DiskFacts, ...]
    warnings: tuple[Warned, ...] = ()


def describe_image(request: ImageRequest, *, partitions: bool = True) -> InfoReport:
    """Tell what the headers say and, unless ``partitions`` is False, what partition table the disks hold.

    A partition table that cannot be read is a warning: the image's own facts are an answer without it. So is a backing
    file that is missing, damaged or of an unknown format.

    :raises BadImage: a file is not a disk image, or is damaged.
    :raises UntrustedBacking: one names files that the request does not allow.
    :raises UnfinishedEdit: an edit of one was cut, so that it is neither as it was nor as it should be.
    """
    if len(request.disks) == 1 and is_folder(request.disks[0]):
        return _of_folder(request)
    with opened_request(request) as opened:
        report = _describe(opened, partitions=partitions)
    return replace(report, image=request.name)


def _of_folder(request: ImageRequest) -> InfoReport:
    """A folder with the root of a system: there are no disks to tell of."""
    with open_image(request.disks) as image:
        (info,) = image.infos
    how = "as the root of a system: it has files, and no disks, volumes and filesystems"
    facts = DiskFacts(
        host_path=info.source.host_path, format=info.format, virtual_size=0, actual_size=0, encryption="", dirty=False,
        in_use=False, chain=info.chain, snapshots=(), details=MappingProxyType({}), disk=None,
        source=SourceFacts("folder", 0, 0, how, MappingProxyType({})),
    )  # fmt: skip
    return InfoReport(request.name, Engine.DIRECT, (facts,))


def _describe(request: ImageRequest, *, partitions: bool) -> InfoReport:
    warnings: list[Warned] = []
    facts, engines = [], set()
    useless: list[tuple[Warned, ...]] = []
    for source in request.disks:
        info, problem = _look(source, request.backing)
        refuse_unfinished([layer.host_path for layer in info.chain])
        warnings += (*info.source.notes, *info.warnings)
        disk, engine = None, None
        told: tuple[Warned, ...] = ()
        many = len(info.snapshots) > MANY
        if many:
            text = f"QEMU takes long to open {len(info.snapshots)} internal snapshots, so it was not asked"
            warnings.append(Warned(text, source.name))
        if problem:
            warnings.append(Warned(problem))
        if partitions and not problem and not many:
            try:
                disk, engine, told = _partition_table(source, request)
            except ImgtoolsError as error:
                text = f"the partition table was not read: {error.message}"
                warnings.append(Warned(text, source.name))
        engines.add(engine)
        useless.append(told)
        facts.append(_facts(info, disk, problem))
    engine = next((one for one in engines if one is not None), None)
    warnings += _useless_for_all(useless)
    return InfoReport(request.name, engine, tuple(facts), tuple(warnings))


def _useless_for_all(told: Sequence[tuple[Warned, ...]]) -> Iterator[Warned]:
    """Yield the warnings about keys that fit none of the disks: each was opened alone."""
    for one in told[0] if told else ():
        about = one.text.partition(":")[0]
        if all(any(other.text.partition(":")[0] == about for other in others) for others in told[1:]):
            yield one


def _look(source: DiskSource, policy: Backing) -> tuple[ImageInfo, str]:
    """Read an image's headers, and what keeps its backing file from being opened, if anything does."""
    try:
        quick = examine(source, policy=policy, ask_qemu=False)
        return (quick if len(quick.snapshots) > MANY else examine(source, policy=policy)), ""
    except (BadImage, UnknownBackingFormat) as error:
        # The same error again, if it is the image's own.
        alone = examine(source, policy=policy, alone=True)
        return alone, f"{error.message} ({error.hint})" if error.hint else error.message


def _partition_table(
    source: DiskSource, request: ImageRequest
) -> tuple[Disk | None, Engine, tuple[Warned, ...]]:
    """Return what divides the disk, who read it, and which keys fit nothing of it."""
    with open_image([source], keys=request.keys, engine=request.engine, backing=request.backing) as image:
        disks = image.layout().disks
        useless = tuple(useless_keys(image.infos, request.keys, image.layout()))
        return (disks[0] if disks else None), image.served_by, useless


def _source(source: DiskSource) -> SourceFacts | None:
    inside = source.inside
    if inside is None:
        return None
    facts = MappingProxyType(dict(inside.facts))
    return SourceFacts(inside.kind, inside.size, inside.offset, inside.how, facts)


def _facts(info: ImageInfo, disk: Disk | None, problem: str) -> DiskFacts:
    return DiskFacts(
        host_path=info.source.shown_path,
        format=info.format,
        virtual_size=info.virtual_size,
        actual_size=info.actual_size,
        encryption=info.encryption,
        dirty=info.dirty,
        in_use=info.chain[0].has_file and is_in_use(info.chain[0].host_path),
        chain=info.chain,
        snapshots=info.snapshots,
        details=MappingProxyType(dict(info.details)),
        disk=disk,
        source=_source(info.source),
        problem=problem,
    )

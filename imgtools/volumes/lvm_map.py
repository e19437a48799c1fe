"""Where the logical volumes of one group lie: every kind of segment that is read without the kernel's device-mapper.

Source: LVM2, lib/*/*.c (what each segment type writes into the text) and lib/activate (which table the kernel gets of
it); drivers/md/dm-*.c for what the kernel makes of the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from imgtools.records.disks import Declined
from imgtools.volumes.computed_disk import computed
from imgtools.volumes.lvm_text import BadText, Section
from imgtools.volumes.stripes import BadGeometry, Mirrored, Striped
from imgtools.volumes.volume_file import DiskFile

SECTOR = 512
DEEPEST = 12  # volumes in volumes; a thin volume on RAID on md has four
NO_WORD_OF_IT = frozenset({"thin-pool", "cache-pool"})  # kinds that hold nothing for people
THROUGH = frozenset({"writethrough", "passthrough"})  # modes of a cache in which the origin is never behind


class Mapper:
    """The logical volumes of one group as files.

    :param pvs: by the name that the text has for it: the file of a physical volume from its first extent on, or why
        there is none.
    """

    def __init__(
        self,
        group: str,
        extent_size: int,
        lvs: Mapping[str, Section],
        pvs: Mapping[str, DiskFile | Declined],
    ) -> None:
        self._group = group
        self._extent = extent_size
        self._lvs = lvs
        self._pvs = pvs
        self._made: dict[str, DiskFile | Declined] = {}
        self._asking: list[str] = []
        self._snapshots = dict(_snapshots(lvs))

    def volume(self, name: str) -> DiskFile | Declined:
        """Return a logical volume as people see it: also a snapshot, or an origin that one is being merged into.

        :raises BadText: the text does not say what a volume needs.
        """
        if name not in self._snapshots:
            return self._own(name)
        origin, store, chunk = self._snapshots[name]
        parts = [self._own(origin), self._own(store)]
        declined = next((part for part in parts if isinstance(part, Declined)), None)
        if declined is not None:
            return self._said(name, declined)
        files = [part for part in parts if isinstance(part, DiskFile)]
        from imgtools.volumes.snapshot_store import BadStore, open_snapshot  # late: most have none

        try:
            return computed(files, partial(open_snapshot, chunk=chunk), self._device(name))
        except BadStore as error:
            return Declined(self._device(name), f"the snapshot's store: {error}")

    def _own(self, name: str) -> DiskFile | Declined:
        """What the segments of a volume say, whatever it is to others."""
        if name not in self._made:
            if name in self._asking or len(self._asking) > DEEPEST:
                raise BadText(f"{name} lies in itself, or too deep in others")
            self._asking.append(name)
            try:
                self._made[name] = self._put(name)
            finally:
                self._asking.pop()
        return self._made[name]

    def _put(self, name: str) -> DiskFile | Declined:
        parts: list[DiskFile] = []
        expected = 0
        for segment in segments_of(self._lvs[name]):
            if segment.number("start_extent") != expected:
                raise BadText(f"the segments of {name} do not follow one another")
            expected += segment.number("extent_count")
            try:
                part = self._segment(name, segment)
            except BadGeometry as error:
                part = Declined(self._device(name), str(error))
            except BadText as error:  # one volume that makes no sense is no reason to lose the others
                part = Declined(self._device(name), f"LVM metadata: {error}")
            if isinstance(part, Declined):
                return self._said(name, part)
            parts.append(part)
        return DiskFile([extent for part in parts for extent in part.extents], self._device(name))

    def _segment(self, name: str, segment: Section) -> DiskFile | Declined:
        kind, size = kind_of_segment(segment), segment.number("extent_count") * self._extent
        if kind in ("linear", "striped"):
            return self._striped(name, segment, size)
        if (
            kind == "mirror"
        ):  # the first is what others are filled from, and what is read where they may differ
            image = self._area(name, segment.words("mirrors")[:2], size)
            return image if isinstance(image, Declined) else _mirror(image, self._device(name))
        if kind == "thin":
            return self._thin(name, segment, size)
        if kind == "cache":
            return self._cached(name, segment)
        from imgtools.volumes.lvm_raid import KINDS  # late: most volumes are linear

        if kind in KINDS:
            return self._raid(name, segment, kind, size)
        return Declined(self._device(name), f"a logical volume of kind {kind}")

    # -- linear, striped -----------------------------------------------------------------------------------

    def _striped(self, name: str, segment: Section, size: int) -> DiskFile | Declined:
        stripes = segment.words("stripes")
        count = len(stripes) // 2
        if not count or len(stripes) % 2 or size % count:
            raise BadText(f"a segment of {name} does not say where it lies")
        areas = [self._area(name, stripes[at : at + 2], size // count) for at in range(0, 2 * count, 2)]
        declined = next((area for area in areas if isinstance(area, Declined)), None)
        if declined is not None:
            return declined
        files = [area for area in areas if isinstance(area, DiskFile)]
        if count == 1:
            return files[0]
        rule = partial(Striped, [size // count] * count, segment.number("stripe_size") * SECTOR)
        return self._whole(computed(files, lambda _sources: rule(), self._device(name)), name, size)

    def _area(self, name: str, words: Sequence[str | int | float], size: int) -> DiskFile | Declined:
        """A stretch of a physical volume or of another logical one."""
        if len(words) != 2 or not isinstance(words[1], int) or words[1] < 0:
            raise BadText(f"a segment of {name} does not say where it lies")
        where, start = str(words[0]), words[1] * self._extent
        if where not in self._pvs and where not in self._lvs:
            return Declined(self._device(name), f"it lies on {where}, which is no physical volume")
        file = self._pvs[where] if where in self._pvs else self._own(where)
        if isinstance(file, Declined):
            return file
        if start + size > file.size:
            return Declined(self._device(name), f"it reaches beyond the end of {file.name}")
        return file.part(start, size, self._device(name))

    def _whole(self, file: DiskFile, name: str, size: int) -> DiskFile | Declined:
        if file.size < size:
            return Declined(self._device(name), f"it has {size} bytes, and what it lies on only {file.size}")
        return file.part(0, size, self._device(name)) if file.size > size else file

    # -- RAID ----------------------------------------------------------------------------------------------

    def _raid(self, name: str, segment: Section, kind: str, size: int) -> DiskFile | Declined:
        """A volume of dm-raid: its images, and what their superblocks say of them."""
        from imgtools.volumes import lvm_raid

        if reshaped := [word for word in lvm_raid.RESHAPE_WORDS if word in segment.values]:
            return Declined(self._device(name), f"it was reshaped, or is being so ({reshaped[0]})")
        images = list(lvm_raid.image_names(segment, kind))
        if not images:
            raise BadText(f"a segment of {name} does not say what it is made of")
        parts = [
            (self._own(meta) if meta else None, self._own(image)) if image in self._lvs else None
            for meta, image in images
        ]
        if None in parts or any(meta and meta not in self._lvs for meta, _ in images):
            raise BadText(f"a segment of {name} is made of volumes that are not there")
        file = lvm_raid.put_together(
            kind, segment, [part for part in parts if part is not None], self._device(name)
        )
        return file if isinstance(file, Declined) else self._whole(file, name, size)

    # -- thin, cache ---------------------------------------------------------------------------------------

    def _thin(self, name: str, segment: Section, size: int) -> DiskFile | Declined:
        pool = self._lvs.get(segment.text("thin_pool"))
        pooled = segments_of(pool) if pool is not None else []
        if len(pooled) != 1 or kind_of_segment(pooled[0]) != "thin-pool":
            raise BadText(f"{name} has no thin pool")
        if any(section.startswith("message") for section in pooled[0].sections):
            return Declined(self._device(name), "its pool has changes that LVM has not told the kernel yet")
        names = [pooled[0].text("pool"), pooled[0].text("metadata")]
        if "external_origin" in segment.values:
            names.append(segment.text("external_origin"))
        if lost := [one for one in names if one not in self._lvs]:
            raise BadText(f"{name} lies on {lost[0]}, which is not there")
        parts = [self._own(one) for one in names]
        declined = next((part for part in parts if isinstance(part, Declined)), None)
        if declined is not None:
            return declined
        from imgtools.volumes.thin_pool import BadPool, open_thin

        rule = partial(
            open_thin,
            device_id=segment.number("device_id"),
            transaction=pooled[0].number("transaction_id"),
            block_size=pooled[0].number("chunk_size") * SECTOR,
            size=size,
        )
        try:
            return computed([part for part in parts if isinstance(part, DiskFile)], rule, self._device(name))
        except BadPool as error:
            return Declined(self._device(name), str(error))

    def _cached(self, name: str, segment: Section) -> DiskFile | Declined:
        pool = self._lvs.get(segment.text("cache_pool"))
        pooled = segments_of(pool) if pool is not None else []
        said = [one.values.get("cache_mode") for one in (segment, *pooled)]
        mode = next((str(one) for one in said if one), "unknown")
        if mode not in THROUGH:
            return Declined(self._device(name), f"a logical volume of kind cache, in mode {mode}")
        origin = segment.text("origin")
        if origin not in self._lvs:
            raise BadText(f"{name} has no origin")
        file = self._own(origin)
        return file if isinstance(file, Declined) else _mirror(file, self._device(name))

    # -- words ---------------------------------------------------------------------------------------------

    def _device(self, name: str) -> str:
        return f"/dev/{self._group}/{name}"

    def _said(self, name: str, declined: Declined) -> Declined:
        """Why a volume is not read, of that volume."""
        return Declined(self._device(name), declined.reason, declined.damaged, declined.hint)


def _mirror(file: DiskFile, device: str) -> DiskFile:
    """A volume of which there is more than this: what is written has to be written elsewhere too."""
    return computed([file], lambda sources: Mirrored(sources[0].size, 0), device)


def _snapshots(lvs: Mapping[str, Section]) -> list[tuple[str, tuple[str, str, int]]]:
    """What is seen as something else: snapshots, and origins that are being rolled back, with origin and store."""
    found = []
    for lv in lvs.values():
        for segment in segments_of(lv):
            if segment.values.get("type") != "snapshot":
                continue
            origin, merging = segment.text("origin"), "merging_store" in segment.values
            store = segment.text("merging_store" if merging else "cow_store")
            if origin not in lvs or store not in lvs:
                raise BadText(f"a snapshot of {origin} has no origin or no store")
            seen = origin if merging else store
            found.append((seen, (origin, store, segment.number("chunk_size") * SECTOR)))
    return found


def segments_of(lv: Section) -> list[Section]:
    """The segments of a logical volume in their order."""
    found = [section for name, section in lv.sections.items() if name.startswith("segment")]
    return sorted(found, key=lambda segment: segment.number("start_extent"))


def kind_of_segment(segment: Section) -> str:
    """What lvs calls its type; a striped segment over one stripe is linear."""
    kind = segment.text("type").split("+")[0]
    return "linear" if kind == "striped" and len(segment.words("stripes")) == 2 else kind


def missing_pv(uuid: str, group: str) -> str:
    """What is said where a physical volume is not among the disks."""
    return f"the physical volume {uuid} of the volume group {group} is missing"

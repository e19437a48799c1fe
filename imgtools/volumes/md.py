"""Arrays of Linux' software RAID put together from their members: read as the kernel would read them.

What the kernel does with arrays that are not whole and clean, and what is done here, is written down in
docs/decisions/md-arrays.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

from imgtools.records.disks import MORE_DISKS, Declined
from imgtools.volumes.computed_disk import Mapping, computed
from imgtools.volumes.md_superblock import LEVELS, MOST_ROLES, Member, read_md_member, survives
from imgtools.volumes.names import device_order
from imgtools.volumes.stripes import BadGeometry, Copies, Linear, Mirrored, Parity, Striped
from imgtools.volumes.volume_file import DiskFile

FIRST_NUMBER = 127  # mdadm counts down from it for arrays of another host (find_free_devnum)
LAST_NUMBER = (1 << 20) - 1  # and goes on from here below 0


class MemberDisk(NamedTuple):
    """A volume that is a member of an array."""

    device: str
    file: DiskFile
    said: Member


class Array(NamedTuple):
    """An array: what it is put together of, in the order of the disks, and its bytes, or why they are not read here."""

    parents: tuple[str, ...]
    content: DiskFile | Declined


def title_of(name: str, uuid: str) -> str:
    """``the array host:data (UUID 1234abcd:...)``; an array of version 0.90 has no name."""
    digits = ":".join(uuid[start : start + 8] for start in range(0, 32, 8))
    return f"the array {name} (UUID {digits})" if name else f"the array with the UUID {digits}"


def array_device(count: int) -> str:
    """The device of the nth array, counted from 0, as mdadm numbers those of another host: /dev/md127, md126 ..."""
    number = FIRST_NUMBER - count
    return f"/dev/md{number if number >= 0 else LAST_NUMBER + 1 + number}"


def by_first_member(groups: Iterable[Sequence[MemberDisk]]) -> list[Sequence[MemberDisk]]:
    """Arrays in the order of their first members, which is the order of their numbers.

    mdadm numbers them as it meets their members in a folder, which is another order each time.
    """
    return sorted(groups, key=lambda members: min(device_order(member.device) for member in members))


def read_member_disk(file: DiskFile, device: str) -> MemberDisk | None:
    """Read the superblock of a member; None if there is none.

    :raises BadImage: the volume cannot be read.
    """
    said = read_md_member(file)
    return MemberDisk(device, file, said) if said is not None else None


def group_members(members: Iterable[MemberDisk]) -> dict[str, list[MemberDisk]]:
    """Put the members of each array together, by its UUID."""
    found: dict[str, list[MemberDisk]] = {}
    for member in members:
        if not member.said.damaged:
            found.setdefault(member.said.uuid, []).append(member)
    return found


def is_whole(members: Sequence[MemberDisk]) -> bool:
    """Whether all members of an array are there and up to date."""
    sources, wanted = _sources(members), max(members, key=lambda one: one.said.events).said.wanted
    return len({member.said.role for member in sources}) == wanted


def put_together(members: Sequence[MemberDisk], name: str) -> Array:
    """Put an array together of its members.

    :param members: at least one, all with the same UUID.
    :param name: the device that it becomes.
    """
    newest = max((member.said for member in members), key=lambda said: said.events)
    sources = _sources(members)
    try:
        content = _content(newest, sources, members, name)
    except BadGeometry as error:
        content = Declined(name, f"{title_of(newest.name, newest.uuid)}: {error}")
    return Array(tuple(member.device for member in sources), content)


def _sources(members: Sequence[MemberDisk]) -> list[MemberDisk]:
    """The members that take part: those that are up to date.

    As the kernel has it (super_1_validate): one event behind is not behind, and what the newest calls faulty is.
    """
    newest = max((member.said for member in members), key=lambda said: said.events)
    return [
        member
        for member in members
        if 0 <= member.said.role < newest.wanted
        and member.said.events + 1 >= newest.events
        and (
            not newest.roles
            or newest.roles[member.said.number : member.said.number + 1] == (member.said.role,)
        )
    ]


def _content(
    newest: Member, sources: Sequence[MemberDisk], members: Sequence[MemberDisk], name: str
) -> DiskFile | Declined:
    title = title_of(newest.name, newest.uuid)
    places = {member.said.role: member for member in sources}
    problem = next((member.said.problem for member in members if member.said.problem), "")
    if newest.level not in LEVELS:
        problem = f"level {newest.level} is not read here"
    elif not problem and not _agree(newest, sources):
        problem = "its members do not agree on how it is made"
    elif not problem and len(places) < len(sources):
        twice = [member.device for member in sources if places[member.said.role] is not member]
        problem = (
            f"{places[_role(sources, twice[0])].device} and {twice[0]} say that they are the same member"
        )
    if problem:
        return Declined(name, f"{title}: {problem}")
    if not 1 <= newest.wanted <= MOST_ROLES:
        raise BadGeometry(f"{newest.wanted} members")
    missing = [place for place in range(newest.wanted) if place not in places]
    if missing and (newest.level not in (1, 10) or not places):
        return _incomplete(newest, missing, members, name)
    return _put(newest, places, name)


def _role(members: Iterable[MemberDisk], device: str) -> int:
    return next(member.said.role for member in members if member.device == device)


def _incomplete(newest: Member, missing: Sequence[int], members: Sequence[MemberDisk], name: str) -> Declined:
    """Why an array is not read without some of its members; one that the kernel would start is the other engine's."""
    there = newest.wanted - len(missing)
    behind = [member.device for member in members if member.said.role in missing]
    which = ", ".join(str(place) for place in missing[:4]) + (" ..." if len(missing) > 4 else "")
    kind = "linear" if newest.level == -1 else f"RAID{newest.level}"
    text = f"{title_of(newest.name, newest.uuid)}, {kind}, has {there} of its {newest.wanted} members; "
    text += f"member {which} is missing" if len(missing) == 1 else f"members {which} are missing"
    if behind:
        text += f" ({', '.join(behind)}: behind the others)"
    if survives(newest.level, newest.wanted, there):
        return Declined(name, text, hint=MORE_DISKS)
    called = newest.name.rpartition(":")[2] or newest.uuid
    return Declined(f"/dev/md/{called}", text, damaged=True, hint=MORE_DISKS)


def _agree(newest: Member, sources: Iterable[MemberDisk]) -> bool:
    def shape(said: Member) -> tuple[object, ...]:
        used = said.used if said.level > 0 else 0
        return (said.level, said.wanted, said.layout, said.chunk, used, said.version == "0.90")

    return all(shape(member.said) == shape(newest) for member in sources)


def _put(newest: Member, places: dict[int, MemberDisk], name: str) -> DiskFile | Declined:
    if newest.level == 10:  # a place whose member is not there is never asked for
        files = [
            _data(places[place], newest) if place in places else DiskFile((), name)
            for place in range(newest.wanted)
        ]
    else:
        files = [_data(places[place], newest) for place in sorted(places)]
    rule = _rule(newest, places, [file.size for file in files])
    file = computed(files, lambda _sources: rule(), name)
    if not file.size:
        raise BadGeometry("it has no room for anything")
    return file


def _data(member: MemberDisk, newest: Member) -> DiskFile:
    said = member.said
    size = newest.used if newest.level > 0 else said.room
    if size > said.room or not size:
        raise BadGeometry(f"{size} bytes of each member are used, and {member.device} has {said.room}")
    return member.file.part(said.start, size, member.device)


def _rule(newest: Member, places: dict[int, MemberDisk], sizes: Sequence[int]) -> Callable[[], Mapping]:
    level, chunk, used = newest.level, newest.chunk, newest.used
    if level == -1:
        return partial(Linear, [size - size % chunk if chunk else size for size in sizes])
    if level == 0:
        return partial(_RaidZero, sizes, chunk, newest.layout)
    if level == 1:
        # Resync or not, the kernel reads the first where mirrors may differ (read_balance of raid1.c).
        return partial(Mirrored, used, 0)
    if level == 10:
        return partial(
            Copies, [place in places for place in range(newest.wanted)], chunk, newest.layout, used
        )
    return partial(Parity, level, newest.wanted, chunk, newest.layout, used)


class _RaidZero(Striped):
    """RAID0 whose size the kernel masks by the chunk, also where it is no power of two (raid0_size)."""

    def __init__(self, sizes: Sequence[int], chunk: int, layout: int) -> None:
        super().__init__(sizes, chunk, layout)
        sectors = chunk // 512
        self.size = sum((size // chunk * sectors & ~(sectors - 1)) * 512 for size in sizes)

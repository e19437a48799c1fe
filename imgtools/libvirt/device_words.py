"""Names of a guest's disks in a user's words, where the guest and we may mean different disks by them."""

from __future__ import annotations

from collections.abc import Iterable

from imgtools.errors import UsageError
from imgtools.records.domain import Domain
from imgtools.volumes.names import disk_device, disk_index, split_disk


def refuse_unclear(domain: Domain, words: Iterable[str]) -> None:
    """Make sure that no device in ``words`` is one disk to the guest's definition and another one here.

    Here disks are counted; a guest with a gap, or with several buses, has targets that are not.

    :raises UsageError: one is.
    """
    for word in words:
        disk, _ = split_disk(word if word.startswith("/dev/") else f"/dev/{word}")
        index, target = disk_index(disk) if disk else None, disk.removeprefix("/dev/")
        if index is None or domain.targets[index : index + 1] == (target,):
            continue
        if target in domain.targets:
            own = disk_device(domain.targets.index(target))
            raise UsageError(
                f"{disk} of {domain.name} is not the disk that is called so here", hint=f"it is {own} here"
            )
        if not target.startswith("sd") and any(one[:2] == target[:2] for one in domain.targets):
            raise UsageError(
                f"{domain.name} has no disk {target}", hint=f"it has: {', '.join(domain.targets)}"
            )

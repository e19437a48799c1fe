"""Set, delete and merge registry keys and values: of a Windows guest in one transaction, or of one hive of the host."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.change.change import (
    Change,
    RegistryApplyLog,
    RegistryChange,
    RegistryRemoveKey,
    RegistryRemoveValue,
    RegistrySet,
    WriteFile,
)
from imgtools.change.compose import compose, is_private
from imgtools.change.describe import describe
from imgtools.change.fit_to_filesystem import fitted
from imgtools.change.reg_file import read_reg
from imgtools.change.registry import MAX_HIVE
from imgtools.disk.new_file import replace_file
from imgtools.errors import EditConflict, EditFailed, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.windows.registry import Registry
from imgtools.guest.windows.registry_merge import for_user, merged, require_parent
from imgtools.records.disks import Mount
from imgtools.records.progress import Progress
from imgtools.records.request import Engine, ImageRequest, Target
from imgtools.records.system import Warned
from imgtools.workflows.registry import one_value, open_one, registry_of
from imgtools.workflows.writing import PlanReport, carry_out, open_for

BACKUP = ".bak"


@dataclass(frozen=True, slots=True)
class How:
    """How a registry is changed: what all of its commands take.

    ``hive``: the file is no image, but a registry hive. ``user``: whom HKEY_CURRENT_USER means. ``apply_log``: write
    into a hive that was not closed what its transaction logs hold, in place of refusing it. ``backup``: the old hive
    stays beside it, with the ending .bak. ``create_parents``: a key that is missing above is made.
    """

    hive: bool = False
    user: str = ""
    apply_log: bool = False
    backup: bool = False
    create_parents: bool = True


def set_value(
    request: ImageRequest,
    target: Target,
    key: str,
    wanted: Callable[[str], RegistrySet],
    *,
    value: str = "",
    how: How,
    progress: Progress | None = None,
) -> PlanReport:
    """Set one value of a key, which is made if it is missing.

    :param wanted: makes the change, when it is told the type that the value has now, "" if it is not there; its hive
        and key are filled in.
    :raises NoSuchRegistryKey: the key above is not there, and is not to be made.
    :raises UsageError: what is set does not fit its type.
    """

    def changes(registry: Registry) -> Iterator[RegistryChange]:
        place = registry.place(for_user(key, how.user))
        if not how.create_parents:
            require_parent(registry, place)
        found = registry.hive(place.path).key(place.key)
        old = found.value(value) if found is not None else None
        change = wanted(old.type_name if old else "")
        yield RegistrySet(
            place.path, place.key, value, change.type, change.text, change.texts, change.number, change.data,
            change.private,
        )  # fmt: skip

    return _edit(request, target, (key,), changes, how, progress)


def delete(
    request: ImageRequest,
    target: Target,
    key: str,
    value: str | None = None,
    *,
    recursive: bool = False,
    how: How,
    progress: Progress | None = None,
) -> PlanReport:
    """Delete a value of a key, "" being the default one, or without a name the key.

    :raises NoSuchRegistryKey: the key or the value is not there; the hint names what is.
    :raises EditFailed: the key has subkeys, and they are not to go too.
    """

    def changes(registry: Registry) -> Iterator[RegistryChange]:
        place, found = registry.require(for_user(key, how.user))
        if value is not None:
            yield RegistryRemoveValue(place.path, place.key, one_value(place, found, value).name)
            return
        if not place.key:
            raise UsageError(f"{place.name} is the root of a hive, which stays")
        if found.subkey_count and not recursive:
            raise EditFailed(
                f"{place.name} has keys below it: {found.subkey_count}", hint="--recursive deletes them too"
            )
        yield RegistryRemoveKey(place.path, place.key)

    return _edit(request, target, (key,), changes, how, progress)


def merge(
    request: ImageRequest,
    target: Target,
    files: Sequence[tuple[str, bytes]],
    *,
    how: How,
    progress: Progress | None = None,
) -> PlanReport:
    """Do what .reg files say, in their order: of two orders for one value the later counts.

    :param files: their names, for messages, and contents.
    :raises UsageError: a line does not parse.
    """
    orders = [order for name, content in files for order in read_reg(content, name)]

    def changes(registry: Registry) -> Iterator[RegistryChange]:
        yield from merged(registry, orders, user=how.user, create_parents=how.create_parents)

    return _edit(request, target, [order.key for order in orders], changes, how, progress)


# -- a guest, or a hive -------------------------------------------------------------------------------------------

Making = Callable[[Registry], Iterator[RegistryChange]]


def _edit(
    request: ImageRequest,
    target: Target,
    names: Sequence[str],
    changes: Making,
    how: How,
    progress: Progress | None,
) -> PlanReport:
    if how.hive:
        return _edit_bare(request, target, changes, how)
    with open_for(request, target) as image, registry_of(image, request, *names) as opened:
        guest = opened.guest
        assert guest is not None, "of an image, not of a bare hive"
        made = _with_log_and_backup(changes(opened.registry), guest.files, how, guest.mounts)
        return carry_out(image, made, guest, target, progress=progress)


def _with_log_and_backup(
    changes: Iterator[RegistryChange], files: GuestReader, how: How, mounts: tuple[Mount, ...] = ()
) -> list[Change]:
    """Return the changes of hives with what goes before: old hives kept, and logs applied."""
    made = list(changes)
    paths = list(dict.fromkeys(change.path for change in made))
    before: list[Change] = [RegistryApplyLog(path) for path in paths] if how.apply_log else []
    if how.backup:
        kept = fitted([_kept(path, files) for path in paths], mounts)
        before = [*(one for one in kept if not isinstance(one, Warned)), *before]
    return [*before, *made]


def _kept(path: str, files: GuestReader) -> WriteFile:
    copy = path + BACKUP
    if files.lstat(copy) is not None:
        raise EditFailed(f"{copy} is there already", hint="an earlier backup: move it away first")
    stat = files.stat(path)
    content = files.read_bytes(path, limit=MAX_HIVE)
    return WriteFile(
        copy, content, stat.mode, stat.uid, stat.gid, private=is_private(path), what="the hive as it is now"
    )


def _edit_bare(request: ImageRequest, target: Target, changes: Making, how: How) -> PlanReport:
    """Change a hive of the host; it is replaced at once, or a new file is written."""
    if target.output is not None and (target.output.format or target.output.compress):
        raise UsageError("-O and --compress are about images; a registry hive has no format")
    with open_one(request, hive=True) as opened:
        files = opened.registry.files
        plain = compose(_with_log_and_backup(changes(opened.registry), files, how), files)
        shown = tuple(one for change in plain for one in describe(change, files).shown)
        output = ""
        if not target.is_dry_run:
            output = str(target.output.host_path) if target.output else ""
            _write_bare(request.host_path, [one for one in plain if isinstance(one, WriteFile)], target)
        return PlanReport(
            image=request.name,
            engine=Engine.DIRECT,
            written=not target.is_dry_run,
            changed=bool(plain),
            changes=shown,
            output=output,
            warnings=opened.warnings(),
        )


def _write_bare(host_path: Path, files: Sequence[WriteFile], target: Target) -> None:
    """Write the files of a plan: the hive in its place or to ``--output``, the backup beside what is replaced."""
    if target.output is not None and not any(one.hive_edits for one in files):
        new = not target.output.overwrite
        replace_file(target.output.host_path, host_path.read_bytes(), like=host_path, new=new)
    for one in files:
        place = host_path.parent / one.path.strip("/")
        is_hive = bool(one.hive_edits)
        if is_hive and hashlib.sha256(place.read_bytes()).hexdigest() != one.before:
            raise EditConflict(f"{place} has changed since the plan was made", hint="run it again")
        if is_hive and target.output is not None:
            replace_file(target.output.host_path, one.content, like=place, new=not target.output.overwrite)
        elif target.output is None:
            replace_file(place, one.content, like=host_path, new=not is_hive)

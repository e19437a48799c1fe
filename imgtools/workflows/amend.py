"""Change what an image's header says of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from imgtools.disk.formats import check_options, parse_options, require_ability
from imgtools.disk.image_file import Disk, Node, amend_image, open_disk
from imgtools.disk.table_edit import change_and_check, rehearse
from imgtools.errors import EngineFailed, KeyNeeded, UnsupportedFormat, UsageError, WouldLoseData
from imgtools.records.progress import Progress
from imgtools.records.request import ImageRequest, Secret
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size


@dataclass(frozen=True, slots=True)
class AmendRequest:
    """What is to be changed. Secrets are of LUKS key slots."""

    source: ImageRequest
    options: Sequence[str] = ()
    shrink: bool = False
    new_secret: Secret | None = field(default=None, repr=False)
    old_secret: Secret | None = field(default=None, repr=False)  # to be taken out
    force: bool = False  # a downgrade that loses features; the last key slot
    write: bool = False


@dataclass(frozen=True, slots=True)
class AmendReport:
    """What was amended, or would be."""

    image: str
    format: str
    written: bool
    changed: bool  # whether there is, or was, anything to do
    changes: tuple[DiskStep, ...]
    changed_bytes: int  # of the file
    warnings: tuple[Warned, ...] = ()


def amend(request: AmendRequest, progress: Progress | None = None) -> AmendReport:
    """Plan changes of an image's header, or make them, all or nothing. The plan is tried and thrown away.

    :raises UnsupportedFormat: the format cannot be amended.
    :raises UsageError: the options do not fit.
    :raises WouldLoseData: the size would become smaller, or the last passphrase would go, and nothing says that
        this is meant.
    :raises KeyNeeded: no key slot opens with the passphrase.
    """
    disk = open_disk(request.source, to_write=True, alone=True)
    format = disk.info.format
    require_ability(format, "amendments", disk.name)
    options = parse_options(request.options)
    _refuse_links(options)
    options = tuple(_sized(disk, name, value, request.shrink) for name, value in options)
    options += _key_slots(disk, request)
    if not options:
        raise UsageError("nothing to amend", hint="-o NAME=VALUE, --new-key or --old-key")
    check_options(format, options, amend=True)
    secrets = _secrets(request)
    shown = [(name, value) for name, value in options if not name.endswith("secret")]
    path = disk.name
    steps = tuple(DiskStep("set-option", _sentence(disk, *one), path, one[0]) for one in shown)

    def change(node: Node) -> None:
        amend_image(node, options, secrets=secrets, force=request.force, progress=progress)

    taken_out = any(name.endswith("state") and value == "inactive" for name, value in options)
    with _explaining():
        if request.write:
            changed = change_and_check(disk, change, takes_key=taken_out)
        else:
            rehearse(disk, change)
            changed = 0
    return AmendReport(path, format, request.write, bool(steps), steps, changed, disk.warnings)


def _refuse_links(options: Sequence[tuple[str, str]]) -> None:
    for name, _ in options:
        if name in ("backing_file", "backing_fmt"):
            raise UsageError(
                "amend does not change the backing file", hint="imgtools rebase does, and checks it"
            )
        if name.startswith("data_file"):
            raise UsageError("amend does not change the data file", hint="use qemu-img amend if you must")


def _sized(disk: Disk, name: str, value: str, shrink: bool) -> tuple[str, str]:
    """Return an option with sizes as numbers.

    :raises WouldLoseData: it makes the disk smaller.
    """
    if name != "size":
        return name, value
    size = parse_size(value)
    if size % 512:
        raise UsageError(f"not a multiple of 512: size={value}")
    if disk.top.extents:
        raise UnsupportedFormat(
            f"{disk.name} keeps its data in {disk.top.extents[0].name}, whose size would change at once",
            hint="imgtools convert makes an image in one file",
        )
    if size < disk.info.virtual_size and not shrink:
        raise WouldLoseData(
            f"{size} bytes are less than the disk has ({disk.info.virtual_size}): what lies behind would be lost",
            hint="shrink filesystems and partitions first (imgtools resize does it all); --shrink if you mean it",
        )
    return name, str(size)


def _key_slots(disk: Disk, request: AmendRequest) -> tuple[tuple[str, str], ...]:
    """Return the options that add a secret or take one out."""
    if request.new_secret is None and request.old_secret is None:
        return ()
    if request.new_secret is not None and request.old_secret is not None:
        raise UsageError("one at a time: first add the new secret, then take the old one out")
    if disk.info.encryption != "luks":
        raise UsageError(f"{disk.name} is not encrypted with LUKS")
    if not request.source.keys:
        raise KeyNeeded("changing key slots needs a key of the image", hint="--key image:file:PATH")
    start = "" if disk.info.format == "luks" else "encrypt."
    if request.new_secret is not None:
        return ((f"{start}state", "active"), (f"{start}new-secret", "new"))
    return ((f"{start}state", "inactive"), (f"{start}old-secret", "old"))


@contextmanager
def _explaining() -> Iterator[None]:
    """Say in our words what QEMU says of key slots (qcrypto_block_luks_amend in crypto/block-luks.c)."""
    try:
        yield
    except EngineFailed as error:
        if re.search(r"No keyslots match|doesn't contain the given old password", error.message):
            raise KeyNeeded("no key slot of the image has the passphrase that is to be taken out") from None
        if slot := re.search(r"overwrite active keyslot (\d+)", error.message):
            raise UsageError(
                f"key slot {slot[1]} is taken", hint="leave keyslot away, and a free one is found"
            ) from None
        if "erase all the data" in error.message:
            raise WouldLoseData(
                "it is the last passphrase: without it nobody reads the image again",
                hint="first add another with --new-key; --force if the data is to be lost",
            ) from None
        raise


def _secrets(request: AmendRequest) -> tuple[tuple[str, Secret], ...]:
    named = (("new", request.new_secret), ("old", request.old_secret))
    return tuple((name, secret) for name, secret in named if secret is not None)


def _sentence(disk: Disk, name: str, value: str) -> str:
    if name == "size":
        return f"make the disk {value} bytes large (now {disk.info.virtual_size})"
    if name.rpartition(".")[2] == "state":
        return "add a passphrase" if value == "active" else "take a passphrase out"
    now = dict(disk.info.details).get(
        {"refcount_bits": "refcount-bits", "lazy_refcounts": "lazy-refcounts"}.get(name, name)
    )
    return f"set {name} to {value}" + (f" (now {now})" if now else "")

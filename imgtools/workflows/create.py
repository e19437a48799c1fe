"""Create a disk image: empty, on top of another, encrypted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.disk.backing_name import find_named
from imgtools.disk.formats import check_options, format_by_name, parse_options, require_ability
from imgtools.disk.image_file import Measured, create_image, files_of, measure_size
from imgtools.disk.new_file import (
    Draft,
    allocate_files,
    draft_files,
    new_file,
    refuse_own_files,
    require_room,
)
from imgtools.errors import HostError, ImgtoolsError, UsageError, WouldLoseData
from imgtools.records.image import DiskSource, ImageInfo
from imgtools.records.request import Backing, Secret
from imgtools.records.steps import DiskStep
from imgtools.records.system import Warned
from imgtools.units import parse_size

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class CreateRequest:
    """What is to be created."""

    target: Path
    size: str = ""  # as people write it; "": that of the backing file
    format: str | None = None
    backing: Path | None = None
    backing_format: str | None = None
    options: Sequence[str] = ()
    preallocation: str = ""
    secret: Secret | None = field(default=None, repr=False)
    policy: Backing = Backing.SAME_DIR  # for the backing file's own chain
    shrink: bool = False
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class CreateReport:
    """The image that was created."""

    image: str
    format: str
    virtual_size: int
    actual_size: int
    backing: str  # as it is recorded; "": none
    backing_format: str
    encryption: str
    files: tuple[str, ...]
    warnings: tuple[Warned, ...] = ()
    written: bool = True  # a new file is made at once
    changed: bool = True
    changes: tuple[DiskStep, ...] = ()


def create(request: CreateRequest, progress: Progress | None = None) -> CreateReport:
    """Create an image and look at it as any other program would.

    :raises UsageError: size, format or options do not fit together.
    :raises UnsupportedFormat: the format cannot do what is asked.
    :raises TargetExists: the file is there already.
    :raises NoRoom: a preallocated image does not fit.
    :raises BadImage: the backing file is missing, damaged or of another format.
    """
    named: tuple[Warned, ...] = ()
    if request.backing is not None:
        found, named = find_named(request.backing, request.target)
        request = replace(request, backing=found)
    format = format_by_name(request.target, request.format)
    require_ability(format, "create")
    options = image_options(format, request.options, request.preallocation, request.secret)
    backing = _backing(request, format)
    size = _size(request, backing)
    recorded = (recorded_name(request.target, backing), backing.format) if backing else None
    target = Path(os.path.realpath(request.target))
    if request.preallocation in ("falloc", "full") and target.parent.is_dir():
        require_room(target.parent, _measure(format, size, options).fully_allocated, f"creating {target}")
    with new_file(target, overwrite=request.overwrite) as draft, _in_reach(draft, recorded):
        create_image(
            draft.host_path,
            format,
            size,
            options,
            backing=recorded,
            backing_files=files_of(backing.chain) if backing else (),
            secret=request.secret,
            progress=progress,
        )
        if request.preallocation in ("falloc", "full"):
            allocate_files(draft)  # what some formats call fixed is full of holes
        files = sorted(path.name for path in draft_files(draft))
    report = _report(request, target, format, recorded, files, backing)
    return replace(report, warnings=(*named, *report.warnings))


@contextmanager
def _in_reach(draft: Draft, recorded: tuple[str, str] | None) -> Iterator[None]:
    """Let a relative backing file be found from where the image is made: for a vmdk QEMU reads its content id."""
    first = Path(recorded[0]).parts[0] if recorded else "/"
    if first == "/":
        yield
        return
    link = draft.host_path.parent / first
    link.symlink_to(draft.target.parent / first)
    try:
        yield
    finally:
        link.unlink()


def image_options(
    format: str, texts: Sequence[str], preallocation: str, secret: Secret | None
) -> tuple[tuple[str, str], ...]:
    """Return the options of a new image, all of them known to the format.

    :raises UsageError: one is not, or is said twice.
    :raises UnsupportedFormat: the format has no encryption or no preallocation.
    """
    options = list(parse_options(texts))
    names = [name for name, _ in options]
    if {"backing_file", "backing_fmt", "size"} & set(names):
        raise UsageError(
            "size and backing file are not given with -o",
            hint="use SIZE, --backing-file and --backing-format",
        )
    if "data_file" in names:
        raise UsageError(
            "an external data file cannot be created here",
            hint="QEMU looks for it in whatever folder it runs in; use qemu-img if you must",
        )
    if preallocation:
        require_ability(format, "preallocation")
        options.append(_preallocation(format, preallocation))
    if format == "vpc" and "force_size" not in names:
        options.append(("force_size", "on"))  # else the disk grows to the next size that has a geometry
    if secret is not None:
        require_ability(format, "encryption")
        options += encryption_options(format)
    elif format == "luks" or any(name.startswith("encrypt.") for name, _ in options):
        raise UsageError("an encrypted image needs a secret", hint="--new-key file:PATH, env:NAME or ask")
    check_options(format, options)
    twice = {name for name, _ in options if [one for one, _ in options].count(name) > 1}
    if twice:
        raise UsageError(f"said twice: {', '.join(sorted(twice))}")
    return tuple(options)


def encryption_options(format: str) -> tuple[tuple[str, str], ...]:
    """Return the options that make a new image encrypted with the secret ``new``."""
    if format == "luks":
        return (("key-secret", "new"),)
    return (("encrypt.format", "luks"), ("encrypt.key-secret", "new"))


def _preallocation(format: str, mode: str) -> tuple[str, str]:
    """Say a preallocation in the format's own words."""
    if format in ("vmdk", "vpc", "vhdx"):
        if mode not in ("full", "falloc"):
            raise UsageError(f"the format {format} preallocates all or nothing", hint="--preallocation full")
        return ("subformat", "monolithicFlat" if format == "vmdk" else "fixed")
    if format == "vdi" and mode != "off":
        return ("static", "on")  # its word for all blocks; allocate_files gives them their room
    return ("preallocation", mode)


def _backing(request: CreateRequest, format: str) -> ImageInfo | None:
    """Look at the backing file and everything below it.

    :raises UsageError: its format is not given.
    """
    if request.backing is None:
        if request.backing_format:
            raise UsageError("--backing-format without --backing-file")
        return None
    require_ability(format, "backing files")
    if request.backing_format is None:
        looks = examine(DiskSource(request.backing), policy=request.policy).format
        raise UsageError(
            "--backing-file needs --backing-format: guessing it later would let a guest choose",
            hint=f"it looks like {looks}: --backing-format {looks}",
        )
    if os.path.realpath(request.backing) == os.path.realpath(request.target):
        raise UsageError("an image cannot be its own backing file")
    info = examine(DiskSource(request.backing, request.backing_format), policy=request.policy)
    refuse_own_files([info], request.target)
    if format == "vmdk" and info.format != "vmdk":
        raise UsageError("a vmdk takes only a vmdk as its backing file", hint="create a qcow2 instead")
    return info


def recorded_name(target: Path, backing: ImageInfo) -> str:
    """Return how the name of a backing file is written into an image.

    Relative to the image where the backing file is in its folder or below, so that both can be moved together; else
    absolute. QEMU takes ``a:b`` for a protocol, and ``./a:b`` for a file.
    """
    folder = Path(os.path.realpath(target.parent))
    real = Path(os.path.realpath(backing.source.host_path))
    if not real.is_relative_to(folder):
        return os.fspath(real)
    name = os.fspath(real.relative_to(folder))
    return f"./{name}" if ":" in name.partition("/")[0] else name


def _size(request: CreateRequest, backing: ImageInfo | None) -> int:
    if not request.size:
        if backing is None:
            raise UsageError("how large? give SIZE, or a backing file", hint="imgtools create disk.qcow2 20G")
        return backing.virtual_size
    size = parse_size(request.size)
    if backing is not None and size < backing.virtual_size and not request.shrink:
        raise WouldLoseData(
            f"{size} bytes are less than the backing file's {backing.virtual_size}: the end of it could not be read",
            hint="leave SIZE away to take the backing file's; --shrink if you mean it",
        )
    if size >= 1 << 62:
        raise UsageError(f"{request.size} is more than any disk")
    return size


def _measure(format: str, size: int, options: Sequence[tuple[str, str]]) -> Measured:
    if format not in ("raw", "qcow2", "luks"):
        return Measured(size, size)
    kept = [pair for pair in options if "secret" not in pair[0] and not pair[0].startswith("encrypt")]
    return measure_size(size, format if format != "luks" else "raw", kept if format == "qcow2" else [])


def _looks_like(backing: ImageInfo) -> str:
    """The format by the file's own bytes; raw, if they make no sense as anything else."""
    try:
        return examine(DiskSource(backing.source.host_path), policy=Backing.ANY).format
    except ImgtoolsError:
        return "raw"


def _report(
    request: CreateRequest,
    target: Path,
    format: str,
    recorded: tuple[str, str] | None,
    files: Sequence[str],
    backing: ImageInfo | None,
) -> CreateReport:
    warnings: list[Warned] = []
    if recorded and Path(recorded[0]).is_absolute():
        text = (
            f"the backing file is outside the image's folder; to open it, say --backing-policy {Backing.ANY}"
        )
        warnings.append(Warned(text, recorded[0]))
    if backing is not None and backing.format == "raw" and (looks := _looks_like(backing)) != "raw":
        text = (
            f"the backing file looks like {looks}; as raw, the guest sees its header and not the disk in it"
        )
        warnings.append(Warned(text, str(request.backing)))
    made = examine(DiskSource(target, format), policy=Backing.ANY)
    if backing is None and request.size and made.virtual_size != parse_size(request.size):
        warnings.append(Warned(f"{format} made it {made.virtual_size} bytes, not {parse_size(request.size)}"))
    if made.virtual_size == 0:
        raise HostError(f"{target} has no size")
    words = f"make {request.target} ({format}) of {made.virtual_size} bytes"
    step = DiskStep("make-image", words, str(request.target), format, size=made.virtual_size)
    return CreateReport(
        image=str(request.target),
        format=format,
        virtual_size=made.virtual_size,
        actual_size=made.actual_size,
        backing=recorded[0] if recorded else "",
        backing_format=recorded[1] if recorded else "",
        encryption=made.encryption,
        files=tuple(str(target.parent / name) for name in files),
        warnings=tuple(warnings),
        changes=(step,),
    )

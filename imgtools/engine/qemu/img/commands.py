"""The commands of qemu-img, one function each. Images are nodes; targets are absolute paths."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from imgtools.engine.confined.fence import Judged
from imgtools.engine.process import UNTRUSTED, Completed, Fence, Kind, ToolFailed, run
from imgtools.engine.qemu.img.running import images_fence, named, read_json, reason, work
from imgtools.engine.qemu.nodes import Node, join_options, metadata_node, secret_objects
from imgtools.errors import BadImage, EngineFailed, ImgtoolsError
from imgtools.records.image import Layer
from imgtools.records.progress import Progress
from imgtools.records.request import Secret

Options = Sequence[tuple[str, str]]
# One named secret; the options of the command say what it is for.
Secrets = Sequence[tuple[str, Secret]]

# Making a LUKS header, QEMU times the host's processor, and gives up where the clock of the kernel does not move in
# the meantime (qcrypto_pbkdf2_count_iters in crypto/pbkdf.c; kernels that count ticks of 4 ms). Nothing is written yet.
LUKS_BLINK = "Unable to get accurate CPU usage"
LUKS_TRIES = 50

_OPTION = re.compile(r"^  ([\w.\[\]-]+)=<([^>]*)>\s*(?:- )?\s*(.*)$", re.MULTILINE)


def qemu_img(
    command: str,
    words: Sequence[str],
    *,
    reads: Sequence[Node] = (),
    writes: Sequence[Node | Path] = (),
    opens: Sequence[Judged] = (),
    secrets: Secrets = (),
    ok: Sequence[int] = (0,),
    progress: Progress | None = None,
    grows: tuple[Path, int] | None = None,
    cwd: Path | None = None,
    dies_with_us: bool = False,
) -> Completed:
    """Run one qemu-img command that works on whole images.

    :param reads: the nodes that it reads.
    :param writes: those that it writes to, and new files.
    :param opens: files that it opens by the names that a header or another argument tells, judged as well.
    """
    fence = images_fence(reads, writes, opens)
    with secret_objects(secrets) as (objects, descriptors):
        argv = ["qemu-img", command, *objects, *words]
        for tries_left in reversed(range(LUKS_TRIES)):
            try:
                return work(
                    argv,
                    fence,
                    pass_fds=descriptors,
                    ok=ok,
                    progress=progress,
                    grows=grows,
                    cwd=cwd,
                    dies_with_us=dies_with_us,
                    about=_name_of([*writes, *reads]),
                )
            except ToolFailed as error:
                if LUKS_BLINK not in error.message or not tries_left:
                    raise
    raise AssertionError("unreachable")


def _name_of(places: Sequence[Node | Path]) -> str:
    """What an error calls the first of them; empty: it has no name on the host."""
    for place in places:
        for file in place.files if isinstance(place, Node) else (place,):
            return os.fspath(file.path if isinstance(file, Judged) else file)
    return ""


# -- questions --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Facts:
    """What ``qemu-img info`` tells of one layer beyond its header."""

    virtual_size: int
    dirty: bool
    details: tuple[tuple[str, str], ...]


def info(layer: Layer) -> Facts:
    """Ask ``qemu-img info`` about one layer; its backing file is not opened, a writer elsewhere does not matter.

    :raises BadImage: QEMU cannot open it, or crashes on it.
    """
    argv = ["qemu-img", "info", "--output=json", "-U", "--image-opts", (node := metadata_node(layer)).opts]
    try:
        told = read_json(run(argv, _reader(node), limits=UNTRUSTED).stdout)
    except ToolFailed as error:
        raise BadImage(
            f"QEMU cannot open {layer.name} as {layer.format}: {reason(error.done)}",
            hint="the image is damaged, or made to do harm",
        ) from None
    specific = told.get("format-specific", {}).get("data", {})
    details = tuple(_flatten({"cluster-size": told["cluster-size"]} if "cluster-size" in told else {}))
    return Facts(
        virtual_size=int(told["virtual-size"]),
        dirty=bool(told.get("dirty-flag", False)),
        details=(*details, *_flatten(specific)),
    )


def _reader(node: Node) -> Fence:
    """The fence for a question about an image: who talks to a server of ours may do so."""
    return Fence(Kind.IMAGES if node.sockets else Kind.READER, (*node.files, *node.sockets))


def open_once(node: Node) -> None:
    """Open an image for reading, and close it again.

    :raises KeyNeeded: its key does not open it.
    :raises ImgtoolsError: it cannot be opened for another reason.
    """
    words = ["--output=json", "-U", "--max-length=512", "--image-opts", node.opts]
    qemu_img("map", words, reads=[node], secrets=node.secrets)


def _flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:  # Any: JSON
    """Return nested JSON as names with dots: ``encrypt.format``, ``bitmaps.0.name``."""
    if isinstance(value, dict):
        pairs: list[tuple[str, Any]] = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return [(prefix, str(value).lower() if isinstance(value, bool) else str(value))]
    return [row for name, item in pairs for row in _flatten(item, f"{prefix}.{name}" if prefix else name)]


@dataclass(frozen=True, slots=True)
class OptionHelp:
    """One option that a format takes, as ``-o help`` prints it."""

    name: str
    kind: str  # str, size, bool, num ...
    text: str


@cache
def create_options(format: str) -> tuple[OptionHelp, ...]:
    """Return the options of ``qemu-img create -f FORMAT``; none if the format cannot be created."""
    return _options(
        run(["qemu-img", "create", "-f", format, "-o", "help", "x", "1"], Fence(Kind.READER), ok=(0, 1)).text
    )


@cache
def amend_options(format: str) -> tuple[OptionHelp, ...]:
    """Return the options of ``qemu-img amend -f FORMAT``; none if the format cannot be amended."""
    return _options(
        run(["qemu-img", "amend", "-f", format, "-o", "help", "x"], Fence(Kind.READER), ok=(0, 1)).text
    )


def _options(text: str) -> tuple[OptionHelp, ...]:
    return tuple(OptionHelp(*found) for found in _OPTION.findall(text))


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes that an image would need: with the data it has now, and when all of it is written."""

    required: int
    fully_allocated: int
    bitmaps: int = 0


def measure(
    source: Node | int,
    format: str,
    options: Options = (),
    *,
    snapshot: str | None = None,
    secrets: Secrets = (),
) -> Measured:
    """Ask how large a raw, qcow2 or luks file would become, for an image or a size in bytes."""
    words = ["--output=json", "-O", format, *dash_o(options)]
    words += ["-l", snapshot] if snapshot else []
    if isinstance(source, int):
        words += ["--size", str(source)]
    else:
        words += ["--image-opts", source.opts]
        secrets = (*source.secrets, *secrets)
    reads = [source] if isinstance(source, Node) else []
    told = read_json(qemu_img("measure", words, reads=reads, secrets=secrets).stdout)
    return Measured(int(told["required"]), int(told["fully-allocated"]), int(told.get("bitmaps", 0)))


@dataclass(frozen=True, slots=True)
class Checked:
    """What ``qemu-img check`` found; the numbers after a repair are those that are left."""

    corruptions: int = 0
    leaks: int = 0
    errors: int = 0  # what could not be checked
    corruptions_fixed: int = 0
    leaks_fixed: int = 0
    end: int = 0  # where the last cluster in use ends, in bytes
    total_clusters: int = 0
    allocated_clusters: int = 0
    fragmented_clusters: int = 0
    compressed_clusters: int = 0
    complaints: tuple[str, ...] = ()  # what it says of each, the last ones


LOG_WAITS = b"contains a log that needs to be replayed"  # vhdx_parse_log in block/vhdx-log.c
CHECK_CORRUPT, CHECK_LEAKS, CHECK_UNSUPPORTED = 2, 3, 63


def check(node: Node, repair: str | None = None) -> Checked | None:
    """Check an image's tables, and repair ``leaks`` or ``all``; None if the format has no check."""
    words = ["--output=json", *(["-r", repair] if repair else []), "--image-opts", node.opts]
    done = qemu_img(
        "check",
        words,
        reads=[node],
        writes=[node] if repair else [],
        secrets=node.secrets,
        ok=(0, 1, CHECK_CORRUPT, CHECK_LEAKS, CHECK_UNSUPPORTED),
    )
    if done.code == CHECK_UNSUPPORTED:
        return None
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    if not done.stdout.strip() and LOG_WAITS in done.stderr:
        return Checked(errors=1, complaints=("a log waits to be replayed: nothing else was checked",))
    if not done.stdout.strip():
        # It gave up half-way: on a vmdk that is cut, or after repairing what kept it from checking.
        error = named(done)
        if not isinstance(error, ToolFailed) or "Check failed" not in done.complaint:
            raise error
        return Checked(errors=1, complaints=tuple(lines))
    told = read_json(done.stdout)
    return Checked(
        corruptions=int(told.get("corruptions", 0)),
        leaks=int(told.get("leaks", 0)),
        errors=int(told.get("check-errors", 0)),
        corruptions_fixed=int(told.get("corruptions-fixed", 0)),
        leaks_fixed=int(told.get("leaks-fixed", 0)),
        end=int(told.get("image-end-offset", 0)),
        total_clusters=int(told.get("total-clusters", 0)),
        allocated_clusters=int(told.get("allocated-clusters", 0)),
        fragmented_clusters=int(told.get("fragmented-clusters", 0)),
        compressed_clusters=int(told.get("compressed-clusters", 0)),
        complaints=tuple(line for line in lines if line.strip() and "warning: Use of" not in line),
    )


@dataclass(frozen=True, slots=True)
class Compared:
    """Whether two images hold the same; ``offset`` is the first byte that differs, if one does."""

    identical: bool
    offset: int | None = None
    reason: str = ""


def compare(first: Node, second: Node, *, strict: bool = False, progress: Progress | None = None) -> Compared:
    """Compare the contents of two images; ``strict`` also their sizes and what is allocated."""
    words = ["-p", *(["-s"] if strict else []), "--image-opts", first.opts, second.opts]
    secrets = (*first.secrets, *second.secrets)
    done = qemu_img("compare", words, reads=[first, second], secrets=secrets, ok=(0, 1), progress=progress)
    text = done.text.rpartition("%)")[2].strip()
    if done.code == 0:
        return Compared(True)
    offset = re.search(r"at offset (\d+)", text)
    return Compared(False, int(offset[1]) if offset else None, text.rstrip("!"))


@dataclass(frozen=True, slots=True)
class Timing:
    """How long ``count`` requests took together."""

    count: int
    seconds: float


def bench(
    node: Node,
    *,
    count: int,
    size: int,
    depth: int,
    step: int,
    offset: int,
    write: bool,
    cache: str,
    aio: str,
) -> Timing:
    """Send requests of one size to an image and take the time."""
    words = ["-c", str(count), "-s", str(size), "-d", str(depth), "-S", str(step), "-o", str(offset)]
    words += ["-t", cache, "-i", aio, *(["-w"] if write else []), "--image-opts", node.opts]
    done = qemu_img("bench", words, reads=[node], writes=[node] if write else [], secrets=node.secrets)
    found = re.search(r"Run completed in ([\d.]+) seconds", done.text)
    if found is None:
        raise EngineFailed("qemu-img bench told no time")
    return Timing(count, float(found[1]))


# -- new files --------------------------------------------------------------------------------------------


def create(
    target: Path,
    format: str,
    size: int,
    *,
    options: Options = (),
    backing: tuple[str, str] | None = None,
    backing_files: Sequence[Judged] = (),
    secrets: Secrets = (),
    progress: Progress | None = None,
) -> None:
    """Create an image of ``size`` bytes.

    :param backing: the backing file's name as it is recorded, and its format; it is opened for a vmdk only.
    :param backing_files: all files that it consists of.
    """
    words = ["-q", "-f", format, *dash_o(options)]
    if backing:
        words += ["-u", "-b", backing[0], "-F", backing[1]]
    words += [os.fspath(target), str(size)]
    grows = (target, size)
    qemu_img(
        "create",
        words,
        writes=[target],
        opens=backing_files,
        secrets=secrets,
        cwd=target.parent,
        progress=progress,
        grows=grows,
        dies_with_us=True,
    )


@dataclass(frozen=True, slots=True)
class Conversion:
    """How to convert. The defaults are what measured best on local disks; docs/benchmarks.md has the figures."""

    format: str
    options: Options = ()
    secrets: Secrets = ()
    compressed: bool = False
    jobs: int = 8  # requests in flight (-m); at most 16
    sparse: int | None = None  # bytes of zeros that become a hole; 0: none; None: 4096
    snapshot: str | None = None
    backing: tuple[str, str] | None = None
    backing_files: tuple[Judged, ...] = ()  # all that the backing file consists of
    bitmaps: bool = False
    skip_broken_bitmaps: bool = False
    salvage: bool = False
    rate: int = 0  # bytes a second; 0: as fast as it goes
    cache: str = "unsafe"  # the caller flushes once, at the end
    source_cache: str = "writeback"


def convert(
    source: Node, target: Path | Node, how: Conversion, *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Copy what ``source`` holds to a new file, or over an image that is there (a node).

    :returns: what qemu-img complained of without failing (``salvage``).
    """
    words = ["-p", "-t", how.cache, "-T", how.source_cache, "-m", str(how.jobs), "--image-opts"]
    words += ["-c"] if how.compressed else []
    # Elsewhere clusters are allocated in the order in which they are written, and the file would be scrambled.
    words += ["-W"] if how.format == "raw" else []
    words += ["-S", str(how.sparse)] if how.sparse is not None else []
    words += ["-l", how.snapshot] if how.snapshot else []
    words += ["--bitmaps"] if how.bitmaps else []
    words += ["--skip-broken-bitmaps"] if how.skip_broken_bitmaps else []
    words += ["--salvage"] if how.salvage else []
    words += ["-r", str(how.rate)] if how.rate else []
    secrets = (*source.secrets, *how.secrets)
    if isinstance(target, Node):
        words += ["-n", "--target-image-opts", source.opts, target.opts]
        secrets = (*secrets, *target.secrets)
        cwd = None
    else:
        words += ["-O", how.format, *dash_o(how.options)]
        words += ["-B", how.backing[0], "-F", how.backing[1]] if how.backing else []
        words += [source.opts, os.fspath(target)]
        cwd = target.parent
    done = qemu_img(
        "convert",
        words,
        reads=[source],
        writes=[target],
        opens=how.backing_files,
        secrets=secrets,
        progress=progress,
        cwd=cwd,
        dies_with_us=cwd is not None,
    )
    lines = done.stderr.decode("utf-8", "replace").splitlines()
    return tuple(line.removeprefix("qemu-img: ") for line in lines if line and "Use of" not in line)


def dash_o(options: Options) -> list[str]:
    """Return options as an argument of qemu-img."""
    return ["-o", join_options(options)] if options else []


def sentence(error: ImgtoolsError) -> str:
    """What qemu-img said, for a message that tells more of the circumstances."""
    return error.message.removeprefix("qemu-img: ")

"""What the kernel of the appliance lists of raw images, many in one boot."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from imgtools.disk.backing import examine
from imgtools.engine.appliance.launch import Appliance, Drive, launch_appliance
from imgtools.engine.qemu.block import serve_disk
from imgtools.errors import ApplianceFailed, EngineTimeout
from imgtools.records.image import DiskSource

AT_ONCE = 24  # disks of one boot
# Packed, because the output may hold no NUL, and is 4 MB at most. No name holds the bytes 1 and 2 in these images.
SCRIPT = r"""
mkdir -p /sysroot/k
mount -o ro {device} /sysroot/k 2>&1 || {{ echo refused; exit 0; }}
cd /sysroot/k
pack() {{ gzip | base64 -w0; echo; }}
find . -mindepth 1 -xdev -printf '%y %m %U %G %s %n %T@ %P\002%l\001' 2>/tmp/said | pack
find . -mindepth 1 -xdev -type f -print0 2>/dev/null | sort -z | xargs -0r sha256sum -z 2>>/tmp/said | pack
head -c 2000 /tmp/said
cd /; umount /sysroot/k
"""


@dataclass(frozen=True, slots=True)
class KernelFile:
    """One file as find and sha256sum see it."""

    kind: str
    mode: int
    uid: int
    gid: int
    size: int
    links: int
    mtime: int  # seconds
    target: str
    checksum: str


@dataclass(frozen=True, slots=True)
class KernelAnswer:
    """What the kernel says of one image: why it does not mount it, or its files, and what it could not read."""

    refused: str
    files: dict[str, KernelFile]
    said: str


def ask_kernel(images: Sequence[Path]) -> Iterator[tuple[Path, KernelAnswer | None]]:
    """Yield each image with the kernel's answer; None if the appliance did not survive it."""
    todo = list(images)
    while todo:
        batch, todo = todo[:AT_ONCE], todo[AT_ONCE:]
        done = 0
        try:
            with ExitStack() as stack:
                drives = [
                    Drive(socket=stack.enter_context(serve_disk(examine(DiskSource(image, "raw")))).socket)
                    for image in batch
                ]
                appliance = launch_appliance(drives)
                stack.callback(appliance.close)
                names = _devices(appliance)
                for number, image in enumerate(batch):
                    answer = _ask(appliance, names[number])
                    done = number + 1
                    yield image, answer
        except (ApplianceFailed, EngineTimeout):
            if done < len(batch):
                yield batch[done], None
                done += 1
            todo = batch[done:] + todo


def _devices(appliance: Appliance) -> dict[int, str]:
    """The kernel's names by SCSI target: it does not always count in their order."""
    said = appliance.shell(
        "for i in /sys/block/sd*; do echo $(basename $(readlink -f $i/device)) /dev/${i##*/}; done"
    )
    found = (line.split() for line in said.decode().splitlines())
    return {int(place.split(":")[2]): name for place, name in found}


def _ask(appliance: Appliance, device: str) -> KernelAnswer:
    said = appliance.shell(SCRIPT.format(device=device), seconds=300).decode("utf-8", "replace")
    if said.rstrip().endswith("refused"):
        return KernelAnswer(said.strip().removesuffix("refused").strip(), {}, "")
    listed, sums, rest = f"{said}\n\n".split("\n", 2)  # ends of lines at the end do not come through
    checksums: dict[str, str] = {}
    for one in _unpacked(sums).split("\0")[:-1]:
        checksums[one[66:].removeprefix("./")] = one[:64]
    files: dict[str, KernelFile] = {}
    for record in _unpacked(listed).split("\x01")[:-1]:
        facts, _, target = record.partition("\x02")
        kind, mode, uid, gid, size, links, mtime, name = facts.split(" ", 7)
        files[name] = KernelFile(
            kind, int(mode, 8), int(uid), int(gid), int(size), int(links),
            int(mtime.partition(".")[0]), target, checksums.get(name, ""),
        )  # fmt: skip
    return KernelAnswer("", files, rest.strip())


def _unpacked(text: str) -> str:
    return gzip.decompress(base64.b64decode(text)).decode("utf-8", "surrogateescape")

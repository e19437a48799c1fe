"""Small disk images of every format, made with qemu-img, and what they hold."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from imgtools.engine.process import require

MIB = 1 << 20
# Formats that QEMU reads and writes, with what makes the disk exactly as large as it is told.
FORMATS = ("raw", "qcow2", "vmdk", "vdi", "vpc", "vhdx", "qed", "qcow", "parallels")
EXACT = {"vpc": ("-o", "force_size=on")}
SUFFIX = {"vpc": "vhd", "parallels": "hdd"}


# QEMU gives up making a LUKS header where the kernel's clock is too coarse at that moment (crypto/pbkdf.c).
NO_CLOCK = "Unable to get accurate CPU usage"


def qemu_img(*words: str | Path) -> str:
    """Run qemu-img and return what it prints."""
    for _ in range(20):
        done = subprocess.run(["qemu-img", *map(str, words)], check=False, capture_output=True, text=True)
        if NO_CLOCK not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    return done.stdout


def luks_image(path: Path, key: bytes, size: int) -> Path:
    """Make an empty LUKS1 image whose key costs little to try."""
    payload = 4096 * 512  # cryptsetup's default place of the data
    with path.open("wb") as stream:
        stream.truncate(payload + size)
    subprocess.run(
        [
            require("cryptsetup"), "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000",
            "--align-payload", "4096", "--key-file", "-", path,
        ],
        input=key, check=True,
    )  # fmt: skip
    return path


def put_upon(top: Path, base: Path, format: str) -> None:
    """Record a backing file beside it in a qcow2 image whose key is ``sesame``."""
    node = f"driver=qcow2,encrypt.key-secret=s,file.filename={top}"
    secret = ("--object", "secret,id=s,data=sesame")
    qemu_img("rebase", "-u", *secret, "-b", base.name, "-F", format, "--image-opts", node)


def random_bytes(size: int, seed: int = 1) -> bytes:
    """Bytes that no format can compress, the same every time."""
    return random.Random(seed).randbytes(size)


def sparse_content() -> bytes:
    """8 MiB of a disk: data, a hole, data, a hole."""
    return random_bytes(MIB, 1) + bytes(3 * MIB) + random_bytes(MIB, 2) + bytes(3 * MIB)


def image_of(content: bytes, path: Path, format: str = "raw", options: Sequence[str] = ()) -> Path:
    """Write an image of some format that holds ``content``."""
    if format == "raw" and not options:
        path.write_bytes(content)
        return path
    plain = path.with_name(path.name + ".plain")
    plain.write_bytes(content)
    qemu_img("convert", "-f", "raw", "-O", format, *EXACT.get(format, ()), *options, plain, path)
    plain.unlink()
    return path


def content_of(path: Path, format: str | None = None) -> bytes:
    """Return what a disk image holds, its chain followed."""
    plain = path.with_name(path.name + ".plain")
    qemu_img("convert", *(["-f", format] if format else []), "-O", "raw", path, plain)
    content = plain.read_bytes()
    plain.unlink()
    return content


def patch_image(path: Path, offset: int, content: bytes) -> None:
    """Write into a qcow2 image, as a guest would."""
    plain = path.with_name(path.name + ".patch")
    plain.write_bytes(content)
    command = f"write -s {plain} {offset} {len(content)}"
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", command, str(path)], check=True, capture_output=True)
    plain.unlink()


@dataclass(frozen=True, slots=True)
class Chain:
    """base <- middle <- top, each with 1 MiB of its own, and what the guest reads."""

    base: Path
    middle: Path
    top: Path
    content: bytes

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """The image first, its base last."""
        return self.top, self.middle, self.base


def make_chain(folder: Path, base_format: str = "qcow2") -> Chain:
    """Make a chain of three in a folder; their names are relative."""
    base, middle, top = (folder / f"{name}.qcow2" for name in ("base", "middle", "top"))
    content = bytearray(8 * MIB)
    content[: 2 * MIB] = random_bytes(2 * MIB, 3)
    image_of(bytes(content), base, base_format)
    for below, above, at, seed in ((base, middle, 1, 4), (middle, top, 3, 5)):
        format = base_format if below == base else "qcow2"
        qemu_img("create", "-q", "-f", "qcow2", "-b", below.name, "-F", format, above)
        patch_image(above, at * MIB, random_bytes(MIB, seed))
        content[at * MIB : (at + 1) * MIB] = random_bytes(MIB, seed)
    return Chain(base, middle, top, bytes(content))


def damage_counts(path: Path, *, corrupt: bool = False, leak: bool = False) -> None:
    """Damage a qcow2's reference counts: a cluster in use counts 0, one that is not counts 1."""
    with path.open("r+b") as stream:
        stream.seek(48)
        stream.seek(int.from_bytes(stream.read(8), "big"))
        block = int.from_bytes(stream.read(8), "big")
        if corrupt:
            stream.seek(block + 2 * 5)
            stream.write(b"\0\0")
        if leak:
            clusters = path.stat().st_size // 65536
            stream.seek(block + 2 * (clusters + 1))
            stream.write(b"\0\1")
            stream.truncate((clusters + 2) * 65536)

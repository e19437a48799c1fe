"""The images of the benchmark: two fixtures, and two made here that differ in size alone."""

from __future__ import annotations

import subprocess
from pathlib import Path

from fixtures import build

FIXTURES = ("real", "windows")
SIZES = ("1G", "100G")
OS_RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'


def ready(name: str, folder: Path) -> Path:
    """The image of that name: a fixture, or one of the sized disks, made in `folder` at its first use."""
    if name in SIZES:
        image = folder / f"{name}.qcow2"
        return image if image.exists() else _sized_disk(name, folder)
    return build.fixture(name).image if name in FIXTURES else folder


def _sized_disk(size: str, folder: Path) -> Path:
    """A partitioned disk of that virtual size with a small system on ext4; most of it is a hole."""
    tree = folder / "tree"
    (tree / "etc").mkdir(parents=True, exist_ok=True)
    (tree / "etc" / "os-release").write_text(OS_RELEASE)
    (tree / "etc" / "fstab").write_text("/dev/sda1 / ext4 defaults 0 1\n")
    for name in ("bin", "usr", "var/lib/dpkg"):
        (tree / name).mkdir(parents=True, exist_ok=True)
    (tree / "var/lib/dpkg/status").write_text("")
    raw, image = folder / f"{size}.raw", folder / f"{size}.qcow2"
    sectors = int(size[:-1]) * (1 << 21)
    with raw.open("wb") as file:
        file.truncate(sectors * 512)
    _run("sfdisk", "-q", str(raw), stdin="label: dos\nstart=2048, type=83\n")
    blocks = (sectors - 2048) // 8 - 1
    _run(
        "mke2fs", "-q", "-F", "-t", "ext4", "-b", "4096", "-J", "size=16",
        "-E", "offset=1048576,lazy_itable_init=1,lazy_journal_init=1,nodiscard", "-d", str(tree), str(raw), str(blocks),
    )  # fmt: skip
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", str(raw), str(image))
    raw.unlink()
    return image


def warm(image: Path) -> None:
    """Read an image once, so that no run pays for the disk below it."""
    if image.is_file():
        with image.open("rb") as file:
            while file.read(1 << 20):
                pass


def copy(image: Path, target: Path) -> None:
    """A private copy that may be written; holes stay holes."""
    _run("cp", "--reflink=auto", "--sparse=always", str(image), str(target))
    target.chmod(0o644)


def _run(*words: str, stdin: str = "") -> None:
    subprocess.run(words, input=stdin.encode(), check=True, capture_output=True)

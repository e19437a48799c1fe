"""Commands that change an image, each in a folder that is made anew for every run, and what each of them leaves."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.support.command import imgtools
from tests.support.disks import content_of
from tests.support.volumes import make_ext

PLAN = "- {kind: write-file, path: /etc/motd, content: changed}\n- {kind: remove, path: /etc/old}\n"
GUEST = {
    "bin/sh": "",
    "etc/os-release": "ID=debian\nVERSION_ID=12\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "etc/motd": "hello",
    "etc/old": "old",
    "var/log/syslog": "a line\n" * 10_000,
}


class Deed:
    """One command, in a folder of its own that is made anew for every run.

    :param folder: where the command works; it must not be there yet.
    :param beside: a folder for what is looked at.
    :param image: the disk that the command changes, by its name in the folder.
    """

    def __init__(
        self, folder: Path, beside: Path, make: Callable[[Path], Sequence[str | Path]], image: str
    ) -> None:
        self.folder, self._beside, self._make, self.image = folder, beside, make, folder / image
        self.words = self.reset()
        self.before = self.digest()
        self.known = {path.name for path in self.folder.iterdir()}
        imgtools(*self.words)
        self.after = self.state()
        self.made = {path.name for path in self.folder.iterdir()} - self.known

    def reset(self) -> Sequence[str | Path]:
        """Put the folder back to what it was before the command, and return the command's words."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        return self._make(self.folder)

    def digest(self) -> str:
        """What the disk is that the command changes."""
        return sha256_of(self.image)

    def state(self) -> tuple[object, ...]:
        """What the disks hold, but for the times at which one was written; its filesystem has to be sound."""
        content = content_of(self.image)
        flat = self._beside / "flat"
        flat.write_bytes(content)
        subprocess.run(["e2fsck", "-f", "-n", flat], check=True, capture_output=True)
        texts = [
            subprocess.run(["debugfs", "-R", f"cat {path}", flat], check=True, capture_output=True).stdout
            for path in ("/etc/motd", "/etc/machine-id", "/var/log/syslog")
        ]
        names = subprocess.run(["debugfs", "-R", "ls -p /etc", flat], check=True, capture_output=True).stdout
        disks = (path for path in self.folder.iterdir() if path.suffix in (".raw", ".qcow2"))
        others = {path.name: sha256_of(path) for path in disks if path != self.image}
        return len(content), texts, b"/old/" in names, others


def sha256_of(image: Path) -> str:
    """What a disk holds, whatever its format."""
    return hashlib.sha256(content_of(image)).hexdigest()


def edit_raw(folder: Path, blank: Path) -> Sequence[str | Path]:
    shutil.copyfile(blank, folder / "disk.raw")
    (folder / "plan.yaml").write_text(PLAN)
    return ["apply", folder / "disk.raw", folder / "plan.yaml", "--write"]


def edit_qcow2(folder: Path, blank: Path) -> Sequence[str | Path]:
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", blank, folder / "disk.qcow2"], check=True)
    (folder / "plan.yaml").write_text(PLAN)
    return ["apply", folder / "disk.qcow2", folder / "plan.yaml", "--write"]


def grow(folder: Path, blank: Path) -> Sequence[str | Path]:
    shutil.copyfile(blank, folder / "disk.raw")
    return ["resize", folder / "disk.raw", "32M", "--write"]


def convert(folder: Path, blank: Path) -> Sequence[str | Path]:
    shutil.copyfile(blank, folder / "disk.raw")
    return ["convert", folder / "disk.raw", folder / "new.qcow2", "-O", "qcow2", "--sync"]


def commit(folder: Path, blank: Path) -> Sequence[str | Path]:
    shutil.copyfile(blank, folder / "base.raw")
    top = folder / "top.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", top], check=True
    )
    subprocess.run(["qemu-io", "-c", "write -P 7 20M 3M", top], check=True, stdout=subprocess.DEVNULL)
    return ["commit", top, "--write"]


def flatten(folder: Path, blank: Path) -> Sequence[str | Path]:
    _, top, _ = commit(folder, blank)
    return ["chain", "flatten", top, "--write"]


def sysprep(folder: Path, blank: Path) -> Sequence[str | Path]:
    guest = blank.parent / "guest.raw"
    if not guest.exists():
        make_ext(guest, written_tree(blank.parent / "guest", GUEST), "-t", "ext4", size=24 << 20)
    shutil.copyfile(guest, folder / "disk.raw")
    return ["sysprep", folder / "disk.raw", "--enable", "machine-id,logfiles", "--write"]


def written_tree(top: Path, texts: Mapping[str, str]) -> Path:
    for name, text in texts.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    return top


DEEDS = {
    "edit-raw": (edit_raw, "disk.raw"),
    "edit-qcow2": (edit_qcow2, "disk.qcow2"),
    "grow": (grow, "disk.raw"),
    "convert": (convert, "disk.raw"),
    "commit": (commit, "top.qcow2"),
    "flatten": (flatten, "top.qcow2"),
    "sysprep": (sysprep, "disk.raw"),
}

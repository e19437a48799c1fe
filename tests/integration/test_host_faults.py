"""A host whose disk fails: the image is as before, changed as asked, or recoverable, and the error says what failed."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from imgtools.errors import UnfinishedEdit
from tests.support.command import imgtools
from tests.support.disks import content_of
from tests.support.faults import CHANGING, READING, Faulted, run_with_fault
from tests.support.volumes import disk_to_change, make_ext

pytestmark = pytest.mark.timeout(900)

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
# Which call of each kind fails; the numbers go on until nothing is hit.
NUMBERS = (1, 2, 3, 4, 6, 8, 11, 15, 25, 50)
# What must not fail, but may: the last of it is done by somebody else, or nothing is lost with it.
REASONS = ("Input/output error", "I/O error", "cannot read", "could not be read", "error while reading")


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A raw disk of 24 MB with one ext4 filesystem."""
    return disk_to_change(tmp_path_factory.mktemp("blank"))


class Deed:
    """One command, in a folder of its own that is made anew for every run."""

    def __init__(self, folder: Path, make: Callable[[Path], Sequence[str | Path]], image: str) -> None:
        self.folder, self._make, self._name = folder / "work", make, image
        self._strace = folder
        self.words = self.reset()
        self.before = self.digest()
        self.known = {path.name for path in self.folder.iterdir()}
        imgtools(*self.words)
        self.after = self.state()
        self.made = {path.name for path in self.folder.iterdir()} - self.known

    @property
    def image(self) -> Path:
        return self.folder / self._name

    def reset(self) -> Sequence[str | Path]:
        """Put the folder back to what it was before the command, and return the command's words."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        return self._make(self.folder)

    def digest(self) -> str:
        """What the disk is that the command changes."""
        return hashlib.sha256(content_of(self.image)).hexdigest()

    def state(self) -> tuple[object, ...]:
        """What the disk holds, but for the times at which it was written; the filesystem has to be sound."""
        content = content_of(self.image)
        flat = self._strace / "flat"
        flat.write_bytes(content)
        subprocess.run(["e2fsck", "-f", "-n", flat], check=True, capture_output=True)
        texts = [
            subprocess.run(["debugfs", "-R", f"cat {path}", flat], check=True, capture_output=True).stdout
            for path in ("/etc/motd", "/etc/machine-id", "/var/log/syslog")
        ]
        names = subprocess.run(["debugfs", "-R", "ls -p /etc", flat], check=True, capture_output=True).stdout
        return len(content), texts, b"/old/" in names

    def faults(self, call: str, *, reading: bool) -> Iterator[Faulted]:
        """Let each of the calls fail in turn."""
        for number in NUMBERS:
            words = self.reset()
            only = [path for path in self.folder.iterdir() if path.is_file()] if reading else []
            ran = run_with_fault(words, call, number, self._strace, only=only)
            if not ran.hits:
                return
            yield ran

    def require_kept(self, ran: Faulted) -> None:
        """The promise."""
        told = f"{ran.hits}: exit {ran.code}\n{ran.err}"
        assert "a bug" not in ran.err and "Traceback" not in ran.err, told
        marker = self.folder / f"{self._name}.imgtools-unfinished"
        if ran.code:
            said = ran.err.splitlines()[0] if ran.err else ""
            assert any(reason in ran.err for reason in REASONS), told
            assert self._names_a_file(said, ran.hits), told
        if marker.exists():
            assert ran.code and "imgtools recover" in ran.err, told
            imgtools("ls", self.image, "/", code=UnfinishedEdit.exit_code)
            imgtools("recover", self.image)
            assert self.state() == self.after, told
        elif ran.code:
            assert self.digest() == self.before or self.state() == self.after, told
            imgtools("recover", self.image, code=None)
        else:
            assert self.state() == self.after, told
            assert self.made <= {path.name for path in self.folder.iterdir()}, told

    def _names_a_file(self, said: str, hits: Sequence[str]) -> bool:
        if any(path in said for hit in hits for path in re.findall(r"[<\"](/[^>\"]+)", hit)):
            return True
        return any(name in said for name in (*self.known, *self.made, str(self.folder), "/dev/sda"))


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


@pytest.fixture(scope="module", params=DEEDS)
def deed(request: pytest.FixtureRequest, blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Deed:
    make, image = DEEDS[request.param]
    return Deed(tmp_path_factory.mktemp("deed"), lambda folder: make(folder, blank), image)


@pytest.mark.parametrize("call", CHANGING)
def test_what_cannot_be_written_is_kept_or_recovered(deed: Deed, call: str) -> None:
    for ran in deed.faults(call, reading=False):
        deed.require_kept(ran)


@pytest.mark.parametrize("call", READING)
def test_what_cannot_be_read_is_named(deed: Deed, call: str) -> None:
    for ran in deed.faults(call, reading=True):
        deed.require_kept(ran)


def test_json_names_it_too(blank: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk.raw"
    shutil.copyfile(blank, image)
    ran = run_with_fault(["ls", image, "/", "--json"], "pread64", 5, tmp_path, only=[image])
    document = json.loads(ran.out)
    assert ran.code == 10 and not document["ok"] and str(image) in document["error"]["message"]

"""A guest that OSTree deployed: its /etc and /var are changed where they are, the rest is refused in plan and deed."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.errors import UnsupportedGuest
from tests.support.command import imgtools
from tests.support.divided import at, make_disk

CHECKSUM = "a" * 64
DEPLOYED = f"/ostree/deploy/fcos/deploy/{CHECKSUM}.0"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    top = root / DEPLOYED[1:]
    for folder in ("etc", "usr/bin", "usr/lib", "var", "sysroot"):
        (top / folder).mkdir(parents=True)
    (root / "ostree/deploy/fcos/var").mkdir()
    (top / "bin").symlink_to("usr/bin")
    (top / "etc/os-release").write_text("ID=fedora\nVERSION_ID=40\n")
    (top / "etc/hostname").write_text("old\n")
    (top / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    make = ("mke2fs", "-q", "-F", "-t", "ext4", "-d", str(root))
    make_disk(tmp_path / "disk.raw", 18, "dos", [at(1, 1, 16, "83")], {1: make})
    return tmp_path / "disk.raw"


def test_etc_and_var_are_changed_in_their_folders(image: Path) -> None:
    imgtools("customize", image, "--hostname", "web1", "--write")
    imgtools("write", image, "/var/lib/x", "--parents", "--from", __file__, "--write")
    assert imgtools("cat", image, "/etc/hostname").out == "web1\n"
    volume = (image, "-m", "/dev/sda1")
    assert imgtools("cat", *volume, f"{DEPLOYED}/etc/hostname").out == "web1\n"
    assert "x" in imgtools("ls", *volume, "/ostree/deploy/fcos/var/lib").out
    imgtools("ls", *volume, "/etc", code=25)
    imgtools("sysprep", image, "--write")
    imgtools("sysprep", image, "--verify")


@pytest.mark.parametrize("mode", [(), ("--write",)])
@pytest.mark.parametrize(
    "words", [("mkdir", "/srv"), ("touch", "/usr/bin/x"), ("mv", "/etc/hostname", "/usr/x")]
)
def test_what_is_shared_is_refused_in_plan_and_deed(
    words: tuple[str, ...], mode: tuple[str, ...], image: Path
) -> None:
    before = image.read_bytes()
    said = imgtools(words[0], image, *words[1:], *mode, code=UnsupportedGuest.exit_code)
    assert "OSTree" in said.err and "/etc and /var" in said.err
    imgtools("customize", image, "--run-command", "true", *mode, code=UnsupportedGuest.exit_code)
    assert image.read_bytes() == before

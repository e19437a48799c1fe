"""Test guests for tests: `fixture_image("debian")` is a path to a built, read-only image.

Images are shared by all tests and must not be changed: a test that writes takes `copy_image`.
"""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path

from fixtures import build
from fixtures.cache import Fixture


@functools.cache
def fixture(name: str) -> Fixture:
    """The named fixture, built at its first use."""
    return build.fixture(name)


def fixture_image(name: str) -> Path:
    """The first disk of the named fixture."""
    return fixture(name).image


def fixture_disks(name: str) -> tuple[Path, ...]:
    """All disks of the named fixture, in the guest's order."""
    return fixture(name).disks


def copy_image(image: Path, folder: Path) -> Path:
    """A private, writable copy of an image; holes stay holes."""
    target = folder / image.name
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", image, target], check=True)
    target.chmod(0o644)
    return target


def copy_fixture(name: str, folder: Path) -> tuple[Path, ...]:
    """Private, writable copies of all disks of a fixture."""
    return tuple(copy_image(disk, folder) for disk in fixture_disks(name))


def overlay_image(name: str, folder: Path) -> Path:
    """A qcow2 overlay on a private copy of the fixture, both in `folder`."""
    one = fixture(name)
    base = copy_image(one.image, folder)
    target = folder / f"{name}-overlay.qcow2"
    # fmt: off
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base.name, "-F", one.formats[0], target.name],
                   cwd=folder, check=True)
    # fmt: on
    return target

"""Which kernels the appliance could boot, and which one is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.qemu import kernels
from imgtools.engine.qemu.kernels import KernelFact, kernel_to_try


def test_the_kernel_of_supermin_counts_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernel, modules_folder = tmp_path / "vmlinuz", tmp_path / "modules"
    kernel.touch()
    monkeypatch.setenv("SUPERMIN_KERNEL", str(kernel))
    monkeypatch.setenv("SUPERMIN_MODULES", str(modules_folder))
    assert kernels.find_kernels() == (KernelFact(str(kernel), True, False),)
    modules_folder.mkdir()
    assert kernels.find_kernels() == (KernelFact(str(kernel), True, True),)


@pytest.mark.parametrize(
    ("path", "modules_folder"),
    [
        ("/boot/vmlinuz-6.1.0-56-cloud-amd64", "/lib/modules/6.1.0-56-cloud-amd64"),
        ("/lib/modules/6.9.1-fedora/vmlinuz", "/lib/modules/6.9.1-fedora"),
    ],
)
def test_modules_belong_to_a_kernel_by_its_version(path: str, modules_folder: str) -> None:
    assert kernels._modules_of(Path(path)) == Path(modules_folder)


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A host with two kernels and a built appliance; returns the folder that they are in."""
    for name in ("vmlinuz-1", "vmlinuz-2", "fixed/kernel", ".guestfs-7/appliance.d/kernel"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.setattr(kernels.os, "geteuid", lambda: 7)
    monkeypatch.setenv("LIBGUESTFS_CACHEDIR", str(tmp_path))
    monkeypatch.delenv("LIBGUESTFS_PATH", raising=False)
    found(monkeypatch, KernelFact(str(tmp_path / "vmlinuz-1"), True, True))
    return tmp_path


def found(monkeypatch: pytest.MonkeyPatch, *facts: KernelFact) -> None:
    """Have the host these kernels."""
    monkeypatch.setattr(kernels, "find_kernels", lambda: facts)


def test_the_newest_kernel_that_can_be_booted_is_tried(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    old, new = str(places / "vmlinuz-1"), str(places / "vmlinuz-2")
    found(monkeypatch, KernelFact(old, True, True), KernelFact(new, True, True))
    assert kernel_to_try() == Path(new)
    found(monkeypatch, KernelFact(old, True, True), KernelFact(new, True, False))
    assert kernel_to_try() == Path(old)
    found(monkeypatch, KernelFact(old, True, True), KernelFact(new, False, True))
    assert kernel_to_try() == Path(old)


def test_a_fixed_appliance_has_a_kernel_of_its_own(monkeypatch: pytest.MonkeyPatch, places: Path) -> None:
    monkeypatch.setenv("LIBGUESTFS_PATH", str(places / "fixed"))
    assert kernel_to_try() == places / "fixed" / "kernel"
    (places / "fixed" / "kernel").unlink()
    assert kernel_to_try() == places / "vmlinuz-1"


def test_where_no_kernel_can_be_read_it_is_the_copy_of_the_appliance(
    monkeypatch: pytest.MonkeyPatch, places: Path
) -> None:
    found(monkeypatch)
    copy = places / ".guestfs-7" / "appliance.d" / "kernel"
    assert kernel_to_try() == copy
    copy.unlink()
    assert kernel_to_try() is None

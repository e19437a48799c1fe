"""A crash of each C library is a named error of what it worked on, and not the end of imgtools."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import NoReturn

import pytest

from imgtools.engine.augeas_files import ConfigFile
from imgtools.engine.confined import bitlocker
from imgtools.engine.hive import open_hive
from imgtools.errors import BadImage
from imgtools.records.request import Secret
from imgtools.volumes import bitlocker as own_bitlocker
from imgtools.volumes.local_file import LocalDisk
from imgtools.volumes.volume_file import DiskFile
from tests.support.volumes import blank
from tests.unit.engine.test_hive import SAMPLE

pytestmark = pytest.mark.host


def crash(*_: object) -> NoReturn:
    ctypes.string_at(0)
    raise AssertionError("it did not crash")


def test_hivex(monkeypatch: pytest.MonkeyPatch) -> None:
    import hivex

    with monkeypatch.context() as patch:
        patch.setattr(hivex.Hivex, "node_children", crash)
        with (
            open_hive(SAMPLE, "/Windows/SYSTEM") as hive,
            pytest.raises(BadImage, match=r"/Windows/SYSTEM: hivex crashed \(SIGSEGV\)"),
        ):
            hive.root.subkeys()
    with open_hive(SAMPLE, "/Windows/SYSTEM") as hive:
        assert hive.root.subkeys()


def test_libbde(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(own_bitlocker, "open_bitlocker", crash)
    volume = DiskFile.whole(LocalDisk(blank(tmp_path / "a.img", 1 << 20)), "/dev/sda1")
    with pytest.raises(BadImage, match=r"/dev/sda1: libbde crashed \(SIGSEGV\)"):
        bitlocker.open_bitlocker(volume, Secret(b"a key"))


def test_libaugeas(monkeypatch: pytest.MonkeyPatch) -> None:
    import augeas

    with monkeypatch.context() as patch:
        patch.setattr(augeas.Augeas, "text_store", crash)
        with pytest.raises(BadImage, match=r"/etc/hosts: libaugeas crashed \(SIGSEGV\)"):
            ConfigFile("/etc/hosts", b"127.0.0.1 localhost\n")
    assert ConfigFile("/etc/hosts", b"127.0.0.1 localhost\n").get("1/canonical") == "localhost"

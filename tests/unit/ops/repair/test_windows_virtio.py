"""The repair windows-virtio: on a server that knows no virtio disk, and on one that has the drivers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from imgtools.change.change import RegistrySet, Upload
from imgtools.errors import HostError, UnsupportedGuest, UsageError
from imgtools.guest.guest import Guest
from imgtools.guest.windows.registry import open_registry
from imgtools.ops.operation import make_params
from imgtools.records.system import Warned
from tests.support.repairs import SHELF, mended, planned, server
from tests.support.virtio import drivers, write_tree

pytestmark = pytest.mark.host


def server_2016() -> Guest:
    guest = server()
    return replace(guest, os=replace(guest.os, major=10, product_variant="Server", build_id="14393"))


VIOSTOR = r"HKLM\SYSTEM\CurrentControlSet\Services\viostor"


def test_a_server_boots_on_virtio_afterwards(tmp_path: Path) -> None:
    source = str(write_tree(drivers("2k16"), tmp_path))
    changes = planned("windows-virtio", server_2016(), drivers=source)
    assert any(
        isinstance(one, Upload) and one.path == "/Windows/System32/drivers/viostor.sys" for one in changes
    )
    assert any(isinstance(one, RegistrySet) and one.name == "BusType" and one.number == 10 for one in changes)
    _, guest = mended("windows-virtio", server_2016(), drivers=source)
    with open_registry(guest.files, "/Windows") as registry:
        assert registry.number(VIOSTOR, "Start") == 0
        assert registry.number(rf"{VIOSTOR}\Parameters", "BusType") == 1
    assert planned("windows-virtio", guest, drivers=source) == ()


def test_it_says_what_stays(tmp_path: Path) -> None:
    new = str(write_tree(drivers("2k16"), tmp_path / "new"))
    old = str(write_tree(drivers("2k16", date="01/01/2020", number="1.0.0.0"), tmp_path / "old"))
    _, guest = mended("windows-virtio", server_2016(), drivers=new)
    assert planned("windows-virtio", guest, drivers=old) == ()
    params = make_params(SHELF["windows-virtio"], {"drivers": old})
    said = [
        one.text
        for one in SHELF["windows-virtio"].operation.remarks(guest, params)
        if isinstance(one, Warned)
    ]
    assert len(said) == 4 and said[3].startswith("viostor stays: the guest has 100.95.104.26200")


def test_what_makes_no_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the parameter drivers is missing"):
        make_params(SHELF["windows-virtio"], {})
    with pytest.raises(HostError, match="no such file or folder on the host"):
        planned("windows-virtio", server_2016(), drivers=str(tmp_path / "none"))
    other = write_tree(drivers("w7", "x86"), tmp_path)
    with pytest.raises(UnsupportedGuest, match="no virtio driver for Windows Server"):
        planned("windows-virtio", server_2016(), drivers=str(other))

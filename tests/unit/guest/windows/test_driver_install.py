"""What the package's ``Version`` says, held against exports of the registry in which Windows wrote it."""

from __future__ import annotations

import datetime

import pytest

from imgtools.guest.windows.driver_install import version_blob
from imgtools.guest.windows.inf_driver import DriverVersion
from tests.support.virtio import STORAGE

HEAD = "00ff0900 00000000 7be9364d25e3ce11bfc108002be10318"


@pytest.mark.parametrize(
    ("date", "number", "wanted"),
    [
        # viostor 62.71.104.8600, in virt-v2v's notes of 2015; vioscsi 100.85.104.20800, of opsi's tests.
        ("2014-06-04", (62, 71, 104, 8600), f"{HEAD} 004090ed877fcf01 9821 6800 4700 3e00 0000000000000000"),
        (
            "2021-08-30",
            (100, 85, 104, 20800),
            f"{HEAD} 0040c3f9319dd701 4051 6800 5500 6400 0000000000000000",
        ),
    ],
)
def test_the_version_of_a_package(date: str, number: tuple[int, int, int, int], wanted: str) -> None:
    version = DriverVersion(datetime.date.fromisoformat(date), number)
    assert version_blob("amd64", STORAGE, version) == bytes.fromhex(wanted)


@pytest.mark.parametrize(("processor", "number"), [("x86", 0), ("arm64", 12)])
def test_it_names_the_processor(processor: str, number: int) -> None:
    version = DriverVersion(datetime.date(2024, 1, 1), (1, 2, 3, 4))
    assert version_blob(processor, STORAGE, version)[:8] == bytes([0, 0xFF, number, 0, 0, 0, 0, 0])

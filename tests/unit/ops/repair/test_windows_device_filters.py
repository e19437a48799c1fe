"""The repair windows-device-filters: filters of the disk whose driver is gone are taken out, others stay."""

from __future__ import annotations

import pytest

from imgtools.guest.windows.registry import open_registry
from tests.support.hives import Keys
from tests.support.repairs import DISKS, SERVICES, mended, planned, server

NAME = "windows-device-filters"
CLASS = rf"HKLM\SYSTEM\{DISKS}"


def test_a_sound_server_keeps_its_filters() -> None:
    assert planned(NAME, server()) == ()


@pytest.mark.parametrize(
    "service",
    [
        {},
        {rf"{SERVICES}\badflt": {"Start": 4, "Type": 1, "ImagePath": r"System32\drivers\partmgr.sys"}},
        {rf"{SERVICES}\badflt": {"Start": 0, "Type": 1}},
    ],
    ids=["not registered", "disabled", "no file"],
)
def test_a_filter_that_cannot_start_goes(service: Keys) -> None:
    system: Keys = {DISKS: {"UpperFilters": ["partmgr", "badflt"], "LowerFilters": ["badflt"]}, **service}
    _, after = mended(NAME, server(system=system))
    with open_registry(after.files, "/Windows") as registry:
        _, key = registry.require(CLASS)
        upper = key.value("UpperFilters")
        assert upper is not None
        assert upper.texts == ("partmgr",)
        assert key.value("LowerFilters") is None

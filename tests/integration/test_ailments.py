"""Each guest that is broken in one way: a diagnosis names the cause first, and what mends it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.ailments import Ailment, ailments
from imgtools.ops.operation import load_shelf
from imgtools.ops.station import causes, load_stations
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

ALL = ailments()


def found_first(image: Path) -> str:
    ran = imgtools("diagnose", image, "--json", code=None)
    ordered = sorted(ran.data["stations"], key=lambda one: one["state"] != "broken")
    return next((one["id"] for station in ordered for one in station["findings"]), "")


@pytest.mark.parametrize("ailment", ALL, ids=lambda one: one.name)
def test_the_cause_is_named_first(ailment: Ailment, tmp_path: Path) -> None:
    image = copy_fixture(ailment.guest, tmp_path)[0]
    ailment.breaks(image)
    assert found_first(image) == ailment.finding


def test_every_ailment_has_a_name_of_its_own_and_names_what_there_is() -> None:
    known, repairs = causes(load_stations()), load_shelf("imgtools.ops.repair")
    assert len({one.name for one in ALL}) == len(ALL)
    assert [one.name for one in ALL if one.finding not in known] == []
    assert [one.name for one in ALL if one.repair and one.repair not in repairs] == []

"""Each guest that is broken in one way: a diagnosis names the cause first, and what mends it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fixtures.ailments import Ailment, ailments
from imgtools.ops.operation import load_shelf
from imgtools.ops.station import causes, load_stations
from tests.support.command import Ran, imgtools
from tests.support.fixtures import copy_fixture, fixture_image

ALL = ailments()
LARGE = ("real", "real-plain")  # some seconds for each look at them


def _cheap() -> tuple[Ailment, ...]:
    """What is mended without the appliance; on large guests only what no small one shows. `make boots` has the rest."""
    files = [one for one in ALL if one.repair and not one.appliance]
    small = {(one.finding, one.repair) for one in files if one.guest not in LARGE}
    return tuple(one for one in files if one.guest not in LARGE or (one.finding, one.repair) not in small)


MENDED = _cheap()
# What runs programs of the guest is in test_repair_boot_path.py, which has the menu named that is gone.
SLOW = tuple(one for one in ALL if one.name in ("ext-journal-error", "ext-superblock-gone"))
# A repair tells what a diagnosis found before it: those are not looked at twice.
ONLY_NAMED = tuple(one for one in ALL if one not in (*MENDED, *SLOW))


def ids(stations: Any) -> list[str]:  # Any: JSON
    """The ids of all findings, those of broken stations first."""
    ordered = sorted(stations, key=lambda one: one["state"] != "broken")
    return [one["id"] for station in ordered for one in station["findings"]]


def changed(repairs: Any) -> list[str]:  # Any: JSON
    """The repairs that change something."""
    return [one["name"] for one in repairs if one["changes"]]


def broken(ailment: Ailment, folder: Path) -> Path:
    image = copy_fixture(ailment.guest, folder)[0]
    ailment.breaks(image)
    return image


def mend(ailment: Ailment, image: Path, folder: Path) -> Ran:
    words: list[str | Path] = ["repair", image, "--write", "--json"]
    words += ["--auto"] if ailment.auto else ["--only", ailment.repair]
    secret = folder / "secret"
    secret.write_text("a password of a test\n")
    secret.chmod(0o600)
    for setting in ailment.settings:
        words += ["--set", setting.replace("{secret}", str(secret))]
    return imgtools(*words)


@pytest.mark.parametrize("ailment", ONLY_NAMED, ids=lambda one: one.name)
def test_the_cause_is_named_first(ailment: Ailment, tmp_path: Path) -> None:
    added = ("--add", fixture_image(ailment.added)) if ailment.added else ()
    ran = imgtools("diagnose", broken(ailment, tmp_path), *added, "--json", code=None)
    assert ids(ran.data["stations"])[:1] == [ailment.finding]


def _is_mended(ailment: Ailment, folder: Path) -> None:
    image = broken(ailment, folder)
    ran = mend(ailment, image, folder)
    assert ids(ran.data["before"])[:1] == [ailment.finding], "the cause is named first"
    assert changed(ran.data["repairs"]) == [ailment.repair]
    again = imgtools("repair", image, "--auto", "--json", code=None)
    left = ids(again.data["before"])
    assert ailment.finding not in left
    assert set(left) <= set(ids(ran.data["before"])), "a repair breaks nothing else"
    assert changed(again.data["repairs"]) == []


@pytest.mark.parametrize("ailment", MENDED, ids=lambda one: one.name)
def test_what_mends_it_does(ailment: Ailment, tmp_path: Path) -> None:
    _is_mended(ailment, tmp_path)


@pytest.mark.appliance
@pytest.mark.parametrize("ailment", SLOW, ids=lambda one: one.name)
def test_what_mends_it_in_the_appliance_does(ailment: Ailment, tmp_path: Path) -> None:
    _is_mended(ailment, tmp_path)


def test_every_ailment_has_a_name_of_its_own_and_names_what_there_is() -> None:
    known, repairs = causes(load_stations()), load_shelf("imgtools.ops.repair")
    assert len({one.name for one in ALL}) == len(ALL)
    assert [one.name for one in ALL if one.finding not in known] == []
    assert [one.name for one in ALL if one.repair and one.repair not in repairs] == []
    assert [one.name for one in ALL if one.auto and (one.settings or not one.repair)] == []


def test_the_pages_say_what_mends_it() -> None:
    told = {
        (name, repair)
        for one in load_stations()
        for name in one.station.causes
        for repair in one.station.menders(name)
    }
    assert [
        (one.finding, one.repair) for one in ALL if one.repair and (one.finding, one.repair) not in told
    ] == []


def test_many_kinds_are_mended() -> None:
    assert len({one.finding for one in MENDED}) >= 45
    assert len({one.repair for one in MENDED}) >= 30

"""The time zone: a link, and the files of those who do not read links."""

from __future__ import annotations

import pytest

from imgtools.errors import NotInGuest
from tests.support.customized import customized
from tests.support.memory import Content, link

BASE: dict[str, Content] = {
    "/usr/share/zoneinfo/Europe/Berlin": "TZif2",
    "/usr/share/zoneinfo/UTC": "TZif2",
    "/usr/share/zoneinfo/leapseconds": "# a table",
    "/etc/localtime": "TZif2 a copy",
}


def test_the_zone_is_a_link_into_the_guest() -> None:
    tree = customized(BASE, ("timezone", "Europe/Berlin"))
    assert tree.read_link("/etc/localtime") == "../usr/share/zoneinfo/Europe/Berlin"
    assert not tree.exists("/etc/timezone")


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("/etc/timezone", "Etc/UTC\n", "Europe/Berlin\n"),
        ("/etc/sysconfig/clock", 'ZONE="UTC"\nUTC=true\n', 'ZONE="Europe/Berlin"\nUTC=true\n'),
        ("/etc/sysconfig/clock", 'TIMEZONE="UTC"\n', 'TIMEZONE="Europe/Berlin"\n'),
    ],
)
def test_files_that_say_the_zone_too(path: str, before: str, after: str) -> None:
    files = {**BASE, "/etc/localtime": link("../usr/share/zoneinfo/UTC"), path: before}
    assert customized(files, ("timezone", "Europe/Berlin")).read_text(path) == after


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "leapseconds", "../../etc/passwd", "", "Europe"])
def test_what_the_guest_does_not_know(zone: str) -> None:
    with pytest.raises(NotInGuest, match="no time zone"):
        customized(BASE, ("timezone", zone))


def test_a_guest_without_zones_says_how_to_get_them() -> None:
    with pytest.raises(NotInGuest) as caught:
        customized({}, ("timezone", "UTC"), families=("alpine",))
    assert caught.value.hint == "--install tzdata first"

"""Nothing is found wrong with a real Debian on XFS, btrfs or LUKS, and nothing is mended: `make sound`.

No part of CI: building these guests takes some ten minutes without KVM (fixtures/real_filesystems.py). They were booted
to a login prompt and shut down in order, so whatever is found is false.
"""

from __future__ import annotations

import pytest

from fixtures import real_filesystems
from tests.support.command import imgtools
from tests.support.fixtures import fixture_image

pytestmark = [pytest.mark.real, pytest.mark.appliance]
KEY = {"real-luks": ("--key", f"all:key:{real_filesystems.PASSPHRASE}")}
each_guest = pytest.mark.parametrize("guest", real_filesystems.LAYOUTS)


@each_guest
def test_nothing_false_is_found(guest: str) -> None:
    ran = imgtools("diagnose", fixture_image(guest), *KEY.get(guest, ()), "--json", code=None)
    assert [one for station in ran.data["stations"] for one in station["findings"]] == []
    assert ran.data["sound"] is True


@each_guest
def test_nothing_is_mended(guest: str) -> None:
    ran = imgtools("repair", fixture_image(guest), "--auto", *KEY.get(guest, ()), "--json")
    assert [one["name"] for one in ran.data["repairs"] if one["changes"]] == []

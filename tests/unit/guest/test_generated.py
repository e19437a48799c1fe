"""What a guest makes from its configuration is not changed behind its back."""

from __future__ import annotations

import pytest

from imgtools.change.change import MakeLink, PlainChange, Remove, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.guest.generated import refuse_generated
from tests.support.memory import link, memory_files

NIXOS = memory_files(
    {
        "/nix/store/abc-etc/hostname": "old\n",
        "/etc/static": link("/nix/store/abc-etc"),
        "/etc/hostname": link("/etc/static/hostname"),
        "/etc/machine-id": "0\n",
    }
)


@pytest.mark.parametrize(
    "change",
    [
        WriteFile("/etc/hostname", b"web1\n"),
        WriteFile("/nix/store/abc-etc/hostname", b"web1\n"),
        MakeLink("/etc/hostname", "/x"),
        Remove("/etc/hostname"),
    ],
)
def test_what_leads_into_a_store_is_refused(change: PlainChange) -> None:
    with pytest.raises(UnsupportedGuest, match="made from the guest's configuration"):
        refuse_generated([change], NIXOS)


def test_the_guests_own_files_are_changed() -> None:
    refuse_generated([WriteFile("/etc/machine-id", b""), WriteFile("/etc/new", b"")], NIXOS)

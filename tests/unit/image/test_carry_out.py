"""What is refused before an engine opens anything for writing."""

from __future__ import annotations

from typing import cast

import pytest

from imgtools.change.change import Remove
from imgtools.change.describe import PlannedChange
from imgtools.change.plan import Plan
from imgtools.engine.api import WriteSession
from imgtools.errors import UnsupportedGuest
from imgtools.image.carry_out import carry_out
from imgtools.records.disks import Mount
from tests.support.memory import memory_files, memory_volume


def test_a_deployment_is_not_written_to_the_root_of_its_volume() -> None:
    """The writers mount whole volumes: /etc/machine-id would be that of the physical root."""
    mounts = (Mount("/", memory_volume(), inner="/ostree/deploy/x/deploy/0.0"),)
    change = PlannedChange(Remove("/etc/machine-id"), "remove it")
    plan = Plan(mounts, (change,), files=memory_files({}))
    with pytest.raises(UnsupportedGuest, match=r"/ostree/deploy/x/deploy/0.0 of /dev/sda1"):
        carry_out(cast(WriteSession, None), plan, memory_files({}))

"""How it ended with one image of many: a failing host is named there as it is for a single image."""

from __future__ import annotations

import errno
import os

import pytest

from imgtools.cli.app import settled
from imgtools.errors import HostError, ImgtoolsError, NoRoom
from imgtools.workflows.settled import BUG, Bug


@pytest.mark.parametrize(
    ("number", "kind", "exit_code"),
    [
        (errno.EIO, HostError, HostError.exit_code),
        (errno.ENOSPC, NoRoom, NoRoom.exit_code),
        (errno.EDOM, Bug, BUG),
    ],
)
def test_a_failing_host_is_no_bug(number: int, kind: type[ImgtoolsError], exit_code: int) -> None:
    def read() -> None:
        raise OSError(number, os.strerror(number), "/images/a.raw")

    code, error = settled(read)
    assert type(error) is kind and code == exit_code
    assert "/images/a.raw" in error.message and os.strerror(number) in error.message

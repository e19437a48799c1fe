"""What all tests share: launches of the appliance, two at most at a time, and a host whose KVM does not matter."""

from __future__ import annotations

import os
import signal
import stat
import tempfile
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# An appliance without KVM keeps a core and most of a gigabyte busy; with two the tests still run on a laptop.
APPLIANCES_AT_ONCE = 2


def pytest_configure() -> None:
    """Have the same happen on every host, and let Ctrl-C reach what the tests start.

    Nothing is booted under KVM, sound or not, unless a test makes itself a host with one (tests/support/qemu.py). A
    shell that runs something in the background has Ctrl-C ignored. Programs that the tests run to make images (mtools,
    tar) go by the locale, the time zone and the umask; tests of what these change set them.
    """
    os.environ |= {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    time.tzset()
    # How long one example takes says more of what else the machine does; every test has a limit of its own.
    settings.register_profile(
        "imgtools", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("imgtools")
    os.umask(0o022)
    _open_temporary_folder()
    os.environ.setdefault("LIBGUESTFS_BACKEND_SETTINGS", "force_tcg")
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _open_temporary_folder() -> None:
    """Tests of root's become other users, who have to reach their folders: a private TMPDIR is not used then."""
    folder = Path(tempfile.gettempdir()).resolve()
    if os.geteuid() == 0 and not all(
        place.stat().st_mode & stat.S_IXOTH for place in (folder, *folder.parents)
    ):
        os.environ["TMPDIR"] = tempfile.tempdir = "/tmp"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each module of appliance tests to one of a few groups; pytest-xdist runs a group in one process."""
    booting = [item for item in items if item.get_closest_marker("appliance")]
    tests_of = Counter(item.path for item in booting)
    load = Counter(dict.fromkeys(range(APPLIANCES_AT_ONCE), 0))
    group_of: dict[Path, int] = {}
    for path, count in sorted(tests_of.items(), key=lambda pair: (-pair[1], pair[0])):
        group_of[path] = min(load, key=lambda number: (load[number], number))
        load[group_of[path]] += count
    for item in booting:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(f"appliance-{group_of[item.path]}"))

"""Remove the identity and the caches of snapd; the snaps stay installed.

snapd has registered its device: a key, a serial number with the assertion for it, and a session at the store. It
registers again if its state names neither key nor serial number (overlord/devicestate in snapd).
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.errors import OddGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import remove_matching, rewrite
from imgtools.ops.operation import LINUX, NoParams, Operation

STATE = "/var/lib/snapd/state.json"
LIMIT = 64 << 20  # bytes; some hundred kilobytes with a dozen snaps
OWN = ("serial", "key-id", "session-macaroon")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals, and the state without the device's own facts.

    :raises OddGuest: the state is no JSON.
    """
    yield from remove_matching(
        guest.files,
        "/var/lib/snapd/device/*",
        "/var/lib/snapd/assertions/asserts-v0/{serial,device-session}/*",
        "/var/lib/snapd/auth.json",
        "/var/lib/snapd/cache/*",
        "/var/lib/snapd/errtracker.db",
    )
    if guest.files.is_file(STATE):
        yield from _without_device(guest.files)


def _without_device(files: GuestReader) -> Iterator[Change]:
    try:
        state = json.loads(files.read_bytes(STATE, limit=LIMIT))
    except (ValueError, RecursionError):
        raise OddGuest(
            f"{STATE} is not JSON", hint="leave it out: --operations defaults,-snapd-state"
        ) from None
    device = state
    for name in ("data", "auth", "device"):
        device = device.get(name) if isinstance(device, dict) else None
    if isinstance(device, dict) and any(device.get(name) for name in OWN):
        for name in OWN:
            device.pop(name, None)
        yield from rewrite(files, STATE, json.dumps(state, separators=(",", ":")))


OPERATION = Operation(summary="Remove the device identity of snapd", families=LINUX, plan=plan)

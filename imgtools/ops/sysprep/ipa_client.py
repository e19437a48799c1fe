"""Remove the membership of a FreeIPA domain, certificates included."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import refresh_ca_store, remove_matching
from imgtools.ops.operation import LINUX, NoParams, Operation

STATE = (
    "/etc/ipa/ca.crt",
    "/etc/ipa/default.conf",
    "/var/lib/ipa-client/sysrestore/*",
    "/var/lib/ipa-client/pki/*",
)
TRUSTED = (
    "/etc/pki/ca-trust/source/anchors/ipa-ca.crt",
    "/usr/local/share/ca-certificates/ipa-ca.crt",
    "/etc/pki/ca-trust/source/ipa.p11-kit",
)


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals; if the guest trusted the domain's CA, its store is put together anew."""
    yield from remove_matching(guest.files, *STATE)
    trusted = list(remove_matching(guest.files, *TRUSTED))
    yield from trusted
    if trusted:
        yield from refresh_ca_store(guest)


OPERATION = Operation(summary="Remove the FreeIPA membership", families=LINUX, plan=plan)

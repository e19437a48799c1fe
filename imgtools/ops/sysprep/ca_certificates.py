"""Remove the certificates and private keys of a certificate authority that the guest was given.

The bundles that the distribution itself ships stay. What remains is put together anew by the guest's own tool.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import refresh_ca_store, remove_matching
from imgtools.ops.operation import LINUX, NoParams, Operation

PATTERNS = (
    "/etc/pki/CA/certs/*.crt",
    "/etc/pki/CA/crl/*.crt",
    "/etc/pki/CA/newcerts/*.crt",
    "/etc/pki/CA/private/*.key",
    "/etc/pki/tls/private/*.key",
    "/etc/pki/tls/certs/*.crt",
    "/usr/local/share/ca-certificates/*.crt",
)
SHIPPED = ("/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/tls/certs/ca-bundle.trust.crt")


def plan(guest: Guest, params: NoParams) -> Iterator[Change]:
    """Yield the removals and, if there are any, the run of the guest's own tool."""
    removals = list(remove_matching(guest.files, *PATTERNS, keep=SHIPPED))
    yield from removals
    if removals:
        yield from refresh_ca_store(guest)


OPERATION = Operation(
    summary="Remove the certificates and keys of local CAs", families=LINUX, plan=plan, default=False
)

"""Remove certificates, state and logs of Puppet agents, old and new."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the certificates and state of Puppet",
    families=UNIX,
    plan=removing(
        "/var/log/puppet/*",
        "/var/lib/puppet/*/*",
        "/var/log/puppetlabs/puppet/*",
        "/etc/puppetlabs/puppet/ssl/*",
        "/opt/puppetlabs/puppet/cache/*",
    ),
)

"""Remove the Kerberos key of this host."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

OPERATION = Operation(
    summary="Remove the Kerberos host key",
    families=UNIX,
    plan=removing("/etc/krb5.keytab"),
)

"""Remove the Kerberos key of this host."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the Kerberos host key",
    families=UNIX,
    plan=removing("/etc/krb5.keytab"),
)

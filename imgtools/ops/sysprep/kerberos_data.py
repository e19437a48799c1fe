"""Remove the database of a Kerberos server; its configuration stays."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import UNIX, Operation

FOLDER = "/var/kerberos/krb5kdc"

OPERATION = Operation(
    summary="Remove the Kerberos database",
    families=UNIX,
    plan=removing(f"{FOLDER}/*", keep=(f"{FOLDER}/kadm5.acl", f"{FOLDER}/kdc.conf")),
    default=False,
)

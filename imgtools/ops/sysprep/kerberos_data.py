"""Remove the database of a Kerberos server; its configuration stays."""

from __future__ import annotations

from imgtools.ops.api import UNIX, Operation
from imgtools.ops.steps import removing

FOLDER = "/var/kerberos/krb5kdc"

OPERATION = Operation(
    summary="Remove the Kerberos database",
    families=UNIX,
    plan=removing(f"{FOLDER}/*", keep=(f"{FOLDER}/kadm5.acl", f"{FOLDER}/kdc.conf")),
    default=False,
)

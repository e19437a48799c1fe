"""Remove the initiator name of iSCSI: two machines with one name share their sessions."""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Remove the iSCSI initiator name",
    families=LINUX,
    plan=removing(
        "/etc/iscsi/initiatorname.iscsi", "/var/lib/iscsi/nodes/*", "/var/lib/iscsi/send_targets/*"
    ),
)

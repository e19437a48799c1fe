"""Remove the initiator name of iSCSI: two machines with one name share their sessions."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the iSCSI initiator name",
    families=LINUX,
    plan=removing(
        "/etc/iscsi/initiatorname.iscsi", "/var/lib/iscsi/nodes/*", "/var/lib/iscsi/send_targets/*"
    ),
)

"""Remove the registration at RHN or Satellite 5."""

from __future__ import annotations

from imgtools.ops.api import LINUX, Operation
from imgtools.ops.steps import removing

OPERATION = Operation(
    summary="Remove the RHN registration",
    families=LINUX,
    plan=removing("/etc/sysconfig/rhn/systemid", "/etc/sysconfig/rhn/osad-auth.conf"),
)

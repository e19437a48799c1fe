"""Remove the file that lets nobody but root log in: /etc/nologin, and what was left of it in a /run on the disk.

Who shuts the machine down makes it, and it is taken away at the end of the next boot; one that stays is a leftover of a
boot that did not end, or somebody's forgotten word.

Source: nologin(5), pam_nologin(8), systemd-user-sessions.service(8).
"""

from __future__ import annotations

from imgtools.ops.common_plans import removing
from imgtools.ops.operation import LINUX, Operation

OPERATION = Operation(
    summary="Let others than root log in again (/etc/nologin)",
    families=LINUX,
    plan=removing("/etc/nologin", "/run/nologin", "/var/run/nologin", "/var/lib/initscripts/nologin"),
)

"""No passwords and keys are left of what a cloud gave the machine at its first boot.

cloud-init keeps the user data, with passwords and scripts, below /var/lib/cloud, and its copy is read by whoever has
the disk. Source: cloud-init's documentation, Instance data and its directory layout.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import LINUX, NoParams
from imgtools.ops.secret_checks import matching_files, secret_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

PATTERNS = (
    "/var/lib/cloud/instances/*/user-data.txt",
    "/var/lib/cloud/instances/*/user-data.txt.i",
    "/var/lib/cloud/instances/*/cloud-config.txt",
    "/var/lib/cloud/instances/*/vendor-data.txt",
    "/var/lib/cloud/instances/*/scripts/*",
    "/var/lib/cloud/seed/*/user-data",
    "/etc/cloud/cloud.cfg.d/*.cfg",
)
SECRET = re.compile(
    r"(?i)^\s*-?\s*(password|passwd|hashed_passwd|plain_text_passwd|token|secret|api_?key)\s*[:=]\s*['\"]?[^\s'\"#$<{]"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file of a cloud's data that has a secret."""
    yield from secret_lines(
        examined.files,
        matching_files(examined.files, *PATTERNS),
        SECRET,
        "a password or key of the first boot",
        "change it; imgtools sysprep --enable cloud-init removes what is left of the first boot",
    )


CHECK = Check(
    title="No passwords are left of the first boot in a cloud",
    severity=Level.HIGH,
    look=look,
    families=LINUX,
    references=("NIST 800-53 IA-5",),
)

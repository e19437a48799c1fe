"""No passwords stand in the environment files of applications.

A file called .env keeps what an application needs to reach its database, and lies where the web server may give it
out. Places: /srv, /opt, /var/www and homes, two folders deep.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.ops.check import Check, Seen
from imgtools.ops.operation import UNIX, NoParams
from imgtools.ops.secret_checks import in_homes, matching_files, secret_lines
from imgtools.ops.station import Examined
from imgtools.records.audit import Level

NAMES = (".env", ".env.local", ".env.production")
TOPS = ("/srv", "/opt", "/var/www")
PASSWORD = re.compile(
    r"(?i)^\s*(export\s+)?\w*(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY)\w*\s*=\s*['\"]?[^\s'\"#$<{]"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each environment file with a password."""
    patterns = [f"{top}/{deep}{name}" for top in TOPS for deep in ("", "*/", "*/*/") for name in NAMES]
    paths = dict.fromkeys(
        [
            *matching_files(examined.files, *patterns),
            *in_homes(examined, *NAMES, *(f"*/{name}" for name in NAMES)),
        ]
    )
    yield from secret_lines(
        examined.files,
        sorted(paths),
        PASSWORD,
        "a password or token of an application",
        "keep it outside of the image",
    )


CHECK = Check(
    title="No passwords stand in the environment files of applications",
    severity=Level.MEDIUM,
    look=look,
    families=UNIX,
    references=("NIST 800-53 IA-5",),
)

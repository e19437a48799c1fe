"""No passwords are left in the answers that the installer was given.

Anaconda keeps a kickstart file with the hash of root's password in root's home, autoinst and preseed files hold
passwords in the clear. Source: the Kickstart reference (rootpw, user), AutoYaST (user_password), the Debian
installer's preseeding (passwd/...).
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
    "/root/anaconda-ks.cfg",
    "/root/original-ks.cfg",
    "/root/*.ks",
    "/root/ks.cfg",
    "/root/autoinst.xml",
    "/root/preseed.cfg",
    "/preseed.cfg",
    "/root/autoinstall.yaml",
    "/var/log/installer/autoinstall-user-data",
    "/var/log/installer/user-data",
    "/var/adm/autoinstall/cache/*.xml",
)
SECRET = re.compile(
    r"(?i)^\s*(rootpw|user|bootloader|luks|part|raid|logvol)\b.*(--iscrypted|--password|--plaintext|--passphrase|\$\d\w?\$)"
    r"|^\s*rootpw\s+[^-\s]|<user_password|passwd/(root|user)-password|^\s*password\s*:\s*\S|passphrase"
)


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield each file of answers with a password."""
    yield from secret_lines(
        examined.files,
        matching_files(examined.files, *PATTERNS),
        SECRET,
        "a password of the installation",
        "remove the file, and change the password",
    )


CHECK = Check(
    title="No passwords are left in the installer's answers",
    severity=Level.MEDIUM,
    look=look,
    families=LINUX,
    references=("NIST 800-53 IA-5",),
)

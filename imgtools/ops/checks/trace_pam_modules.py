"""Every PAM module is of a package.

A module sees each password in the clear and decides who gets in; one that nobody installed is the classic back door.
Source: pam(8), MITRE ATT&CK T1556.003.
"""

from __future__ import annotations

from imgtools.ops.check import Check
from imgtools.ops.operation import LINUX
from imgtools.ops.owned_checks import not_owned
from imgtools.records.audit import Level

CHECK = Check(
    title="Every PAM module is of a package",
    severity=Level.HIGH,
    look=not_owned(
        "a PAM module",
        "find out where it is from; compare imgtools verify",
        "/usr/lib/security/*.so",
        "/usr/lib64/security/*.so",
        "/usr/lib/*/security/*.so",
        "/lib/security/*.so",
        "/lib64/security/*.so",
        "/lib/*/security/*.so",
    ),
    families=LINUX,
    references=("MITRE ATT&CK T1556.003",),
)

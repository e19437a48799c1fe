"""No LAN Manager hashes of passwords are kept: they are guessed within minutes, whatever the password.

Windows XP and 2003 keep them unless NoLMHash says otherwise, later ones do not: "Prevent Windows from storing an LM
hash of your password" (KB299656). What is stored already goes with the next change of the password.
"""

from __future__ import annotations

from imgtools.guest.windows.release import VISTA
from imgtools.ops.check import Check
from imgtools.ops.operation import WINDOWS
from imgtools.ops.windows_checks import LSA, Setting, not_number, settings, since
from imgtools.records.audit import Level

CHECK = Check(
    title="No LAN Manager hashes of passwords are kept",
    severity=Level.HIGH,
    look=settings(
        Setting(
            LSA,
            "NoLMHash",
            not_number(0),
            "LAN Manager hashes of new passwords are kept",
            default=since(VISTA, 1, before=0),
            to=1,
        ),
    ),
    families=WINDOWS,
    references=("NIST 800-53 IA-5",),
)

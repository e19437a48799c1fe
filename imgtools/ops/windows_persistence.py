r"""What checks of Windows ask of programs that start by themselves: where they come from, and what they look like.

The places are those into which a user may write by Windows' own default rights ("Default access control lists", and
for new folders of the root C:\ : authenticated users may change what they make there). The rights of the guest's own
files are not read, so what is said is where a program lies, and no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from imgtools.ops.station import Examined
from imgtools.ops.windows_checks import LSA, held

if TYPE_CHECKING:
    from imgtools.guest.windows.held_registry import HeldRegistry

TEMPORARY = re.compile(r"\\temp\\|\\tmp\\|^%te?mp%", re.IGNORECASE)
OF_USERS = re.compile(
    r"^%(?:local)?appdata%|^%userprofile%|^%public%|^\\(?:users|documents and settings)\\", re.IGNORECASE
)
SHARED = re.compile(r"^(?:%programdata%|%allusersprofile%|\\programdata)\\", re.IGNORECASE)
# In ProgramData, with rights of their own: Defender, what Windows Installer keeps.
GUARDED = re.compile(r"\\microsoft\\windows defender\\|\\package cache\\", re.IGNORECASE)
OPEN = re.compile(
    r"^\\(?:perflogs|\$recycle\.bin|recycler)\\"
    r"|^(?:%systemroot%|%windir%|\\windows)\\(?:tasks|tracing|system32\\spool\\drivers\\color|system32\\tasks)\\",
    re.IGNORECASE,
)
OWN = re.compile(
    r"^(?:%systemroot%|%windir%|%systemdrive%\\(?:windows|program files)|%program(?:files|w6432)|%commonprogram"
    r"|\\systemroot\\|\\windows\\|\\winnt\\|\\program files(?: \(x86\)| \(arm\))?\\|\\progra~\d\\|system32\\|[^\\%]+$)",
    re.IGNORECASE,
)
# What hides what it does, or brings it from elsewhere.
ODD = (
    (re.compile(r"powershell.*\s-(?:e|ec|en|enc|enco\w*)\s+[A-Za-z0-9+/=]{16,}", re.IGNORECASE), "an encoded script"),
    (re.compile(r"(?:powershell|pwsh).*(?:downloadstring|invoke-expression|\biex\b|invoke-webrequest)", re.IGNORECASE),
     "a script from the net"),
    (re.compile(r"\bmshta(?:\.exe)?\b", re.IGNORECASE), "mshta runs it"),
    (re.compile(r"\bregsvr32(?:\.exe)?\b.*/i:", re.IGNORECASE), "regsvr32 runs a script"),
    (re.compile(r"\brundll32(?:\.exe)?\b.*javascript:", re.IGNORECASE), "rundll32 runs a script"),
    (re.compile(r"\b(?:bitsadmin|certutil)(?:\.exe)?\b.*https?:", re.IGNORECASE), "it is brought from the net"),
    (re.compile(r"^\"?\\\\(?![?.]\\)", re.IGNORECASE), "it comes from a share"),
)  # fmt: skip
LONGEST = 4096  # letters of a command that are looked at

# What Windows itself names (clean installations from XP to 11 and Server 2025).
PACKAGES = frozenset({
    "cloudap", "credssp", "kerberos", "livessp", "msv1_0", "negoexts", "negotiate", "pku2u", "rassfm", "scecli",
    "schannel", "sfapm", "tspkg", "wdigest", "wsauth", "kdcsvc", "msprivs", "setuid", "nbssp", '""', "",
})  # fmt: skip
LISTS = (
    (LSA, "Authentication Packages"),
    (LSA, "Security Packages"),
    (LSA, "Notification Packages"),
    (rf"{LSA}\OSConfig", "Security Packages"),
)


class Package(NamedTuple):
    """A package of the LSA, and the list that names it."""

    key: str
    name: str
    package: str


def foreign_packages(examined: Examined) -> tuple[Package, ...]:
    """Return the packages of the LSA that Windows does not bring."""
    return examined.once(_foreign_packages)


def _foreign_packages(examined: Examined) -> tuple[Package, ...]:
    registry: HeldRegistry = held(examined)
    return tuple(
        Package(key, name, one)
        for key, name in LISTS
        for one in registry.values(key).texts(name)
        if one.lower().removesuffix(".dll") not in PACKAGES
    )


def where_from(program: str) -> str:
    """Say why a program's place is one that users may write to; "" if it is not known to be.

    :param program: as the registry has it, with variables and a drive.
    """
    text = program.strip().strip('"').replace("/", "\\")[:LONGEST].removeprefix("\\??\\")
    if text.startswith("\\\\"):
        return "on a share"
    text = re.sub(r"^(?:[A-Za-z]:|%systemdrive%)(?=\\)", "", text, flags=re.IGNORECASE)
    if OPEN.search(text):
        return "in a folder that users may write to"
    if TEMPORARY.search(text):
        return "in a folder for temporary files"
    if OF_USERS.search(text):
        return "in a user's folder"
    if SHARED.search(text):
        return "" if GUARDED.search(text) else "in ProgramData"
    return "" if OWN.search(text) else "outside of Windows and Program Files"


def looks_odd(command: str) -> str:
    """Say what is odd about a command line; "" if nothing is."""
    text = command.strip()[:LONGEST]
    return next((why for pattern, why in ODD if pattern.search(text)), "")

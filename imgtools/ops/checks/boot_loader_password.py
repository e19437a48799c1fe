"""Nobody changes what the boot loader starts without a password.

Whoever sits at the console, also one over the network, else adds init=/bin/sh to the kernel's arguments and is root.
It costs a password at the console when something has to be mended. Source: GRUB's manual, "Authentication and
authorisation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.bootmenu import read_config
from imgtools.ops.boot_start import boot_start
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

ADVICE = "grub-mkpasswd-pbkdf2 makes the hash; set superusers and password_pbkdf2 in /etc/grub.d/40_custom"


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a boot loader that anybody at the console may edit, and a password that can be read."""
    start = examined.once(boot_start)
    if start.loader not in ("grub2", "grub-legacy", "extlinux") or not start.text:
        yield NotThere("the guest has no boot loader with passwords")
        return
    if start.loader == "grub2":
        yield from _grub2(examined.files, start.config, start.text)
    elif not re.search(r"(?im)^[ \t]*(menu\s+master\s+passwd|password)\s+\S", start.text):
        yield Flaw("anybody at the console may change what is started", start.config)


def _grub2(files: GuestReader, config: str, text: str) -> Iterator[Seen]:
    folder = config.rpartition("/")[0]
    user = read_config(files, f"{folder}/user.cfg")
    users = re.search(r"(?m)^[ \t]*set\s+superusers\s*=\s*[\"']?\w", text)
    hashed = re.search(r"(?m)^[ \t]*password_pbkdf2\s+\S+\s+grub\.pbkdf2\.", text)
    # The Red Hat family's grub.cfg takes the hash from a file of its own.
    hashed = hashed or re.search(r"(?m)^GRUB2_PASSWORD=grub\.pbkdf2\.", user)
    if plain := re.search(r"(?m)^[ \t]*password\s+\S+\s+\S", text):
        line = text.count("\n", 0, plain.end()) + 1
        yield Flaw("a password of GRUB is in plain text", config, line, severity=Level.MEDIUM, advice=ADVICE)
    elif not (users and hashed):
        yield Flaw("anybody at the console may change what GRUB starts", config, advice=ADVICE)


CHECK = Check(
    title="The boot loader wants a password before it is changed",
    severity=Level.LOW,
    look=look,
    references=("CIS Debian 12 1.4.1", "STIG RHEL-09-212010", "ANSSI R5"),
)

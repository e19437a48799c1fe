"""How a Linux guest lets a user act as root: a group that sudoers names, a sudoers file, doas."""

from __future__ import annotations

import re

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.users import SUDOERS, read_accounts, read_privileged

GROUPS = ("sudo", "wheel", "admin")  # Debian's, everybody else's, old Ubuntu's
PROGRAMS = ("/usr/bin/sudo", "/usr/local/bin/sudo")
FOLDER = "/etc/sudoers.d"
LIMIT = 1 << 20


def sudo_changes(files: GuestReader, name: str, wanted: str) -> tuple[tuple[str, ...], tuple[Change, ...]]:
    """Return the groups that a user has to join and the files to write, to act as root.

    :param wanted: ``yes`` (with the user's own password), ``nopasswd`` or ``no``.
    :raises UnsupportedGuest: the guest has neither sudo with a sudoers.d nor doas with a doas.d.
    """
    if wanted == "no":
        return (), ()
    if not any(files.is_file(path) for path in PROGRAMS):
        return (), (_doas(files, name, wanted),)
    main = next((path for path in SUDOERS if files.is_file(path)), "")
    text = files.read_text(main, limit=LIMIT) if main else ""
    asks_for_root = bool(re.search(r"(?m)^[ \t]*Defaults[ \t].*\b(?<!!)(targetpw|rootpw)\b", text))
    if wanted == "yes" and not asks_for_root:
        groups = {group.name for group in read_accounts(files).groups} & read_privileged(files).groups
        if found := [group for group in GROUPS if group in groups]:
            return (found[0],), ()
    if not re.search(r"(?m)^[ \t]*[#@]includedir[ \t]+(/etc/)?sudoers\.d", text):
        raise UnsupportedGuest(
            f"the guest's sudo reads no {FOLDER}", hint="add @includedir /etc/sudoers.d to it"
        )
    tag = "NOPASSWD: " if wanted == "nopasswd" else ""
    lines = f"{name} ALL=(ALL:ALL) {tag}ALL\n"
    if asks_for_root:
        lines = f"Defaults:{name} !targetpw, !rootpw\n" + lines
    folder = () if files.is_dir(FOLDER) else (MakeDirectory(FOLDER, 0o750),)
    return (), (*folder, WriteFile(f"{FOLDER}/{name}", lines.encode(), 0o440, 0, 0))


def _doas(files: GuestReader, name: str, wanted: str) -> Change:
    """doas reads /etc/doas.d/*.conf only on Alpine, else /etc/doas.conf."""
    if not files.is_file("/usr/bin/doas") or not files.is_dir("/etc/doas.d"):
        raise UnsupportedGuest("the guest has no sudo", hint="--install sudo first, or leave sudo= out")
    how = "nopass" if wanted == "nopasswd" else "persist"
    return WriteFile(f"/etc/doas.d/{name}.conf", f"permit {how} {name} as root\n".encode(), 0o640, 0, 0)

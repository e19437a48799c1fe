"""Let root log in: over SSH, and on the consoles.

``ssh`` is what PermitRootLogin becomes: yes, prohibit-password (keys alone) or leave. Where it is said for root it is
said so; AllowUsers and DenyUsers let root in. On the consoles /etc/securetty, where there is one, gets tty1, ttyS0,
hvc0 and console, and a shell that lets nobody in becomes the guest's own. A password is set by `password`, a locked one
unlocked by `account-unlock`.

Source: sshd_config(5), securetty(5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, EditLines, LineEdit
from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import CONFIG, LIMIT, SshdLine, sshd_lines
from imgtools.guest.accounts.users import PASSWD, may_log_in, read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.common_plans import rewrite
from imgtools.ops.linux_repairs import one_of
from imgtools.ops.operation import LINUX, Operation
from imgtools.ops.ssh_plans import before_blocks

CHOICES = ("yes", "prohibit-password", "leave")
SECURETTY = "/etc/securetty"
CONSOLES = ("console", "tty1", "ttyS0", "hvc0")
ABOUT_ROOT = re.compile(r"(?i)\s*(all|(user|group)\s+root)\s*$")
SHELLS = ("/bin/bash", "/usr/bin/bash", "/bin/ash", "/bin/sh")


@dataclass(frozen=True, slots=True)
class Params:
    """``ssh``: what PermitRootLogin becomes: yes, prohibit-password or leave."""

    ssh: str = "yes"

    def __post_init__(self) -> None:
        one_of(self.ssh, "ssh", CHOICES)


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the files of the SSH server and of the consoles."""
    files = guest.files
    if params.ssh != "leave" and files.is_file(CONFIG):
        yield from _ssh(files, params.ssh)
    if files.is_file(SECURETTY):
        yield EditLines(SECURETTY, tuple(LineEdit(append=one) for one in CONSOLES))
    root = read_accounts(files).account("root")
    if root is not None and not may_log_in(root):
        shell = next((path for path in SHELLS if files.is_file(path)), "/bin/sh")
        yield EditLines(PASSWD, (LineEdit(r"^(root:.*:)[^:]*$", rf"\1{shell}"),), f"root's shell is {shell}")


def _ssh(files: GuestReader, wanted: str) -> Iterator[Change]:
    lines = [one for one in sshd_lines(files) if not one.match or ABOUT_ROOT.match(one.match)]
    texts: dict[str, list[str]] = {}
    for one in lines:
        texts.setdefault(one.path, files.read_text(one.path, limit=LIMIT).split("\n"))
        held = texts[one.path]
        held[one.number - 1] = _said(one, held[one.number - 1], wanted)
    main = files.resolve(CONFIG)
    held = texts.setdefault(main, files.read_text(main, limit=LIMIT).split("\n"))
    if not any(one.name == "permitrootlogin" and not one.match for one in lines):
        held.insert(before_blocks(held), f"PermitRootLogin {wanted}")
    for path, edited in texts.items():
        yield from rewrite(files, path, "\n".join(edited))


def _said(line: SshdLine, text: str, wanted: str) -> str:
    indent = text[: len(text) - len(text.lstrip())]
    words = line.value.split()
    if line.name == "permitrootlogin" and words[:1] != [wanted]:
        return f"{indent}PermitRootLogin {wanted}"
    if line.name in ("allowusers", "allowgroups") and "root" not in words and "*" not in words:
        return f"{text.rstrip()} root"
    if line.name in ("denyusers", "denygroups") and "root" in words:
        kept = [word for word in words if word != "root"]
        return f"{indent}{text.split()[0]} {' '.join(kept)}" if kept else f"# {text.lstrip()}"
    return text


OPERATION = Operation(
    summary="Let root log in over SSH and on the consoles",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    notes="Where PasswordAuthentication is off, root needs a key: `imgtools customize --ssh-inject`.",
)

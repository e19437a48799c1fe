"""Take away what keeps a kernel from starting the system: a shell for init, single user, emergency and rescue mode.

Somebody has put it there to get in, and left it: ``init=`` with a shell or a program that is not there, ``single``,
``emergency``, ``rescue``, ``rd.break``, ``systemd.unit=`` with one of these targets or a unit that is not there.
``words`` takes away others too, such as ``systemd.mask=sshd.service``. Entries for recovery are meant to have them, and
keep them. Sources: kernel-parameters.txt of Linux, kernel-command-line(7), dracut.cmdline(7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.guest.boot.cmdline import Rewriting, rewrite_arguments
from imgtools.guest.guest import Guest
from imgtools.ops.operation import LINUX, Operation

WORDS = re.compile(
    r"single|[sS1]|emergency|rescue|-b|rd\.(break|emergency|rescue)(=.*)?|break(=.*)?|"
    r"systemd\.unit=(rescue|emergency|runlevel1|systemd-halt|halt|poweroff|shutdown)(\.target)?|"
    r"init=/(usr/)?(s?bin/)?(ba|da|z|k|s|c)?sh"
)
UNIT_FOLDERS = (
    "/etc/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/system",
)


@dataclass(frozen=True, slots=True)
class Params:
    """``words``: what goes besides, with commas, as it stands there."""

    words: tuple[str, ...] = ()


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield every file that says such words."""

    def kept(token: str) -> str | None:
        return None if token in params.words or _stops(guest, token) else token

    yield from rewrite_arguments(guest.files, Rewriting(kept, of_recovery=False))


def _stops(guest: Guest, token: str) -> bool:
    name, _, value = token.partition("=")
    if WORDS.fullmatch(token):
        return True
    if name == "init" and value.startswith("/"):
        return not guest.files.is_file(value)
    if name == "systemd.unit" and re.fullmatch(r"[\w@.-]+", value):
        is_systemd = guest.files.is_dir(UNIT_FOLDERS[1]) or guest.files.is_dir(UNIT_FOLDERS[2])
        return is_systemd and not any(guest.files.exists(f"{one}/{value}") for one in UNIT_FOLDERS)
    return False


OPERATION = Operation(
    summary="Take away what keeps the kernel from starting the system",
    families=LINUX,
    plan=plan,
    params=Params,
    order=300,
)

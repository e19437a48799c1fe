"""Run a shell command at the next boot of the guest, once; systemd guests only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from imgtools.errors import UnsupportedGuest
from imgtools.guest.guest import Guest
from imgtools.guest.services import Init, find_init
from imgtools.image.change import Change, MakeDirectory, MakeLink, WriteFile
from imgtools.ops.api import Operation
from imgtools.ops.orders import Order

FOLDER = "/etc/systemd/system"


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield a script and the unit that runs it and then disables itself.

    :raises UnsupportedGuest: the guest is not started by systemd.
    """
    if find_init(guest.files) is not Init.SYSTEMD:
        raise UnsupportedGuest("commands for the first boot need systemd in the guest")
    name = f"imgtools-firstboot-{hashlib.sha256(order.text.encode()).hexdigest()[:12]}"
    script = f"/usr/lib/imgtools/{name}.sh"
    unit = (
        "[Unit]\nDescription=Run once at the first boot\nAfter=network.target\n"
        f"ConditionPathExists={script}\n\n"
        f"[Service]\nType=oneshot\nExecStart=/bin/sh {script}\nExecStartPost=/bin/rm -f {script}\n"
        f"ExecStartPost=/bin/rm -f {FOLDER}/multi-user.target.wants/{name}.service\n\n"
        "[Install]\nWantedBy=multi-user.target\n"
    )
    yield MakeDirectory("/usr/lib/imgtools")
    yield MakeDirectory(f"{FOLDER}/multi-user.target.wants")
    yield WriteFile(script, f"{order.text}\n".encode(), 0o755)
    yield WriteFile(f"{FOLDER}/{name}.service", unit.encode())
    yield MakeLink(f"{FOLDER}/multi-user.target.wants/{name}.service", f"{FOLDER}/{name}.service")


OPERATION = Operation(summary="Run a command at the first boot", plan=plan, params=Order, metavar="COMMAND")

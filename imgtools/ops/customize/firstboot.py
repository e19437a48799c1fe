r"""Run a script of the host when the guest boots next.

Linux guests with systemd, SysV init or OpenRC: it runs as root, once, after the network is up, in the order of the
options; what it says is in ``/var/log/imgtools-firstboot.log`` of the guest.

Windows guests since Vista: a .cmd, .bat or .ps1 runs as LocalSystem, once, in the order of the options. What it says is
in ``NAME.log`` in ``C:\ProgramData\imgtools\firstboot``, its exit code in ``NAME.exit``. One that ends with 249 is run
again after a restart; one that fails does not keep the next from running.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.firstboot import at_first_boot
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.ops.run_in_guest import read_script
from imgtools.ops.windows_firstboot import WINDOWS_NOTES, at_first_boot_of_windows
from imgtools.records.system import OsType


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the script, what runs it, and what starts that.

    :raises HostError: the script cannot be read.
    :raises UnsupportedGuest: nothing is known that starts scripts in this guest.
    """
    host_path = Path(order.text)
    content = read_script(host_path)
    if guest.os.type is OsType.WINDOWS:
        yield from at_first_boot_of_windows(guest, host_path.name, host_path.suffix[1:], content)
        return
    yield from at_first_boot(guest, host_path.name, content)


OPERATION = Operation(
    summary="Run a script of the host at the first boot",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="SCRIPT",
    notes=WINDOWS_NOTES,
)

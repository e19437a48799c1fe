"""A console and three channels between a shell in the appliance and us: unix sockets here, devices there.

The console is a terminal of the appliance's kernel (hvc0). The channels are what programs write without a terminal, and
what the two sides tell each other of the shell: its exit code, and the size of the window.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from imgtools.errors import ApplianceFailed

CONSOLE = "console"
STATUS = "status"
OUT = "out"
ERR = "err"
CHANNELS = (STATUS, OUT, ERR)
CONSOLE_DEVICE = "/dev/hvc0"  # of the first virtconsole
CHANNEL_DEVICE = "/dev/virtio-ports/imgtools.{}"  # udev names it as QEMU does


def ports_of(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield QEMU's options for them; their sockets are in ``folder``, under their names."""
    for name in (CONSOLE, *CHANNELS):
        kind = "virtconsole" if name == CONSOLE else "virtserialport"
        yield "-chardev", f"socket,id=imgtools-{name},path={folder / name},server=on,wait=off"
        yield "-device", f"{kind},chardev=imgtools-{name},name=imgtools.{name}"


def connect_port(folder: Path, name: str) -> socket.socket:
    """Connect to one of them, and close it when it is done with: the other side then reads its end.

    :raises ApplianceFailed: QEMU has gone.
    """
    port = socket.socket(socket.AF_UNIX)
    with ExitStack() as stack:
        stack.callback(port.close)
        try:
            port.connect(str(folder / name))
        except OSError as error:
            raise ApplianceFailed(f"the appliance's QEMU cannot be reached: {error.strerror}") from None
        stack.pop_all()
    return port

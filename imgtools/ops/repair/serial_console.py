"""Open a console on a serial port: kernel, boot loader's menu and a login prompt talk there.

``port`` is its name in the kernel (ttyS0, ttyAMA0), ``speed`` its bits a second. As ``imgtools customize
--serial-console``; the getty of the port, where systemd's was masked, is let start again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.guest.boot.serial import SerialPort
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init
from imgtools.guest.services.switch import switch_service
from imgtools.ops.operation import LINUX, Operation
from imgtools.ops.serial_plans import parse_port, use_serial_port


@dataclass(frozen=True, slots=True)
class Params:
    """``port`` such as ttyS0, ``speed`` such as 115200."""

    port: str = "ttyS0"
    speed: int = 115200

    def __post_init__(self) -> None:
        try:
            parse_port(f"{self.port}:{self.speed}")
        except UsageError as error:
            raise ValueError(error.message) from None


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the files of boot loader and init, as far as they do not say so already.

    :raises UnsupportedGuest: the guest has no boot loader that is known.
    """
    yield from use_serial_port(guest.files, SerialPort(params.port, params.speed))
    if find_init(guest.files) is Init.SYSTEMD:
        for name in ("serial-getty@.service", f"serial-getty@{params.port}.service"):
            yield from switch_service(guest.files, name, "unmask")


OPERATION = Operation(
    summary="Open a console on a serial port",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
)

r"""Do what a .reg file of the host says: keys and values of a Windows guest's registry.

Windows guests. Read as `imgtools registry merge` reads it: UTF-16 or UTF-8, several hives, missing parents made. A
user's keys are named by the user: ``[HKEY_USERS\alice\Environment]``; HKEY_CURRENT_USER is nobody's in a guest that is
off.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from imgtools.change.change import Change
from imgtools.errors import HostError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import WINDOWS, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield what the file says.

    :raises HostError: it cannot be read, or is too large.
    :raises UsageError: a line does not parse, or is of a key that no hive holds.
    """
    from imgtools.change.reg_file import read_reg
    from imgtools.guest.windows.registry import open_registry
    from imgtools.guest.windows.registry_merge import LARGEST_REG, merged

    try:
        with Path(order.text).open("rb") as stream:
            content = stream.read(LARGEST_REG + 1)
    except OSError as error:
        raise HostError(f"cannot read {order.text}: {error.strerror}") from None
    if len(content) > LARGEST_REG:
        raise HostError(f"{order.text} is larger than {LARGEST_REG} bytes")
    with open_registry(guest.files, guest.os.windows_systemroot) as registry:
        yield from merged(registry, tuple(read_reg(content, order.text)))


OPERATION = Operation(
    summary="Do what a .reg file says, in the registry of a Windows",
    plan=plan,
    params=Order,
    families=WINDOWS,
    metavar="FILE.reg",
)

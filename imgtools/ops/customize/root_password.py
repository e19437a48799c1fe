"""Set, lock or disable root's password: ``SELECTOR``, as in ``--password``."""

from __future__ import annotations

from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import HostSide, Operation
from imgtools.ops.passwords import read_selector, set_password


def read(text: str, host: HostSide) -> Order:
    """Return root and the secret."""
    return read_selector("root", text, host)


OPERATION = Operation(
    summary="Set the password of root",
    how="a selector as in --password",
    plan=set_password,
    params=Order,
    metavar="SELECTOR",
    read=read,
)

"""What a guest's customization is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from imgtools.records.request import Secret


@dataclass(frozen=True, slots=True)
class Order:
    """What one customization is asked for. ``secret`` is what must not be shown: a password.

    ``is_new``: the secret was made here, and somebody has to learn it.
    """

    text: str = ""
    secret: Secret | None = None
    network: bool = False  # whether a program that is run in the guest may reach out
    is_new: bool = False
    optional: bool = False  # what it is about need not be there


class Named(NamedTuple):
    """An order for the customization of this name."""

    name: str
    order: Order
    where: str = ""  # "orders.txt, line 3", for messages

"""Set the password of a user, where nobody knows it or it was lost.

``secret`` says where it comes from: ``file:PATH``, ``env:NAME``, ``random:FILE`` (kept in a file of the host, which is
made if it is not there) or ``locked`` and ``disabled``. The password itself is never written on the command line. The
hash is one that the guest reads. An account that is expired stays so: `account-unlock`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from imgtools.change.change import Change
from imgtools.errors import UsageError
from imgtools.guest.accounts.passwords import is_password_of
from imgtools.guest.accounts.users import read_accounts
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order
from imgtools.ops.linux_repairs import require_said
from imgtools.ops.operation import LINUX, HostSide, Operation
from imgtools.ops.passwords import STATES, read_selector, set_password, warn_expired
from imgtools.records.orders import Named
from imgtools.records.system import Warned

KINDS = ("file:", "env:", "random:")
FORMS = "file:PATH, env:NAME, random:FILE, locked or disabled"


@dataclass(frozen=True, slots=True)
class Params:
    """``user`` has to be there; ``secret`` is file:PATH, env:NAME, random:FILE, locked or disabled."""

    user: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        require_said(self.user, "user")
        require_said(self.secret, "secret")
        bare = self.secret.removeprefix("locked:")
        is_kind = bare.startswith(KINDS) and bool(bare.partition(":")[2])
        if not is_kind and self.secret not in ("locked", "disabled"):
            raise ValueError(
                f"not a way to give a password; it is {FORMS}"
            )  # which may be the password itself


def plan(guest: Guest, params: Params) -> Iterator[Change]:
    """Yield the edit of the user's line, if it has another password.

    :raises ImgtoolsError: as :func:`imgtools.ops.passwords.set_password` and
        :func:`imgtools.ops.passwords.read_selector`.
    """
    order = _order(params)
    if not _is_so(guest, order):
        yield from set_password(guest, order)


def _order(params: Params) -> Order:
    return read_selector(params.user, params.secret, HostSide(_nobody))


def _nobody(prompt: str) -> str:
    raise UsageError("nobody is asked for the password of a repair", hint=FORMS)


def _is_so(guest: Guest, order: Order) -> bool:
    user, state, _method = order.text.split(":")
    entry = next((one for one in read_accounts(guest.files).shadow if one.name == user), None)
    if entry is None:
        return False
    stored = entry.password.reveal()
    if state in STATES:
        return stored == STATES[state].encode()
    if order.secret is None:
        return stored.startswith(b"!")
    if (state == "locked") != stored.startswith(b"!"):
        return False
    return is_password_of(order.secret, type(order.secret)(stored.removeprefix(b"!")))


def remarks(guest: Guest, params: Params) -> Iterator[Warned]:
    """Say that an account has expired."""
    yield from warn_expired(guest, (Named("password", _order(params)),))


OPERATION = Operation(
    summary="Set the password of a user",
    families=LINUX,
    plan=plan,
    params=Params,
    default=False,
    remarks=remarks,
)

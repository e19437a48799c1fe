"""Tell somebody the passwords that were made: once, on the terminal or in a file of his own.

They go nowhere else: not to standard output or error, which may be logs, and not into JSON.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from imgtools.errors import EditCut, HostError, TargetExists, UnfinishedEdit, UsageError
from imgtools.records.orders import Named

TERMINAL = "/dev/tty"  # tty(4): the controlling terminal, whatever standard output leads to


class NewPassword(NamedTuple):
    """A password that was made here, and whose it is: ``root``, or ``web1/root`` of the clone web1."""

    user: str
    password: bytes

    @property
    def line(self) -> bytes:
        """As chpasswd(8) reads it."""
        return self.user.encode("utf-8", "surrogateescape") + b":" + self.password + b"\n"


def new_passwords(orders: Sequence[Named], machine: str = "") -> list[NewPassword]:
    """Return the passwords among orders that were made here."""
    before = f"{machine}/" if machine else ""
    made = [one.order for one in orders if one.order.is_new]
    return [
        NewPassword(before + order.text.partition(":")[0], order.secret.reveal())
        for order in made
        if order.secret is not None
    ]


@contextmanager
def passwords_told(
    passwords: Sequence[NewPassword], output: Path | None, *, will_write: bool
) -> Iterator[None]:
    """See to it that the new passwords are learnt, if what is inside succeeds.

    A file is made before anything is changed (exclusively, for its owner only), and goes again if nothing was. The
    terminal is opened before, and written to after.

    :param will_write: whether the guest will have them; else nobody need know.
    :raises UsageError: there is neither a file nor a terminal, or a file and nothing to put there.
    :raises TargetExists: the file is there already.
    :raises HostError: it cannot be made.
    """
    if output is not None and not passwords:
        raise UsageError(
            "--password-output is for random passwords, and none is asked for", hint="--password USER:random"
        )
    if not passwords or not will_write:
        yield
        return
    content = b"".join(one.line for one in passwords)
    if output is None:
        with _terminal() as terminal:
            yield
            os.write(terminal, content)
        return
    _write(output, content)
    with ExitStack() as stack:
        stack.callback(output.unlink, missing_ok=True)
        try:
            yield
        except (EditCut, UnfinishedEdit):
            stack.pop_all()  # imgtools recover finishes the edit, and the guest will have them
            raise
        stack.pop_all()


@contextmanager
def _terminal() -> Iterator[int]:
    try:
        descriptor = os.open(TERMINAL, os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise UsageError(
            "nobody would learn the random password: there is no terminal to print it on",
            hint="--password-output FILE, or USER:random:FILE; USER:disabled lets nobody in",
        ) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(output: Path, content: bytes) -> None:
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with os.fdopen(os.open(output, flags, 0o600), "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
    except FileExistsError:
        raise TargetExists(f"the file is there already: {output}", hint="choose another name") from None
    except OSError as error:
        raise HostError(f"cannot write the passwords to {output}: {error.strerror}") from None

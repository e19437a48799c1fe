"""Add a line to a file of the guest: ``PATH:LINE``; a line that is there already is not added again."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit, WriteFile
from imgtools.errors import UsageError
from imgtools.guest.guest import Guest
from imgtools.ops.customize_plan import Order, guest_file, split_pair
from imgtools.ops.operation import ANY, Operation


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the edit, or the new file.

    :raises UsageError: the line has a line end in it.
    """
    path, line = split_pair(order.text, "PATH:LINE")
    if "\n" in line:
        raise UsageError("more than one line", hint="an --append-line for each")
    if guest.files.is_file(guest_file(path)):
        yield EditLines(path, (LineEdit(append=line),))
    else:
        yield WriteFile(path, f"{line}\n".encode("utf-8", "surrogateescape"))


OPERATION = Operation(
    summary="Append a line to a file", plan=plan, params=Order, families=ANY, metavar="PATH:LINE"
)

"""What is refused before an image is opened, and orders that take a secret."""

from __future__ import annotations

import pytest

import imgtools
from imgtools.door.writing import read_orders
from imgtools.errors import UsageError


def test_an_edit_is_done_in_one_way() -> None:
    with pytest.raises(UsageError, match="two ways"):
        imgtools.write("none.qcow2", "/etc/motd", b"", write=True, output="new.qcow2")
    with pytest.raises(UsageError, match="do not go together"):
        imgtools.copy_in("none.qcow2", "a", "/etc", owner="bob", keep_owners=True)


def test_an_expression_that_does_not_parse_is_found_first() -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        imgtools.edit("none.qcow2", "/etc/motd", "s/(/x/")


def test_orders_ask_the_program_and_nobody_else() -> None:
    prompts: list[str] = []

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return "hunter2"

    (order,) = read_orders([("root-password", "ask")], False, "", ask)
    assert order.order.secret is not None and order.order.secret.reveal() == b"hunter2"
    assert len(prompts) == 1 and "hunter2" not in repr(order)
    with pytest.raises(UsageError, match="nobody to ask"):
        read_orders([("root-password", "ask")], False, "", None)
    with pytest.raises(UsageError, match="no such customization"):
        read_orders([("hostnam", "web1")], False, "", None)


def test_bytes_cannot_be_negative() -> None:
    with pytest.raises(UsageError, match="not a size: -5"):
        imgtools.resize_disk("none.qcow2", -5)

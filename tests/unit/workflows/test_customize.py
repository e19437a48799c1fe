"""Customizing: the plan, and that no secret is in it."""

from __future__ import annotations

import pytest

from imgtools.errors import NotInGuest
from imgtools.ops.customize_plan import Named, Order
from imgtools.records.request import Secret, Target
from imgtools.workflows.customize import customize
from tests.support.memory import memory_guest_image, serve
from tests.unit.ops.customize.test_shelf import BASE, KEY

FILES = {**BASE, "/etc/os-release": "ID=debian\n", "/etc/fstab": "", "/bin/sh": ""}


def test_the_plan_shows_no_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    orders = [Named("password", Order("root:", Secret(b"sesame"))), Named("ssh-inject", Order(f"root:{KEY}"))]
    report = customize(request, Target(), orders)
    assert not report.written
    assert {one.path for one in report.changes} >= {"/etc/shadow", "/root/.ssh/authorized_keys"}
    assert not any("$6$" in one.diff + one.summary for one in report.changes)


def test_one_bad_order_and_nothing_is_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    request = serve(monkeypatch, "writing", memory_guest_image(FILES))
    with pytest.raises(NotInGuest, match="no user 'eve'"):
        customize(request, Target(), [Named("hostname", Order("a")), Named("password", Order("eve:locked"))])

"""What was asked for and done is not planned again: settings say what is to be, not what is to be done."""

from __future__ import annotations

import pytest

from imgtools.change.compose import compose
from imgtools.change.contradictions import refuse_contradictions
from imgtools.ops.customize_plan import Named, Order, plan_orders
from tests.support.customized import carry_out, guest_with
from tests.support.memory import Content
from tests.unit.ops.customize import (
    test_hostname,
    test_interface,
    test_kernel_argument,
    test_keyboard,
    test_locale,
    test_serial_console,
    test_service,
    test_timezone,
)

Case = tuple[dict[str, Content], str, str, str]
CASES: dict[str, Case] = {
    **{
        f"hostname-{name}": (case[0], case[1][0], "hostname", "web1.lan")
        for name, case in test_hostname.CASES.items()
    },
    **{
        f"kernel-argument-{name}": (case[0], "debian", "kernel-argument", case[1])
        for name, case in test_kernel_argument.CASES.items()
    },
    **{
        f"interface-{name}": (getattr(test_interface, name), "debian", "interface", test_interface.BOTH)
        for name in ("NETPLAN", "KEYFILE", "NETWORKD", "IFUPDOWN", "IFCFG", "WICKED")
    },
    **{
        f"locale-{name}": (case[0], case[1][-1], "locale", case[2])
        for name, case in test_locale.CASES.items()
    },
    "keyboard-debian": (test_keyboard.DEBIAN, "debian", "keyboard", "de:nodeadkeys"),
    "keyboard-fedora": (test_keyboard.FEDORA, "fedora", "keyboard", "de:nodeadkeys"),
    "keyboard-alpine": (test_keyboard.ALPINE, "alpine", "keyboard", "de:nodeadkeys"),
    "serial-grub": (test_serial_console.GRUB, "debian", "serial-console", "ttyS0"),
    "serial-alpine": (test_serial_console.ALPINE, "alpine", "serial-console", "ttyS0"),
    "service-systemd": (test_service.SYSTEMD, "debian", "service", "ssh:on"),
    "service-masked": (test_service.SYSTEMD, "debian", "service", "ssh:mask"),
    "service-openrc": (test_service.OPENRC, "alpine", "service", "syslog:off"),
    "service-sysv-on": (test_service.SYSV, "debian", "service", "web:on"),
    "service-sysv-off": (test_service.SYSV, "debian", "service", "web:off"),
    "timezone": (test_timezone.BASE, "debian", "timezone", "UTC"),
}


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_left_to_do(case: str) -> None:
    files, family, name, text = CASES[case]
    guest, tree = guest_with({"/etc/os-release": "", **files}, family)
    carry_out(guest, tree, (name, text))
    plan = refuse_contradictions(compose(tuple(plan_orders(guest, [Named(name, Order(text))])), tree), tree)
    assert plan == ()

"""Services on and off: what the guest's own init would find at its next start."""

from __future__ import annotations

import pytest

from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from tests.support.customized import customized
from tests.support.memory import Content, directory, link

UNITS = "/usr/lib/systemd/system"
ADMIN = "/etc/systemd/system"
SYSTEMD: dict[str, Content] = {
    "/sbin/init": link("/usr/lib/systemd/systemd"),
    "/usr/lib/systemd/systemd": "",
    f"{UNITS}/ssh.service": "[Unit]\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\nAlso=ssh.socket\n",
    f"{UNITS}/ssh.socket": "[Install]\nWantedBy=sockets.target\n",
    f"{UNITS}/static.service": "[Service]\n",
    f"{UNITS}/getty@.service": "[Install]\nWantedBy=getty.target\nDefaultInstance=tty1\n",
    f"{UNITS}/deep.service": "[Install]\nRequiredBy=a.target b.target\n",
    f"{ADMIN}/own.service": "[Install]\nWantedBy=multi-user.target\n",
}
OPENRC: dict[str, Content] = {
    "/sbin/openrc": "",
    "/etc/runlevels/default": directory(),
    "/etc/init.d/sshd": "#!/sbin/openrc-run\n",
    "/etc/init.d/syslog": "#!/sbin/openrc-run\n",
    "/etc/runlevels/boot/syslog": link("/etc/init.d/syslog"),
}
SYSV: dict[str, Content] = {
    "/etc/inittab": "id:2:initdefault:\n",
    "/etc/init.d/web": "#!/bin/sh\n### BEGIN INIT INFO\n# Default-Start: 2 3\n# Default-Stop: 0 6\n### END INIT INFO\n",
    "/etc/rc2.d/S05web": link("../init.d/web"),
    "/etc/rc3.d/K30web": link("../init.d/web"),
}


def links(files: dict[str, Content], *orders: str) -> dict[str, str]:
    """The links below /etc that differ from before: their targets, "" for one that is gone."""
    tree = customized(files, *(("service", order) for order in orders))
    before = customized(files)
    found = {
        one.path: one_tree.read_link(one.path)
        for one_tree in (before, tree)
        for one in one_tree.walk("/etc")
        if one.stat.kind == "l"
    }
    return {
        path: tree.read_link(path) if tree.lstat(path) else ""
        for path in found
        if (tree.lstat(path) is None) != (before.lstat(path) is None)
    }


def test_systemd_makes_what_the_install_section_says() -> None:
    assert links(SYSTEMD, "ssh:on") == {
        f"{ADMIN}/multi-user.target.wants/ssh.service": f"{UNITS}/ssh.service",
        f"{ADMIN}/sshd.service": f"{UNITS}/ssh.service",
        f"{ADMIN}/sockets.target.wants/ssh.socket": f"{UNITS}/ssh.socket",
    }
    assert links(SYSTEMD, "deep.service:on") == {
        f"{ADMIN}/a.target.requires/deep.service": f"{UNITS}/deep.service",
        f"{ADMIN}/b.target.requires/deep.service": f"{UNITS}/deep.service",
    }
    assert links(SYSTEMD, "getty@tty7:on") == {
        f"{ADMIN}/getty.target.wants/getty@tty7.service": f"{UNITS}/getty@.service"
    }


def test_off_takes_every_link_also_by_another_name() -> None:
    more = {
        **SYSTEMD,
        f"{ADMIN}/sshd.service": link(f"{UNITS}/ssh.service"),
        f"{ADMIN}/multi-user.target.wants/ssh.service": link(f"{UNITS}/ssh.service"),
        f"{ADMIN}/rescue.target.wants/ssh.service": link(f"{UNITS}/ssh.service"),
    }
    assert set(links(more, "sshd:off")) == {
        f"{ADMIN}/sshd.service",
        f"{ADMIN}/multi-user.target.wants/ssh.service",
        f"{ADMIN}/rescue.target.wants/ssh.service",
    }
    assert links(SYSTEMD, "ssh:on", "ssh:off") == {}


def test_masking() -> None:
    assert links(SYSTEMD, "static:mask") == {f"{ADMIN}/static.service": "/dev/null"}
    assert links(SYSTEMD, "static:mask", "static:unmask") == {}
    with pytest.raises(NotInGuest, match=r"ssh\.service is masked"):
        links(SYSTEMD, "ssh:mask", "ssh:on")
    with pytest.raises(UnsupportedGuest, match="a unit of its own"):
        links(SYSTEMD, "own:mask")


def test_openrc_has_run_levels() -> None:
    assert links(OPENRC, "sshd:on") == {"/etc/runlevels/default/sshd": "/etc/init.d/sshd"}
    assert links(OPENRC, "syslog:on") == {}
    assert links(OPENRC, "syslog:off") == {"/etc/runlevels/boot/syslog": ""}


def test_sysv_starts_or_stops_but_never_says_nothing() -> None:
    assert links(SYSV, "web:on") == {"/etc/rc3.d/K30web": "", "/etc/rc3.d/S50web": "../init.d/web"}
    assert links(SYSV, "web:off") == {"/etc/rc2.d/S05web": "", "/etc/rc2.d/K50web": "../init.d/web"}


def test_upstart_has_overrides() -> None:
    files: dict[str, Content] = {"/sbin/initctl": "", "/etc/init/tty9.conf": "start on runlevel 2\n"}
    tree = customized(files, ("service", "tty9:off"))
    assert tree.read_text("/etc/init/tty9.override") == "manual\n"
    assert not customized(files, ("service", "tty9:off"), ("service", "tty9:on")).exists(
        "/etc/init/tty9.override"
    )


@pytest.mark.parametrize(
    ("files", "order", "words"),
    [
        (SYSTEMD, "nothing:on", "no service nothing"),
        (SYSTEMD, "static:on", r"no service static\.service that can be enabled"),
        (OPENRC, "nothing:on", "no service nothing"),
        (OPENRC, "sshd:mask", "only systemd masks"),
        (SYSV, "nothing:off", "no service nothing"),
    ],
)
def test_what_cannot_be_switched(files: dict[str, Content], order: str, words: str) -> None:
    with pytest.raises(UnsupportedGuest, match=words):
        links(files, order)


@pytest.mark.parametrize("order", ["ssh", "ssh:maybe", ":on", "../x:on"])
def test_what_is_no_order(order: str) -> None:
    with pytest.raises(UsageError):
        links(SYSTEMD, order)

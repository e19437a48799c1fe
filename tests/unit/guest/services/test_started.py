"""What starts by itself, and which link makes it so, under each init."""

from __future__ import annotations

import pytest

from imgtools.guest.services.started import (
    EnablingLink,
    Init,
    enabled_services,
    enabling_links,
    find_default_target,
    find_init,
    is_enabled,
)
from tests.support.memory import link, memory_files

SSH_UNIT = "[Unit]\nDescription=OpenSSH\n[Install]\nWantedBy=multi-user.target\nAlias=sshd.service\n"
SYSTEMD = {
    "/sbin/init": link("../usr/lib/systemd/systemd"),
    "/usr/lib/systemd/systemd": "",
    "/usr/lib/systemd/system/default.target": link("graphical.target"),
    "/usr/lib/systemd/system/ssh.service": SSH_UNIT,
    "/usr/lib/systemd/system/getty@.service": "[Install]\nWantedBy=getty.target\n",
    "/etc/systemd/system/multi-user.target.wants/cron.service": link("/usr/lib/systemd/system/cron.service"),
    "/etc/systemd/system/masked.service": link("/dev/null"),
    "/etc/systemd/system/multi-user.target.wants/masked.service": link(
        "/usr/lib/systemd/system/masked.service"
    ),
}
OPENRC = {
    "/sbin/openrc": "",
    "/etc/inittab": "::sysinit:/sbin/openrc sysinit\n",
    "/etc/init.d/sshd": "",
    "/etc/runlevels/default/crond": link("/etc/init.d/crond"),
}
SYSV = {
    "/etc/inittab": "# x\nid:3:initdefault:\n",
    "/etc/init.d/sshd": "#!/bin/sh\n# chkconfig: 2345 55 25\n",
    "/etc/init.d/lsb": "### BEGIN INIT INFO\n# Default-Start: 3 5\n### END INIT INFO\n",
    "/etc/rc.d/rc3.d/S10network": link("../init.d/network"),
}


@pytest.mark.parametrize(
    ("files", "init", "target", "services"),
    [
        (SYSTEMD, Init.SYSTEMD, "graphical.target", ("cron.service",)),
        (OPENRC, Init.OPENRC, "default", ("crond",)),
        (SYSV, Init.SYSVINIT, "3", ("network",)),
        (
            {"/sbin/init": "", "/sbin/initctl": "", "/etc/inittab": "id:5:initdefault:\n"},
            Init.UPSTART,
            "5",
            (),
        ),
        ({"/sbin/init": link("runit-init"), "/sbin/runit-init": ""}, Init.RUNIT, "", ()),
        ({}, Init.UNKNOWN, "", ()),
    ],
)
def test_the_init_its_target_and_its_services(
    files: dict[str, object], init: Init, target: str, services: tuple[str, ...]
) -> None:
    reader = memory_files(files)  # type: ignore[arg-type]
    assert find_init(reader) is init
    assert find_default_target(reader, init) == target
    assert enabled_services(reader) == services


def test_systemd_links_follow_the_install_section() -> None:
    reader = memory_files(SYSTEMD)
    assert enabling_links(reader, "ssh") == (
        EnablingLink(
            "/etc/systemd/system/multi-user.target.wants/ssh.service", "/usr/lib/systemd/system/ssh.service"
        ),
        EnablingLink("/etc/systemd/system/sshd.service", "/usr/lib/systemd/system/ssh.service"),
    )
    assert enabling_links(reader, "getty@ttyS0.service") == (
        EnablingLink(
            "/etc/systemd/system/getty.target.wants/getty@ttyS0.service",
            "/usr/lib/systemd/system/getty@.service",
        ),
    )
    assert enabling_links(reader, "absent") == ()


def test_enabled_masked_and_neither() -> None:
    wants = {
        "/etc/systemd/system/multi-user.target.wants/ssh.service": link("/usr/lib/systemd/system/ssh.service")
    }
    assert is_enabled(memory_files({**SYSTEMD, **wants}), "ssh")
    assert not is_enabled(memory_files(SYSTEMD), "ssh")
    masked = {**SYSTEMD, **wants, "/etc/systemd/system/ssh.service": link("/dev/null")}
    assert not is_enabled(memory_files(masked), "ssh")


def test_openrc_and_sysv_links() -> None:
    assert enabling_links(memory_files(OPENRC), "sshd.service") == (
        EnablingLink("/etc/runlevels/default/sshd", "/etc/init.d/sshd"),
    )
    assert is_enabled(memory_files(OPENRC), "crond") and not is_enabled(memory_files(OPENRC), "sshd")
    sysv = memory_files(SYSV)
    assert [one.path for one in enabling_links(sysv, "sshd")] == [
        f"/etc/rc.d/rc{level}.d/S55sshd" for level in "2345"
    ]
    assert [one.path for one in enabling_links(sysv, "lsb")] == [
        f"/etc/rc.d/rc{level}.d/S50lsb" for level in "35"
    ]
    assert is_enabled(sysv, "network") and not is_enabled(sysv, "sshd")
    assert not is_enabled(sysv, "*")

"""The real Debian guest, customized and edited without booting, boots with everything that was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixtures.boot import booted
from fixtures.real import PASSWORDS
from tests.support.command import imgtools
from tests.support.fixtures import copy_fixture

pytestmark = [pytest.mark.real, pytest.mark.appliance]

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsome0key0text web@example.com"
ORDERS = (
    ("--hostname", "web1.example.org"),
    ("--timezone", "America/New_York"),
    ("--user", "web:groups=adm,sudo=nopasswd,shell=/bin/bash,gecos=Web Server"),
    ("--ssh-inject", f"web:string:{KEY}"),
    ("--interface", "eth0=192.0.2.10/24,gateway=192.0.2.1,dns=192.0.2.53,search=example.org,2001:db8::10/64"),
    ("--kernel-argument", "audit=0"),
    ("--serial-console", "ttyS0:57600"),
    ("--locale", "en_GB.UTF-8"),
    ("--service", "cron:off"),
)
# Edits that follow, each a transaction of its own. {site} is a file of the host.
EDITS = (
    ("edit", "-e", "s/.*/made by an edit/", "{image}", "/etc/motd", "--write"),
    ("copy-in", "{image}", "{site}", "/etc", "--write"),
    ("config", "set", "{image}", "/files/etc/ssh/sshd_config/PermitRootLogin", "no", "--write"),
    ("chmod", "{image}", "0600", "/etc/site.conf", "--write"),
)
# What the booted guest is asked, and what it has to say.
ASKED = {
    "hostname -f": "web1.example.org",
    "date +%Z | tr EDST x | cut -c1": "x",
    "id web": "uid=1002(web) gid=1002(web) groups=1002(web),4(adm)",
    "stat -c '%a %U %G' /home/web/.ssh/authorized_keys": "600 web web",
    "passwd -S web | cut -d' ' -f2": "L",
    "setsid -w sudo -u web sudo -n id -u": "0",
    "visudo -cq && echo good": "good",
    "pwck -qr && grpck -qr && echo whole": "whole",
    "ip -o -4 addr show eth0 | tr -s ' ' | cut -d' ' -f4": "192.0.2.10/24",
    "ip -o -6 addr show eth0 scope global | tr -s ' ' | cut -d' ' -f4": "2001:db8::10/64",
    "ip route show default | cut -d' ' -f3": "192.0.2.1",
    "xargs < /etc/resolv.conf": "search example.org nameserver 192.0.2.53",
    "tr ' ' '\\n' < /proc/cmdline | grep -E '^(audit|console)=' | xargs": (
        "audit=0 console=tty0 console=ttyS0,57600"
    ),
    "cat /sys/class/tty/console/active": "tty0 ttyS0",
    "systemctl is-active serial-getty@ttyS0": "active",
    "localectl status | sed -n 's/.*LANG=//p'": "en_GB.UTF-8",
    "LC_ALL=en_GB.UTF-8 date -d 2024-03-01 +%x": "01/03/24",
    "systemctl is-enabled cron": "disabled",
    "update-grub >/dev/null 2>&1; grep -c 'console=ttyS0,57600' /boot/grub/grub.cfg | sed 's/[1-9].*/some/'": "some",
    "grep -c 'console=ttyS0,115200' /boot/grub/grub.cfg": "0",
    "sort -u /etc/motd": "made by an edit",
    "cat /etc/site.conf": "made on the host",
    "stat -c %a /etc/site.conf": "600",
    "sshd -T | grep -i permitroot": "permitrootlogin no",
    "dmesg | grep -c 'EXT4-fs error'": "0",
}


def test_a_customized_guest_boots_as_it_was_asked_for(tmp_path: Path) -> None:
    (image,) = copy_fixture("real", tmp_path)
    words = [word for order in ORDERS for word in order]
    ran = imgtools("customize", str(image), *words, "--write", "--json")
    assert ran.code == 0, ran.err
    assert ran.data["written"] is True
    (tmp_path / "site.conf").write_text("made on the host\n")
    for edit in EDITS:
        filled = (word.format(image=image, site=tmp_path / "site.conf") for word in edit)
        ran = imgtools(*filled, "--json")
        assert ran.json["engine"] == "direct", "an edit of ext4 on a linear volume boots nothing"
        assert ran.data["written"] is True
    with booted(image) as console:
        console.login("root", PASSWORDS["root"])
        # The login prompt does not wait for the network.
        console.run("timeout 100 sh -c 'until ip -6 addr show eth0 | grep -q 2001:; do sleep 1; done'; true")
        said = {asked: console.run(f"{asked}; true").rstrip("\n") for asked in ASKED}
    assert said == ASKED

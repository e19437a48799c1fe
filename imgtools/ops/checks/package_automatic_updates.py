"""Security updates are installed without anybody thinking of it.

Most break-ins use what was mended long ago. Where updates are rolled out by somebody, a policy leaves this out.
Source: unattended-upgrade(8) and apt.systemd.daily (APT::Periodic), dnf-automatic(8), zypper and
transactional-update(8).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.logs.keepers import texts
from imgtools.guest.packages.repositories import APT_CONF, YES, read_sections
from imgtools.guest.services.started import is_masked
from imgtools.ops.check import Check, Flaw, Seen
from imgtools.ops.operation import NoParams
from imgtools.ops.service_checks import started, starts
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere

PROGRAM = "/usr/bin/unattended-upgrade"
PERIODIC = re.compile(r"^[^#/\n]{0,200}Unattended-Upgrade[ \t]+\"?(\w+)")
DNF = ("dnf-automatic-install.timer", "dnf5-automatic.timer", "dnf-automatic.timer", "yum-cron")
SUSE = ("transactional-update.timer", "os-update.timer", "yast2-online-update.timer")
CONFIGS = ("/etc/dnf/automatic.conf", "/etc/dnf/dnf5-plugins/automatic.conf", "/etc/yum/yum-cron.conf")


def look(examined: Examined, params: NoParams) -> Iterator[Seen]:
    """Yield a guest that waits for somebody to update it."""
    system, files = examined.system.os, examined.files
    if system.package_format == "deb":
        text = _debian(files)
    elif system.is_family("suse") and not starts(examined, *SUSE):
        text = "none of transactional-update, os-update is started"
    elif system.is_family("fedora", "rhel"):
        text = _red_hat(examined)
    else:
        if not system.is_family("suse"):
            yield NotThere("the distribution has no program for it")
        return
    if text:
        yield Flaw(
            "updates wait for somebody to install them",
            evidence=text,
            advice="enable unattended-upgrades or dnf-automatic",
        )


def _debian(files: GuestReader) -> str:
    if not files.is_file(PROGRAM):
        return "unattended-upgrades is not installed"
    said = [
        found[1]
        for _path, text in texts(files, APT_CONF)
        for line in text.split("\n")
        if (found := PERIODIC.match(line))
    ]
    if not said or said[-1] in ("0", "false", "no"):
        return "APT::Periodic::Unattended-Upgrade is off"
    return "apt-daily-upgrade.timer is masked" if is_masked(files, "apt-daily-upgrade.timer") else ""


def _red_hat(examined: Examined) -> str:
    name = starts(examined, *DNF)
    if not name:
        is_tree = "rpm-ostreed-automatic.timer" in examined.once(started)
        return "" if is_tree else "neither dnf-automatic nor yum-cron is started"
    if name == DNF[0]:
        return ""
    sections = [
        one for path in CONFIGS for one in read_sections(examined.files, path) if one.name == "commands"
    ]
    applies = any(one.get("apply_updates").lower() in YES for one in sections)
    return "" if applies else f"{name} is started, and apply_updates is off"


CHECK = Check(
    title="Security updates are installed by themselves",
    severity=Level.LOW,
    look=look,
    references=("ANSSI R61", "NIST 800-53 SI-2"),
)

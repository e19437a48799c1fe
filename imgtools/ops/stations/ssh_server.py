"""The SSH server: whether it takes its configuration, has keys that it may use, and the user that it runs as.

A line of sshd_config that it does not know keeps it from starting. Host keys that others may read are passed over, and
without any it does not start either.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.sshd import CONFIGS, config_of
from imgtools.guest.health.logins import read_known
from imgtools.guest.health.programs import has_programs, hidden_system
from imgtools.guest.health.sshd_config import HostKeys, host_keys
from imgtools.guest.health.sshd_lines import server_of, sshd_faults
from imgtools.guest.settings.cloud_init import has_run, is_installed
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Evidence, Finding, NotKnown, NotThere, Remedy, Severity

MOST_LINES = 10  # the server stops at the first


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps the SSH server from starting."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    if not server_of(files):
        yield NotThere("no OpenSSH server")
        return
    if not config_of(files):
        yield Finding(
            "sshd-config-missing",
            "the SSH server has no configuration, and does not start",
            evidence=(Evidence(CONFIGS[0], text="not there"),),
            remedy=Remedy("sshd-config"),
        )
    for one in sshd_faults(files)[:MOST_LINES]:
        yield Finding(
            "sshd-config-broken",
            f"the SSH server does not start: {one.path}: {one.text}",
            evidence=(Evidence(one.path, one.line, one.raw),),
            remedy=Remedy("sshd-config"),
        )
    yield from _keys(host_keys(files, cloud_init=is_installed(files) and not has_run(files)))
    yield from _user(files)


def _keys(keys: HostKeys) -> Iterator[Finding]:
    shown = tuple(Evidence(path, text=text) for path, text in keys.refused)
    if keys.has_loose_modes:
        stops = not keys.good
        yield Finding(
            "ssh-host-keys-mode",
            "the SSH server does not take host keys that others may read"
            + (", and has no other" if stops else ""),
            severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
            evidence=shown,
            remedy=Remedy("ssh-host-keys"),
        )
    elif not keys.good and (keys.refused or not keys.made_at_boot):
        yield Finding(
            "ssh-host-keys-missing",
            "the SSH server has no host keys",
            evidence=shown or tuple(Evidence(path, text="not there") for path in keys.wanted),
            remedy=Remedy("ssh-host-keys"),
        )


def _user(files: GuestReader) -> Iterator[Finding]:
    accounts = read_known(files)
    if accounts is None or not accounts.passwd or not has_programs(files):
        return
    # Systems that are an image have more accounts in /usr, and others make them when they boot.
    elsewhere = files.is_file("/usr/lib/passwd") or any(
        True for _path in files.glob("/usr/lib/sysusers.d/*ssh*")
    )
    if accounts.account("sshd") is not None or elsewhere:
        return
    yield Finding(
        "sshd-user-missing",
        "there is no user sshd: the SSH server does not start without it",
        severity=Severity.SUSPICIOUS,
        evidence=(Evidence("/etc/passwd", text="no line of sshd"),),
        remedy=Remedy("account-files"),
    )


STATION = Station(
    summary="The SSH server, its configuration and its keys",
    place=530,
    look=look,
    families=LINUX,
    causes={
        "sshd-config-broken": "A line of sshd_config, or of a file that it includes, is none that this server knows: "
        "it does not start.",
        "sshd-config-missing": "There is no sshd_config: the server does not start.",
        "ssh-host-keys-missing": "There are no host keys: the server does not start, unless something makes them at "
        "boot. A template was cleaned of them, and nothing is there that makes new ones.",
        "ssh-host-keys-mode": "Others may read the host keys: the server passes over them, after a chmod -R or a copy.",
        "sshd-user-missing": "The account that the server drops its rights to is gone.",
    },
    mended={
        "sshd-config": (
            "sshd-config-broken",
            "sshd-config-missing",
        ),
        "ssh-host-keys": (
            "ssh-host-keys-missing",
            "ssh-host-keys-mode",
        ),
        "account-files": ("sshd-user-missing",),
    },
)

"""The account files, and who can log in: passwd, shadow, group, and what is set for each account.

Whether a password is the right one, nobody can tell. An account counts as one that somebody can log in with if it has a
password, or keys that the SSH server takes. Directory servers (SSSD, LDAP) are not asked: where the guest uses one,
somebody may be able to log in all the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.accounts.account_files import WIDTH, account_file_faults, bad_lines
from imgtools.guest.accounts.users import (
    GROUP,
    PASSWD,
    SHADOW,
    Accounts,
    may_become_root,
    may_log_in,
    read_privileged,
)
from imgtools.guest.health.logins import expired, loose_key_folders, read_known, ways_in
from imgtools.guest.health.programs import has_programs
from imgtools.guest.settings.cloud_init import has_run, is_installed
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity

DIRECTORIES = (
    "/etc/sssd/sssd.conf",
    "/etc/krb5.conf",
    "/etc/nslcd.conf",
    "/etc/samba/smb.conf",
    "/etc/ipa/default.conf",
)

# What gives accounts their keys or passwords when a machine boots, each time or the first one.
AGENTS = (
    "/usr/bin/google_guest_agent",
    "/usr/bin/google_metadata_script_runner",
    "/usr/sbin/waagent",
    "/usr/bin/amazon-ssm-agent",
    "/usr/lib/dracut/modules.d/30ignition",
    "/usr/bin/afterburn",
    "/usr/libexec/initial-setup",
)
MOST_SHOWN = 8  # lines of one file


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps people from logging in."""
    files = examined.files
    lost = list(_lost_files(files))
    yield from lost
    yield from _bad_lines(files)
    accounts = read_known(files)
    if accounts is None:
        yield NotKnown("who can log in: a line of the account files does not parse")
        return
    if not accounts.passwd:
        return
    if accounts.account("root") is None and not any(one.uid == 0 for one in accounts.passwd):
        yield _lost_root()
    yield from _shells(files, accounts)
    yield from _expired(files, accounts)
    if not lost and (files.is_file(SHADOW) or not _says_shadow(files)):
        yield from _nobody(files, accounts)
    for name, path, mode in loose_key_folders(files, accounts):
        yield Finding(
            "ssh-keys-mode",
            f"the SSH server does not look at the keys of {name}: others may write to {path}",
            severity=Severity.SUSPICIOUS,
            evidence=(Evidence(path, text=f"mode {mode:04o}"),),
            advice=f"imgtools chmod go-w {path}; it and what is above it have to be the user's own",
        )


def _lost_files(files: GuestReader) -> Iterator[Finding]:
    for fault in account_file_faults(files):
        path, found = fault.path, files.lstat(fault.path)
        if not fault.restore or path not in (PASSWD, SHADOW, GROUP):
            continue
        if found is None and not has_programs(files) and not files.is_file(f"{path}-"):
            continue  # a tree of a few files never had it
        yield Finding(
            "account-file-missing",
            f"{path} is {'not there' if found is None else 'empty, without an entry, or leads nowhere'}",
            severity=Severity.SUSPICIOUS if path == GROUP else Severity.BROKEN,
            evidence=(
                Evidence(path, text=f"{path}- is there" if files.is_file(f"{path}-") else "no backup either"),
            ),
            remedy=Remedy("account-files") if files.is_file(f"{path}-") else None,
            advice="" if files.is_file(f"{path}-") else "there is no backup: write it anew",
        )


def _says_shadow(files: GuestReader) -> bool:
    accounts = read_known(files)
    return accounts is not None and any(one.password.reveal() == b"x" for one in accounts.passwd)


def _bad_lines(files: GuestReader) -> Iterator[Finding]:
    for path in WIDTH:
        bad = bad_lines(files, path)
        if not bad:
            continue
        words = (
            "a line does not parse, and is" if len(bad) == 1 else f"{len(bad)} lines do not parse, and are"
        )
        yield Finding(
            "account-file-syntax",
            f"{path}: {words} passed over",
            severity=Severity.SUSPICIOUS,
            evidence=tuple(Evidence(path, one.line, one.text) for one in bad[:MOST_SHOWN]),
            remedy=Remedy("account-files"),
            confidence=Confidence.MEDIUM,
        )


def _lost_root() -> Finding:
    return Finding(
        "root-account-missing",
        "there is no account with the number 0: nothing that drops its rights, or takes them, works",
        evidence=(Evidence(PASSWD, text="no line of root"),),
        remedy=Remedy("account-files"),
        confidence=Confidence.MEDIUM,
    )


def _shells(files: GuestReader, accounts: Accounts) -> Iterator[Finding]:
    root = accounts.account("root")
    if root is None or not has_programs(files) or not root.shell or files.is_file(root.shell):
        return
    yield Finding(
        "root-shell-missing",
        f"root's shell {root.shell} is not there: root cannot log in, also not in emergency mode",
        severity=Severity.SUSPICIOUS,
        evidence=(Evidence(PASSWD, root.line, f"shell {root.shell}"),),
        advice="restore its package, or write /bin/sh: imgtools edit",
    )


def _expired(files: GuestReader, accounts: Accounts) -> Iterator[Finding]:
    rules = read_privileged(files)
    for account in accounts.passwd:
        day = expired(accounts, account) if may_log_in(account) else ""
        if day and may_become_root(accounts, account, rules):
            yield Finding(
                "account-expired",
                f"the account {account.name}, which may act as root, has expired",
                severity=Severity.SUSPICIOUS,
                evidence=(Evidence(SHADOW, text=f"expires on day {day} after 1970"),),
                remedy=Remedy("account-unlock", (f"user={account.name}",)),
            )


def _nobody(files: GuestReader, accounts: Accounts) -> Iterator[Seen]:
    ways = ways_in(files, accounts)
    if any(one.is_admin for one in ways):
        return
    if any(files.is_file(path) for path in DIRECTORIES):
        yield NotKnown("who can log in: the guest asks a directory server")
        return
    if (is_installed(files) and not has_run(files)) or any(files.exists(path) for path in AGENTS):
        yield NotKnown(
            "who can log in: cloud-init, or an agent, may give keys and passwords when the guest boots"
        )
        return
    who = ", ".join(one.name for one in ways)
    yield Finding(
        "nobody-can-log-in",
        f"only {who} can log in, and may not act as root"
        if ways
        else "no account has a password or an SSH key",
        severity=Severity.SUSPICIOUS if ways else Severity.BROKEN,
        confidence=Confidence.MEDIUM,
        evidence=(Evidence(SHADOW, text="every account that may act as root is locked"),),
        remedy=Remedy("password", ("user=root",)),
        advice="say which password: --set password.secret=file:PATH",
    )


STATION = Station(
    summary="The account files, and who can log in",
    place=500,
    look=look,
    families=LINUX,
    causes={
        "account-file-missing": "passwd, shadow or group is not there or empty: a full disk while it was written. "
        "Nobody logs in, and services do not find their users.",
        "account-file-syntax": "A line of passwd, shadow, group or gshadow does not parse: its account is not "
        "there for the system.",
        "root-account-missing": "There is no account with the number 0.",
        "root-shell-missing": "The shell of root is not there: its package was removed, or its path has a mistake.",
        "account-expired": "An account that may act as root has a date of expiry that has passed.",
        "nobody-can-log-in": "Root is locked, and no other account that may act as root has a password or SSH keys.",
        "ssh-keys-mode": "Others may write to a user's home, .ssh or authorized_keys: the SSH server passes over the "
        "keys in it.",
    },
    mended={
        "account-files": (
            "account-file-missing",
            "account-file-syntax",
            "root-account-missing",
        ),
        "account-unlock": ("account-expired",),
        "password": ("nobody-can-log-in",),
    },
)

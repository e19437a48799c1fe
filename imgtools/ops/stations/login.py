"""Logging in itself: PAM's modules for login, sshd, sudo and su, and files that forbid it (nologin)."""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.health.pam import FOLDERS, lost_modules
from imgtools.guest.health.programs import has_programs, hidden_system
from imgtools.guest.services.started import Init, find_init, is_masked, unit_path
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity
from imgtools.records.files import FileKind

NOLOGIN = "/etc/nologin"
SESSIONS = "systemd-user-sessions.service"


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what refuses people who log in."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    if files.exists(NOLOGIN):
        removed = ", until systemd removes it at the end of the next boot" if _is_removed(files) else ""
        yield _nologin(NOLOGIN, Severity.SUSPICIOUS if removed else Severity.BROKEN, removed)
    old = files.lstat("/var/run")
    if old is not None and old.kind is FileKind.DIRECTORY and files.exists("/var/run/nologin"):
        # Where /var/run is on the disk, nobody empties it at boot but the init scripts.
        yield _nologin("/var/run/nologin", Severity.SUSPICIOUS)
    for one in lost_modules(files):
        what = f"the file {one.name}" if one.is_file else f"the module {one.name}"
        yield Finding(
            "pam-include-missing" if one.is_file else "pam-module-missing",
            f"PAM needs {what} for {one.service}, and it is not there",
            severity=Severity.BROKEN if one.stops else Severity.SUSPICIOUS,
            evidence=(Evidence(one.path, one.line, one.name),),
            remedy=Remedy("package-files"),
            advice="give the package that has it: --set package-files.file=FILE",
            confidence=Confidence.MEDIUM,
        )
    lost = (
        has_programs(files) and files.is_file("/bin/login") and not any(files.is_dir(one) for one in FOLDERS)
    )
    if lost and any(True for _path in files.glob("/lib/*/security/pam_unix.so")):
        yield Finding(
            "pam-config-missing",
            "there is no /etc/pam.d: PAM refuses everybody",
            evidence=(Evidence("/etc/pam.d", text="not there"),),
            remedy=Remedy("package-files"),
            advice="give the package that has it: --set package-files.file=FILE",
            confidence=Confidence.MEDIUM,
        )


def _is_removed(files: GuestReader) -> bool:
    """Whether systemd removes /etc/nologin when it has booted (src/user-sessions/user-sessions.c)."""
    return (
        find_init(files) is Init.SYSTEMD
        and bool(unit_path(files, SESSIONS))
        and not is_masked(files, SESSIONS)
    )


def _nologin(path: str, severity: Severity, until: str = "") -> Finding:
    return Finding(
        "nologin",
        f"{path} is there: nobody but root may log in{until}",
        severity=severity,
        evidence=(Evidence(path, text="there"),),
        remedy=Remedy("nologin"),
    )


STATION = Station(
    summary="PAM's modules, and what forbids logging in",
    place=510,
    look=look,
    families=LINUX,
    causes={
        "nologin": "While /etc/nologin is there, only root may log in: left behind by a maintenance that did not end. "
        "systemd removes it at the end of each boot, unless systemd-user-sessions.service is masked or not there.",
        "pam-module-missing": "A file of /etc/pam.d names a module that is not there: whoever needs it is refused. A "
        "package was removed without its line, or half an upgrade is to blame.",
        "pam-include-missing": "A file of /etc/pam.d includes one that is not there: the service refuses all.",
        "pam-config-missing": "The folder of PAM's settings is gone.",
    },
    mended={
        "package-files": (
            "pam-module-missing",
            "pam-include-missing",
            "pam-config-missing",
        ),
        "nologin": ("nologin",),
    },
)

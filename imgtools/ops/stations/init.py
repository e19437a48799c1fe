"""The first program that the kernel starts, and the loader, the C library and the libraries that programs need.

Without init the kernel stops: "No working init found", or "Attempted to kill init! exitcode=0x00007f00" where the
loader or the C library is missing. Where only another program lacks a library, that program does not start.

Source: init/main.c of the kernel (kernel_init: /sbin/init, /etc/init, /bin/init, /bin/sh, in this order).
"""

from __future__ import annotations

from collections.abc import Iterator

from imgtools.files.tree import GuestReader
from imgtools.guest.health.programs import Lost, elf_of, has_programs, hidden_system, lost_libraries, unmerged
from imgtools.ops.operation import LINUX
from imgtools.ops.station import Examined, Seen, Station
from imgtools.records.diagnosis import Confidence, Evidence, Finding, NotKnown, Remedy, Severity

INITS = ("/sbin/init", "/etc/init", "/bin/init", "/bin/sh")
EXECUTABLE = 0o111
GIVE_PACKAGE = "give the package that has it: --set package-files.file=FILE, or package-files.package=NAME"


def look(examined: Examined) -> Iterator[Seen]:
    """Yield what keeps init from starting, the cause before what follows from it."""
    files = examined.files
    if hidden := hidden_system(examined.system):
        yield NotKnown(f"{hidden} could not be mounted")
        return
    if links := unmerged(files):
        yield from (_unmerged(path, target) for path, target in links)
        return
    if not any(files.is_file(path) for path in INITS):
        yield _no_init(examined, "the guest has no /sbin/init, and none of the programs tried in its place")
        return
    if has_programs(files):
        yield from _init(examined)
        yield from (_lost(one) for one in lost_libraries(files) if one.name != "/sbin/init")


def _unmerged(path: str, target: str) -> Finding:
    return Finding(
        "usrmerge-link-missing",
        f"{path} is not there, which leads to {target} on this system",
        evidence=(Evidence(path, text=f"no link to {target}"),),
        remedy=Remedy("usrmerge-links"),
    )


def _no_init(examined: Examined, text: str) -> Finding:
    systemd = next(
        (p for p in ("/usr/lib/systemd/systemd", "/lib/systemd/systemd") if examined.files.is_file(p)), ""
    )
    return Finding(
        "init-missing",
        text,
        evidence=(Evidence("/sbin/init", text=_what_is_there(examined.files)),),
        remedy=Remedy("init-link") if systemd else None,
        advice="" if systemd else "restore the package that has it (systemd-sysv, systemd, sysvinit)",
    )


def _what_is_there(files: GuestReader) -> str:
    found = files.lstat("/sbin/init")
    return f"a link to {files.read_link('/sbin/init')}, which is not there" if found else "not there"


def _init(examined: Examined) -> Iterator[Finding]:
    """Yield what is wrong with init itself; without it the kernel goes on to a shell, which is no system."""
    files = examined.files
    if not files.is_file("/sbin/init"):
        yield _no_init(examined, "/sbin/init is not there, and the kernel starts a bare shell in its place")
        return
    stat, path = files.stat("/sbin/init"), files.resolve("/sbin/init")
    if not stat.mode & EXECUTABLE:
        yield Finding(
            "init-not-executable",
            f"nobody may execute {path}",
            evidence=(Evidence(path, text=f"mode {stat.mode:04o}"),),
            advice=f"imgtools chmod 0755 {path}",
        )
    elf = elf_of(files, path)
    if elf is not None and elf.damage:
        yield Finding(
            "init-damaged",
            f"{path} is damaged: {elf.damage}",
            evidence=(Evidence(path, text=elf.damage),),
            remedy=Remedy("package-files"),
            advice=GIVE_PACKAGE,
            confidence=Confidence.MEDIUM,
        )


def _lost(one: Lost) -> Finding:
    """Say what a program lacks. For the C library and the loader there is a repair where they are somewhere."""
    name = "libc-missing" if one.is_c_library else "library-missing"
    stops = one.is_c_library or one.program in ("/sbin/init", "/bin/sh")
    there = one.candidate and not one.damage
    text = f"{one.name} is damaged: {one.damage}" if one.damage else f"{one.name} is not there"
    shown = one.damage or (
        f"a link that leads to nothing; {_candidate(one)}" if one.link else _candidate(one)
    )
    return Finding(
        name.replace("missing", "damaged") if one.damage else name,
        f"{text}, which {one.program} needs",
        severity=Severity.BROKEN if stops else Severity.SUSPICIOUS,
        confidence=Confidence.HIGH if there and one.is_c_library else Confidence.MEDIUM,
        evidence=(Evidence(one.path or one.link or one.name, text=shown),),
        remedy=Remedy("libc-links") if there and one.is_c_library else Remedy("package-files"),
        advice="" if there and one.is_c_library else GIVE_PACKAGE,
    )


def _candidate(one: Lost) -> str:
    return f"there is {one.candidate}" if one.candidate else "not there"


STATION = Station(
    summary="The first program, the C library and its loader",
    place=400,
    look=look,
    families=LINUX,
    causes={
        "init-missing": "The kernel starts /sbin/init first. Where it is missing, or is a link to a file that is not "
        "there, the kernel panics: No working init found.",
        "init-not-executable": "/sbin/init has no right to be executed, after a chmod -R most of the time: the kernel "
        "panics with error -13.",
        "init-damaged": "The file that is init is empty or cut: a power cut in the middle of an update, a full disk.",
        "usrmerge-link-missing": "On systems whose /bin, /sbin and /lib lead into /usr, one of these links is gone: "
        "nothing finds its programs, or their loader. A tar unpacked over the root, or a hand-made move, does this.",
        "libc-missing": "The C library or its loader is not there, or its link leads nowhere: no program starts, and "
        "the kernel panics with exitcode=0x00007f00.",
        "libc-damaged": "The C library or its loader is empty or cut: no program starts.",
        "library-missing": "A library that an essential program needs is not there: half of an upgrade, or a package "
        "removed by force.",
        "library-damaged": "A library or a program that is essential is empty or cut.",
    },
    mended={
        "usrmerge-links": ("usrmerge-link-missing",),
        "init-link": ("init-missing",),
        "package-files": (
            "init-damaged",
            "libc-damaged",
            "library-missing",
            "library-damaged",
        ),
        "libc-links": ("libc-missing",),
    },
)

"""What a Linux guest starts by itself: systemd, SysV init, OpenRC, runit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from imgtools.files.tree import GuestReader
from imgtools.records.files import FileKind

ADMIN_UNITS = "/etc/systemd/system"
VENDOR_UNITS = ("/usr/lib/systemd/system", "/lib/systemd/system")
UNIT_LIMIT = 1 << 20
MAX_FOLDERS = 500


class Init(StrEnum):
    """The first process of a guest."""

    SYSTEMD = "systemd"
    UPSTART = "upstart"
    OPENRC = "openrc"
    SYSVINIT = "sysvinit"
    RUNIT = "runit"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class EnablingLink:
    """The symbolic link that makes a service start: create it to enable, remove it to disable."""

    path: str
    target: str


def find_init(files: GuestReader) -> Init:
    """Return what starts the guest: where /sbin/init leads, else what is installed."""
    if files.exists("/sbin/init"):
        name = files.resolve("/sbin/init")
        for init, part in ((Init.SYSTEMD, "systemd"), (Init.UPSTART, "upstart"), (Init.OPENRC, "openrc")):
            if part in name:
                return init
        if name.endswith("/runit-init"):
            return Init.RUNIT
    marks = (
        (Init.SYSTEMD, ("/usr/lib/systemd/systemd", "/lib/systemd/systemd", ADMIN_UNITS)),
        (Init.OPENRC, ("/sbin/openrc", "/sbin/openrc-run", "/usr/bin/openrc-run", "/etc/runlevels")),
        (Init.UPSTART, ("/sbin/initctl",)),
        (Init.RUNIT, ("/etc/runit",)),
        (Init.SYSVINIT, ("/etc/inittab", "/etc/rc.d/rc3.d", "/etc/rc2.d")),
    )
    for init, paths in marks:
        if any(files.exists(path) for path in paths):
            return init
    return Init.UNKNOWN


def find_default_target(files: GuestReader, init: Init) -> str:
    """Return what the guest boots into: ``multi-user.target``, ``3`` (SysV), ``default`` (OpenRC); "" if unknown."""
    if init is Init.SYSTEMD:
        for folder in (ADMIN_UNITS, *VENDOR_UNITS):
            found = files.lstat(f"{folder}/default.target")
            if found is not None and found.kind is FileKind.LINK:
                return files.read_link(f"{folder}/default.target").rpartition("/")[2]
        return ""
    if init is Init.OPENRC:
        return "default"
    for line in _text(files, "/etc/inittab").split("\n"):
        if match := re.match(r"\s*\w+:(\d):initdefault:", line):
            return match[1]
    return ""


def _text(files: GuestReader, path: str) -> str:
    if not files.is_file(path) or files.stat(path).size > UNIT_LIMIT:
        return ""
    return files.read_text(path, limit=UNIT_LIMIT)


# -- systemd ---------------------------------------------------------------------------------------------------


def unit_path(files: GuestReader, unit: str) -> str:
    """Return the file of a unit, the administrator's before the vendor's; "" if there is none."""
    for folder in (ADMIN_UNITS, *VENDOR_UNITS):
        if files.is_file(f"{folder}/{unit}"):
            return f"{folder}/{unit}"
    return ""


def is_masked(files: GuestReader, unit: str) -> bool:
    """Whether the administrator forbade a unit: a link to /dev/null, or an empty file."""
    path = f"{ADMIN_UNITS}/{unit}"
    found = files.lstat(path)
    if found is None:
        return False
    if found.kind is FileKind.LINK:
        return files.read_link(path) == "/dev/null"
    return found.kind is FileKind.FILE and found.size == 0


def enabled_units(files: GuestReader) -> tuple[str, ...]:
    """Return the units that the administrator's links start, sorted; those of the vendor's own links are not told."""
    if not files.is_dir(ADMIN_UNITS):
        return ()
    names: set[str] = set()
    folders = [entry.name for entry in files.list_dir(ADMIN_UNITS) if _is_wants(entry.name)]
    for folder in folders[:MAX_FOLDERS]:
        if files.is_dir(f"{ADMIN_UNITS}/{folder}"):
            names.update(entry.name for entry in files.list_dir(f"{ADMIN_UNITS}/{folder}"))
    return tuple(sorted(name for name in names if not is_masked(files, name)))


def _is_wants(name: str) -> bool:
    return name.endswith((".wants", ".requires", ".upholds"))


def install_section(text: str) -> dict[str, list[str]]:
    """Return the lists of a unit's [Install] section: WantedBy, RequiredBy, Alias, Also."""
    section = ""
    found: dict[str, list[str]] = {}
    for line in text.replace("\\\n", " ").split("\n"):
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1]
        elif section == "Install" and "=" in stripped and not stripped.startswith(("#", ";")):
            key, _, value = stripped.partition("=")
            found.setdefault(key.strip(), []).extend(value.split())
    return found


def enabling_links(files: GuestReader, service: str) -> tuple[EnablingLink, ...]:
    """Return the links that enable a service, by the guest's own init; empty if it cannot be enabled."""
    init = find_init(files)
    if init is Init.SYSTEMD:
        return tuple(_systemd_links(files, service if "." in service else f"{service}.service"))
    name = service.removesuffix(".service")
    if not files.exists(f"/etc/init.d/{name}") and init is not Init.RUNIT:
        return ()
    if init is Init.OPENRC:
        return (EnablingLink(f"/etc/runlevels/default/{name}", f"/etc/init.d/{name}"),)
    if init is Init.RUNIT:
        there = files.is_dir(f"/etc/sv/{name}")
        return (EnablingLink(f"/etc/runit/runsvdir/default/{name}", f"/etc/sv/{name}"),) if there else ()
    return tuple(_sysv_links(files, name))


def _systemd_links(files: GuestReader, unit: str) -> Iterator[EnablingLink]:
    template, at, instance = unit.partition("@")
    source = unit
    if at and instance.partition(".")[0]:
        source = f"{template}@.{unit.rpartition('.')[2]}"
    path = unit_path(files, source)
    if not path:
        return
    install = install_section(_text(files, path))
    for key, folder in (("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")):
        for wanter in install.get(key, ()):
            if "/" not in wanter:
                yield EnablingLink(f"{ADMIN_UNITS}/{wanter}.{folder}/{unit}", path)
    for alias in install.get("Alias", ()):
        if "/" not in alias and alias != unit:
            yield EnablingLink(f"{ADMIN_UNITS}/{alias}", path)


def _sysv_links(files: GuestReader, name: str) -> Iterator[EnablingLink]:
    """Read run levels and order from ``# chkconfig: 2345 55 25`` or from the LSB header's Default-Start."""
    text = _text(files, f"/etc/init.d/{name}")
    levels, order = "2345", "50"
    if match := re.search(
        r"^#[ \t]*chkconfig:[ \t]*([0-6]+)[ \t]+(\d{1,2})[ \t]+\d{1,2}", text, re.MULTILINE
    ):
        levels, order = match[1], match[2]
    elif match := re.search(r"^#[ \t]*Default-Start:([ \t0-6S]*)$", text, re.MULTILINE):
        levels = "".join(match[1].split())
    for level in levels:
        folder = f"/etc/rc.d/rc{level}.d" if files.is_dir("/etc/rc.d/rc3.d") else f"/etc/rc{level}.d"
        yield EnablingLink(f"{folder}/S{int(order):02d}{name}", f"../init.d/{name}")


def is_enabled(files: GuestReader, service: str) -> bool:
    """Whether the guest starts a service by itself."""
    init = find_init(files)
    name = service.removesuffix(".service")
    if init is Init.SYSTEMD:
        unit = service if "." in service else f"{service}.service"
        return not is_masked(files, unit) and any(
            files.lstat(link.path) is not None for link in _systemd_links(files, unit)
        )
    if init is Init.OPENRC:
        return bool(list(files.glob(f"/etc/runlevels/*/{_plain(name)}")))
    if init is Init.RUNIT:
        return files.lstat(f"/etc/runit/runsvdir/default/{name}") is not None
    return bool(list(files.glob(f"/etc/{{rc.d/,}}rc[2345].d/S[0-9][0-9]{_plain(name)}")))


def _plain(name: str) -> str:
    """Make a name safe inside a glob."""
    return re.sub(r"[^\w.@-]", "?", name)


def enabled_services(files: GuestReader) -> tuple[str, ...]:
    """Return what the administrator or the distribution enabled, by the guest's own init, sorted."""
    init = find_init(files)
    if init is Init.SYSTEMD:
        return enabled_units(files)
    if init is Init.OPENRC:
        return _names(files, "/etc/runlevels/*/*", "")
    if init is Init.RUNIT:
        return _names(files, "/etc/runit/runsvdir/default/*", "")
    return _names(files, "/etc/{rc.d/,}rc[2345].d/S[0-9][0-9]*", r"^S\d\d")


def _names(files: GuestReader, pattern: str, prefix: str) -> tuple[str, ...]:
    found = (path.rpartition("/")[2] for path in files.glob(pattern))
    return tuple(sorted({re.sub(prefix, "", name) if prefix else name for name in found}))

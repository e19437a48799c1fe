"""Turning services on and off, by the guest's own init: systemd, OpenRC, SysV init, upstart, runit.

``on`` and ``off`` are what ``systemctl enable`` and ``disable``, ``rc-update`` or ``chkconfig`` do; ``mask`` and
``unmask`` are systemd's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, MakeLink, Remove, WriteFile
from imgtools.errors import NotInGuest, UnsupportedGuest, UsageError
from imgtools.files.tree import GuestReader
from imgtools.guest.services.started import (
    ADMIN_UNITS,
    EnablingLink,
    Init,
    enabling_links,
    find_init,
    install_section,
    is_masked,
    unit_path,
)
from imgtools.records.files import FileKind

STATES = ("on", "off", "mask", "unmask")
UNIT = r"[A-Za-z0-9:_.@-]+"
TYPES = (".service", ".socket", ".timer", ".path", ".target", ".mount", ".automount", ".swap")
MAX_UNITS = 20  # that one unit takes along by Also=


def switch_service(files: GuestReader, name: str, state: str) -> Iterator[Change]:
    """Yield the links and files that turn a service on or off.

    :raises UsageError: it is no name.
    :raises NotInGuest: a masked service is turned on.
    :raises UnsupportedGuest: the guest has no such service, or it cannot be turned on or off.
    """
    if not re.fullmatch(UNIT, name):
        raise UsageError(f"not the name of a service: {name!r}")
    init = find_init(files)
    if init is Init.SYSTEMD:
        yield from _systemd(files, name if name.endswith(TYPES) else f"{name}.service", state)
        return
    if state in ("mask", "unmask"):
        raise UnsupportedGuest(f"only systemd masks services, and the guest has {init.value}")
    name = name.removesuffix(".service")
    if init is Init.UPSTART and files.is_file(f"/etc/init/{name}.conf"):
        yield from _upstart(files, name, state)
    elif init in (Init.OPENRC, Init.RUNIT):
        yield from _links(files, name, state)
    else:
        yield from _sysv(files, name, state)


def no_such(name: str, hint: str = "") -> UnsupportedGuest:
    """The error for a service that cannot be turned on or off."""
    return UnsupportedGuest(f"the guest has no service {name} that can be enabled", hint=hint)


# -- systemd -------------------------------------------------------------------------------------------------


def _systemd(files: GuestReader, unit: str, state: str) -> Iterator[Change]:
    path = f"{ADMIN_UNITS}/{unit}"
    masked = is_masked(files, unit)
    if state == "unmask":
        if masked:
            yield Remove(path)
        return
    if state == "mask":
        found = files.lstat(path)
        if found is not None and found.kind is FileKind.FILE and not masked:
            raise UnsupportedGuest(f"{path} is a unit of its own, and cannot be masked", hint="--delete it")
        if not masked:
            yield MakeLink(path, "/dev/null")
        return
    if masked and state == "on":
        raise NotInGuest(f"{unit} is masked", hint=f"--service {unit}:unmask first")
    for one in [unit] if masked else _with_others(files, _true_name(files, unit)):
        links = enabling_links(files, one)
        if state == "off":
            yield from _unlink(files, one, links)
        else:
            yield from _link(files, links)


def _true_name(files: GuestReader, unit: str) -> str:
    """The name of the unit itself, where an alias of it was named: Debian's sshd is ssh."""
    source = re.sub(r"@[^.]+", "@", unit)
    path = unit_path(files, source)
    if not path:
        raise no_such(unit)
    true = files.resolve(path).rpartition("/")[2]
    return unit if true == source or not re.fullmatch(UNIT, true) else true


def _with_others(files: GuestReader, unit: str) -> list[str]:
    """The unit, and those that its Also= takes along."""
    units: list[str] = []
    todo = [unit]
    can_be = False
    while todo and len(units) < MAX_UNITS:
        one = todo.pop(0)
        path = unit_path(files, re.sub(r"@[^.]+", "@", one))
        if one in units or not path:
            continue
        units.append(one)
        said = install_section(files.read_text(path))
        can_be = can_be or bool(enabling_links(files, one))
        todo += [name for name in said.get("Also", ()) if re.fullmatch(UNIT, name)]
    if not can_be:
        raise no_such(unit, f"it is started by others; --service {unit}:mask keeps it from that")
    return units


def _link(files: GuestReader, links: tuple[EnablingLink, ...]) -> Iterator[Change]:
    for one in links:
        if files.lstat(one.path) is None:
            folder = one.path.rpartition("/")[0]
            if not files.is_dir(folder):
                yield MakeDirectory(folder)
            yield MakeLink(one.path, one.target)


def _unlink(files: GuestReader, unit: str, links: tuple[EnablingLink, ...]) -> Iterator[Change]:
    """Every link that starts it, also those that an administrator made under another target."""
    plain = re.sub(r"[^\w.@-]", "?", unit)
    wanted = set(files.glob(f"{ADMIN_UNITS}/*.{{wants,requires,upholds}}/{plain}"))
    wanted |= {one.path for one in links}
    for path in sorted(wanted):
        found = files.lstat(path)
        if found is not None and found.kind is FileKind.LINK:
            yield Remove(path)


# -- others --------------------------------------------------------------------------------------------------


def _links(files: GuestReader, name: str, state: str) -> Iterator[Change]:
    """OpenRC's run levels, runit's folder of services."""
    links = enabling_links(files, name)
    if not links:
        raise no_such(name)
    there = [path for path in files.glob("/etc/runlevels/*/*") if path.endswith(f"/{name}")]
    if state == "on" and not there:
        yield from _link(files, links)
    elif state == "off":
        yield from (Remove(path) for path in there)
        yield from (Remove(one.path) for one in links if one.path not in there and files.lstat(one.path))


def _upstart(files: GuestReader, name: str, state: str) -> Iterator[Change]:
    """init(5): ``manual`` in NAME.override keeps a job from starting by itself."""
    path = f"/etc/init/{name}.override"
    text = files.read_text(path) if files.is_file(path) else ""
    kept = re.sub(r"(?m)^manual\s*\n?", "", text)
    if state == "off":
        kept = f"{kept}manual\n"
    if kept != text:
        yield WriteFile(path, kept.encode()) if kept else Remove(path)


def _sysv(files: GuestReader, name: str, state: str) -> Iterator[Change]:
    """S links start and K links stop. Without any, the next package update would make the usual ones again."""
    links = enabling_links(files, name)
    if not links:
        raise no_such(name)
    plain = re.sub(r"[^\w.-]", "?", name)
    folders = {one.path.rpartition("/")[0]: one for one in links}
    for folder, one in folders.items():
        starts = list(files.glob(f"{folder}/S[0-9][0-9]{plain}"))
        stops = list(files.glob(f"{folder}/K[0-9][0-9]{plain}"))
        if not files.is_dir(folder):
            yield MakeDirectory(folder)
        if state == "on" and not starts:
            yield from (Remove(path) for path in stops)
            yield MakeLink(one.path, one.target)
        elif state == "off" and (starts or not stops):
            yield from (Remove(path) for path in starts)
            number = 100 - int(one.path.rpartition("/")[2][1:3])
            if not stops:
                yield MakeLink(f"{folder}/K{min(number, 99):02d}{name}", one.target)

"""Checks of what a Linux guest starts by itself, by its own init."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from imgtools.change.change import MakeDirectory, MakeLink
from imgtools.files.tree import GuestReader
from imgtools.guest.services.started import (
    ADMIN_UNITS,
    Init,
    enabled_services,
    find_init,
    is_masked,
    unit_path,
)
from imgtools.ops.check import Fix, Flaw, Seen, always
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.audit import Level
from imgtools.records.diagnosis import NotThere
from imgtools.records.files import FileKind

KINDS = (".service", ".socket", ".timer", ".path", ".target")


def init_of(examined: Examined) -> Init:
    """What starts the guest."""
    return find_init(examined.files)


def started(examined: Examined) -> Mapping[str, str]:
    """Return what is started and is there: the name without ``.service``, and the unit or script."""
    files = examined.files
    is_systemd = examined.once(init_of) is Init.SYSTEMD
    found: dict[str, str] = {}
    for name in (*enabled_services(files), *(_vendor(files) if is_systemd else ())):
        path = (
            unit_path(files, template(name)) or unit_path(files, name) if is_systemd else _script(files, name)
        )
        path = path or _script(files, name)
        if path:
            found[name.removesuffix(".service")] = path
            # sshd may be an alias of ssh: the name of the unit itself counts as well.
            found.setdefault(files.resolve(path).rpartition("/")[2].removesuffix(".service"), path)
    return found


def template(unit: str) -> str:
    """Return the name of the unit's file: getty@tty1.service is of getty@.service."""
    return re.sub(r"@.+(?=\.\w+$)", "@", unit)


def _vendor(files: GuestReader) -> Iterator[str]:
    """What the distribution's own links start; those that are forbidden left out."""
    for path in files.glob("{/usr,}/lib/systemd/system/*.target.wants/*"):
        name = path.rpartition("/")[2]
        if "/initrd" not in path and not is_masked(files, name):
            yield name
    # Scripts of SysV init without a unit of their name: systemd-sysv-generator(8).
    for path in files.glob("/etc/{rc.d/,}rc[2345].d/S[0-9][0-9]*"):
        name = path.rpartition("/")[2][3:]
        if not unit_path(files, f"{name}.service") and not is_masked(files, f"{name}.service"):
            yield name


def _script(files: GuestReader, name: str) -> str:
    places = (f"/etc/init.d/{name}", f"/etc/sv/{name}", f"/etc/init/{name}.conf")
    return next((path for path in places if files.exists(path)), "")


def starts(examined: Examined, *names: str) -> str:
    """Return the first of some services that the guest starts; "" if it starts none of them."""
    there = examined.once(started)
    return next((name for name in names if name in there), "")


def is_installed(files: GuestReader, name: str) -> bool:
    """Whether the guest has a service, started or not."""
    unit = name if name.endswith(KINDS) else f"{name}.service"
    return bool(unit_path(files, unit) or _script(files, name))


def does_not_start(
    services: Mapping[str, str], *, severity: Level | None = None
) -> Callable[..., Iterable[Seen]]:
    """Return the look that wants some services not to be started: their names, and what each does.

    There is no fix: whether somebody needs it, only a person knows.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        if examined.once(init_of) is Init.UNKNOWN:
            yield NotThere("the guest has no init")
            return
        for name, path in started_of(examined, services).items():
            yield Flaw(
                f"{name} is started: {services[name]}",
                path,
                subject=name,
                severity=severity,
                advice=f"imgtools customize --service {name}:off, if nobody needs it",
            )

    return look


def started_of(examined: Examined, names: Iterable[str]) -> dict[str, str]:
    """Return which of some services are started, each with its unit; a second name for one is left out."""
    there = examined.once(started)
    found: dict[str, str] = {}
    for name in names:
        if name in there and there[name] not in found.values():
            found[name] = there[name]
    return found


def masking(files: GuestReader, unit: str) -> Fix | None:
    """Return the fix that forbids a unit, which nobody can miss; None if the administrator wrote one of that name."""
    path = f"{ADMIN_UNITS}/{unit}"
    found = files.lstat(path)
    if found is not None and found.kind is not FileKind.LINK:
        return None
    folder = () if files.is_dir(ADMIN_UNITS) else (MakeDirectory(ADMIN_UNITS),)
    return always(*folder, MakeLink(path, "/dev/null"))

"""Which operating systems there are, with their packages, users, mounts and services."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from imgtools.fleet.kind import Kind, Moment, Table, row_of
from imgtools.records.packages import Application
from imgtools.records.request import ImageRequest
from imgtools.records.windows import WindowsService
from imgtools.workflows.inspect import InspectedGuest, InspectReport, UserRow, Wanted, inspect


class GuestRow(NamedTuple):
    """An operating system; ``root`` is the device of its root."""

    root: str
    type: str
    distro: str
    product_name: str
    product_variant: str
    major: int
    minor: int
    arch: str
    hostname: str
    package_format: str
    osinfo: str
    firmware: str
    bootloader: str
    kernel: str  # the version of the one that boots by default
    machine_id: str
    timezone: str
    init: str
    default_target: str
    network: str
    selinux: str
    cloud_init: bool | None
    ssh_host_keys: int | None


class PackageRow(NamedTuple):
    """An installed package or program of a guest."""

    root: str
    name: str
    version: str
    release: str
    epoch: int
    arch: str
    publisher: str
    source_package: str
    license: str


class AccountRow(NamedTuple):
    """An account of a guest. ``password`` is set, locked or empty; no secret is in it."""

    root: str
    name: str
    uid: int | None
    gid: int | None
    sid: str
    full_name: str
    home: str
    shell: str
    member_of: str  # names of groups, with commas between them
    password: str
    password_method: str
    can_log_in: bool | None
    administrator: bool | None
    ssh_keys: int | None
    last_login: Moment | None


class MountedRow(NamedTuple):
    """What a guest mounts; ``missing``: its fstab names it, and the image has it not."""

    root: str
    path: str
    device: str
    content: str
    options: str
    missing: bool


class ServiceRow(NamedTuple):
    """A service that a guest starts by itself."""

    root: str
    name: str


def _ask(request: ImageRequest) -> InspectReport:
    return inspect(request, Wanted(icon=False))


def _rows(report: InspectReport) -> Iterator[tuple[Any, ...]]:
    for guest in report.guests:
        yield _guest(guest)
        for application in guest.applications or ():
            yield _package(guest.root, application)
        for user in guest.users:
            yield _account(guest.root, user)
        for is_missing, mounts in ((False, guest.mounts), (True, guest.missing)):
            for one in mounts:
                yield row_of(MountedRow, one, root=guest.root, missing=is_missing)
        for name in _services(guest):
            yield ServiceRow(guest.root, name)


def _guest(guest: InspectedGuest) -> GuestRow:
    system, settings, start = guest.os, guest.settings, guest.start
    default = next((one.version for one in guest.boot.kernels if one.default), "")
    return row_of(
        GuestRow,
        system,
        root=guest.root,
        type=system.type.value,
        firmware=guest.boot.firmware,
        bootloader=guest.boot.loader,
        kernel=default,
        machine_id=settings.machine_id if settings else "",
        timezone=settings.timezone if settings else guest.windows.timezone if guest.windows else "",
        init=start.init.value if start else "",
        default_target=start.default_target if start else "",
        network=guest.network.family if guest.network else "",
        selinux=guest.selinux.mode if guest.selinux else "",
        cloud_init=settings.cloud_init.installed if settings else None,
        ssh_host_keys=len(settings.ssh_host_keys) if settings else None,
    )


def _package(root: str, one: Application) -> PackageRow:
    return row_of(PackageRow, one, root=root, name=one.display_name or one.name)


def _account(root: str, user: UserRow) -> AccountRow:
    return row_of(
        AccountRow,
        user,
        root=root,
        member_of=",".join(user.groups),
        last_login=None if user.last_login is None else Moment(user.last_login),
    )


def _services(guest: InspectedGuest) -> tuple[str, ...]:
    if guest.start is not None:
        return guest.start.enabled
    return tuple(one.name for one in guest.windows.services if _is_automatic(one)) if guest.windows else ()


def _is_automatic(service: WindowsService) -> bool:
    return service.start in ("auto", "delayed")


KIND = Kind(
    ask=_ask,
    rows=_rows,
    tables={
        "guests": Table(GuestRow, ("root",)),
        "packages": Table(PackageRow, ("root", "name", "arch")),
        "users": Table(AccountRow, ("root", "name")),
        "mounts": Table(MountedRow, ("root", "path", "device")),
        "services": Table(ServiceRow, ("root", "name")),
    },
)

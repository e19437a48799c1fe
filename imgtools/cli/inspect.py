"""imgtools inspect."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from imgtools.cli.command.groups import EachSource, Output
from imgtools.cli.command.several import Rules
from imgtools.cli.output.documents import TIME_FIELDS
from imgtools.cli.output.views import Cell, Column, Facts, Lines, Table, View
from imgtools.errors import UsageError
from imgtools.units import format_size, format_time

if TYPE_CHECKING:
    from imgtools.workflows.inspect import InspectedGuest, InspectReport, UserRow

SECTION = "See what an image holds"
WAITS = True
EXAMPLES = (
    "imgtools inspect disk.qcow2",
    "imgtools inspect --no-applications disk.qcow2",
    "imgtools inspect --json disk.qcow2 | jq '.data.guests[].os.product_name'",
    "imgtools inspect --json windows.qcow2 | jq -r '.data.guests[].windows.hotfixes[].kb'",
    "imgtools inspect -P 4 --json-lines /var/lib/libvirt/images/*.qcow2 | jq -r '.data.guests[]?.os.distro'",
    "imgtools inspect --xml disk.qcow2 | virt-inspector --xpath '//application/name'",
)
SEVERAL = Rules(one_image=("--xml",))
SHOWN = 12  # names on a line of the terminal's view, before "and 30 more"
NAME = 14  # letters of the first column, so that sections stand in line
SYSTEM_UIDS = 1000  # below it are the accounts of services, except root (login.defs: UID_MIN)


def command(
    source: EachSource,
    out: Output,
    applications: Annotated[
        bool, typer.Option("--applications/--no-applications", help="List installed packages and programs.")
    ] = True,
    icon: Annotated[bool, typer.Option("--icon/--no-icon", help="Give the system's picture (PNG).")] = True,
    xml: Annotated[bool, typer.Option("--xml", help="Print XML as virt-inspector does.")] = False,
) -> None:
    """Tell which system is in an image, and what is in it.

    Distribution and version, mount points, packages, kernels and boot loader, users, services, network and more,
    for Linux and Windows; several systems in one image are told one after the other, unless --root chooses one. Of
    Windows also updates, drivers, scheduled tasks, firewall, boot entries and what waits for a reboot.

    On a terminal a summary; in a pipe a line for every fact, with its name and value.
    """
    from imgtools.workflows.inspect import Wanted, inspect

    if xml and out.json:
        raise UsageError("--xml does not go with --json")
    summary = out.on_terminal and not xml
    report = inspect(source, Wanted(applications, icon and not summary))
    if xml:
        from imgtools.reports.inspect_xml import inspect_xml

        for warning in report.warnings:
            out.warn(warning)
        out.text(inspect_xml(report))
        return
    out.show(
        report,
        schema="imgtools.inspect/1",
        view=lambda: [view for guest in report.guests for view in _summary(guest)],
        pipe=lambda: Facts(list(_lines(report))),
    )


# -- for people ------------------------------------------------------------------------------------------------


def _summary(guest: InspectedGuest) -> Iterator[View]:
    sold_as = guest.windows.name if guest.windows else ""
    title = f"{sold_as or guest.os.product_name or guest.os.distro} on {guest.root}"
    yield from _section(title, _system(guest))
    mounts = [(mount.path, f"{mount.device}  {mount.content}") for mount in guest.mounts]
    yield from _section("Mount points", mounts)
    mounted = {mount.device for mount in guest.mounts}
    others = [
        (row.device, f"{row.content}  {format_size(row.size)}  {row.label}".rstrip())
        for row in guest.filesystems
        if row.device not in mounted
    ]
    yield from _section("Other filesystems", others)
    yield from _section("Boot", _boot(guest))
    yield from _section("Settings", _settings(guest))
    yield from _section("Windows", _windows(guest))
    if people := [user for user in guest.users if _is_person(user)]:
        yield Lines(["", f"Users ({len(people)} of {len(guest.users)})"])
        yield Table(
            ("Name", "Id", "Home", "Password", Column("SSH keys", right=True), "Administrator"),
            [_user(user) for user in people],
        )
    if guest.applications:
        yield from _section(
            "Packages", [("Installed", len(guest.applications)), ("Names", _few(_names(guest)))]
        )


def _section(title: str, pairs: Iterable[tuple[str, Cell]]) -> Iterator[View]:
    """A title and the facts below it; nothing without facts."""
    if rows := [(f"  {name:<{NAME}}", value) for name, value in pairs]:
        yield Lines(["", title])
        yield Facts(rows)


def _system(guest: InspectedGuest) -> Iterator[tuple[str, Cell]]:
    os = guest.os
    version = f"{os.major}.{os.minor}" if os.minor else str(os.major)
    yield "Type", os.type.value
    yield "Distribution", os.distro if not os.major else f"{os.distro} {version}"
    if like := [name for name in os.families if name != os.distro]:
        yield "Like", " ".join(like)
    for name, value in (
        ("Variant", os.product_variant),
        ("Build", guest.windows.build if guest.windows else os.build_id),
        ("Architecture", os.arch),
        ("Host name", os.hostname),
        ("Packages", " ".join(dict.fromkeys(filter(None, (os.package_format, os.package_management))))),
        ("System folder", os.windows_systemroot),
        ("Osinfo id", os.osinfo if os.osinfo != "unknown" else ""),
    ):
        if value:
            yield name, value
    for drive in guest.drives:
        yield f"Drive {drive.letter}:", drive.device


def _boot(guest: InspectedGuest) -> Iterator[tuple[str, Cell]]:
    boot = guest.boot
    if boot.firmware:
        yield "Firmware", boot.firmware
    if boot.loader:
        yield "Boot loader", f"{boot.loader} {boot.config}".strip()
    if guest.windows is not None:
        from imgtools.cli.output.inspect_windows import windows_boot

        yield from windows_boot(guest.windows)
    for kernel in boot.kernels:
        yield "Kernel", f"{kernel.version}{' (default)' if kernel.default else ''}  {kernel.vmlinuz}"
        if kernel.default and kernel.cmdline:
            yield "Command line", kernel.cmdline


def _settings(guest: InspectedGuest) -> Iterator[tuple[str, Cell]]:
    if guest.start:
        yield "Init", f"{guest.start.init.value} {guest.start.default_target}".strip()
        if guest.start.enabled:
            yield "Starts", _few(list(guest.start.enabled))
    if guest.network and guest.network.family:
        yield "Network", " by ".join(filter(None, (guest.network.family, guest.network.renderer)))
    if guest.selinux and guest.selinux.mode:
        yield "SELinux", f"{guest.selinux.mode} {guest.selinux.policy}".strip()
    if found := guest.settings:
        cloud = found.cloud_init
        state = (
            "off"
            if cloud.disabled
            else f"ran for {cloud.instance_id}"
            if cloud.instance_id
            else "has not run"
        )
        yield "Machine id", found.machine_id
        for name, value in (
            ("Time zone", found.timezone),
            ("Language", found.locale),
            ("Keyboard", found.keymap),
            ("cloud-init", state if cloud.installed else ""),
            ("Agents", " ".join(found.agents)),
        ):
            if value:
                yield name, value
    if guest.windows is not None:
        from imgtools.cli.output.inspect_windows import windows_settings

        yield from windows_settings(guest.windows)


def _windows(guest: InspectedGuest) -> Iterator[tuple[str, Cell]]:
    if guest.windows is not None:
        from imgtools.cli.output.inspect_windows import windows_state

        yield from windows_state(guest.windows)


def _is_person(user: UserRow) -> bool:
    if user.uid is None:
        return True
    return user.uid == 0 or (user.can_log_in is True and SYSTEM_UIDS <= user.uid < 65534)


def _user(user: UserRow) -> tuple[Cell, ...]:
    identity = str(user.uid) if user.uid is not None else user.sid.rpartition("-")[2]
    password = f"{user.password} ({user.password_method})" if user.password_method else user.password
    if user.password_never_set:
        password = "never set"
    if user.locked:
        password = f"{password}, locked".strip(", ")
    if user.can_log_in is False:
        password = f"{password}, no login".strip(", ")
    return user.name, identity, user.home, password, user.ssh_keys, "yes" if user.administrator else ""


def _names(guest: InspectedGuest) -> list[str]:
    return [one.display_name or one.name for one in guest.applications or ()]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


# -- for pipes ---------------------------------------------------------------------------------------------------


def _lines(report: InspectReport) -> Iterator[tuple[str, Cell]]:
    """Every fact on a line of its own: a dotted name, a tab, the value. With several guests each begins at root."""
    for guest in report.guests:
        yield "root", guest.root
        yield from _record_lines("", guest.os)
        for mount in guest.mounts:
            yield "mount", f"{mount.path} {mount.device}"
        for row in guest.filesystems:
            yield "filesystem", " ".join(filter(None, (row.device, row.content, row.uuid)))
        for drive in guest.drives:
            yield "drive", f"{drive.letter} {drive.device}"
        yield "boot.firmware", guest.boot.firmware
        yield "boot.loader", guest.boot.loader
        yield "boot.config", guest.boot.config
        for kernel in guest.boot.kernels:
            yield "boot.default_kernel" if kernel.default else "boot.kernel", kernel.version
        for section in ("start", "settings", "selinux", "network", "windows"):
            if (record := getattr(guest, section)) is not None:
                yield from _record_lines(f"{section}.", record)
        for user in guest.users:
            yield "user", user.name
            yield "account", _words(user)
        for one in guest.applications or ():
            version = "-".join(filter(None, (one.version, one.release)))
            yield "application", f"{one.display_name or one.name} {version}".strip()


def _record_lines(prefix: str, record: object) -> Iterator[tuple[str, Cell]]:
    """One line for a plain fact, one for each item of a list; an item that is a record has its facts in that line."""
    for name in getattr(record, "__slots__", ()):
        value = getattr(record, name)
        if isinstance(value, tuple):
            for item in value:
                yield f"{prefix}{name}", _words(item) if _is_record(item) else str(item)
        elif _is_record(value):
            yield from _record_lines(f"{prefix}{name}.", value)
        elif value not in (None, ""):
            yield f"{prefix}{name}", _plain(name, value)


def _is_record(value: object) -> bool:
    return hasattr(value, "__slots__") and not isinstance(value, str)


def _plain(name: str, value: object) -> Cell:
    """A fact as scripts get it; a moment as JSON has it too."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return format_time(value) if name in TIME_FIELDS else value
    return str(value)


def _words(record: object) -> str:
    """The facts of a record in one line, as a shell reads words: ``name=nginx display_name='nginx web server'``."""
    words = []
    for name in getattr(record, "__slots__", ()):
        value = getattr(record, name)
        if isinstance(value, tuple):
            words += [f"{name}={shlex.quote(_words(one) if _is_record(one) else str(one))}" for one in value]
        elif _is_record(value):
            words.append(f"{name}={shlex.quote(_words(value))}")
        elif value not in (None, ""):
            words.append(f"{name}={shlex.quote(str(_plain(name, value)))}")
    return " ".join(words)

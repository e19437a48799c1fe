"""What the terminal's summary says of a Windows guest: counts, and a few names, in 80 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from imgtools.cli.output.views import Cell
from imgtools.units import format_time

if TYPE_CHECKING:
    from imgtools.records.windows import WindowsInterface, WindowsRow

ROOM = 60  # columns beside the names of facts
STORAGE = ("viostor", "vioscsi")  # without one of them a guest does not boot from a disk of virtio
REASONS = {
    "component-servicing": "servicing",
    "windows-update": "Windows Update",
    "file-renames": "files to rename",
    "servicing-transaction": "pending.xml",
    "setup": "setup",
    "domain-join": "joining a domain",
}


def windows_settings(found: WindowsRow) -> Iterator[tuple[str, Cell]]:
    """Yield what a guest of another kind has in its settings too."""
    joined = {
        True: f"joined to {found.domain}",
        False: f"not joined to one ({found.domain})" if found.domain else "",
    }
    policies = few([one.name or one.id for one in found.policies])
    return _known(
        ("Edition", " ".join(filter(None, (found.edition, found.display_version)))),
        ("Installed", format_time(found.installed) if found.installed else ""),
        ("Time zone", found.timezone),
        ("Language", found.locale),
        ("Domain", found.domain if found.domain_joined is None else joined[found.domain_joined]),
        ("Group policy", policies or ("yes" if found.group_policy else "")),
        ("Hibernated", "yes" if found.hibernated else ""),
        ("Fast startup", "on" if found.fast_startup else ""),
    )


def windows_state(found: WindowsRow) -> Iterator[tuple[str, Cell]]:
    """Yield what runs in it, what guards it, and what waits."""
    return _known(
        ("Services", _started(found)),
        (
            "Drivers",
            _counted(found.drivers, [one for one in found.drivers if one.start == "boot"], "at boot"),
        ),
        ("virtio", _virtio(found)),
        *(("Network", text) for text in _interfaces(found.interfaces)),
        ("Firewall", _firewall(found)),
        ("Antivirus", few([f"{one.name}{_state(one.enabled)}" for one in found.antivirus])),
        ("BitLocker", few([f"{_volume(one.drive, one.device)}" for one in found.bitlocker])),
        ("Tasks", _counted(found.tasks, [one for one in found.tasks if one.enabled], "enabled")),
        ("Updates", _updates(found)),
        ("Features", few([one.name for one in found.features or () if one.enabled])),
        ("Reboot", few([REASONS.get(reason, reason) for reason in found.pending_reboot], "pending: ")),
        ("Pending", few(list(found.pending_updates or ()))),
    )


def windows_boot(found: WindowsRow) -> Iterator[tuple[str, Cell]]:
    """Yield what the boot manager starts by itself, and with which options; then what else is in its menu."""
    loaders = [one for one in found.boot or () if one.in_menu or one.default]
    for entry in sorted(loaders, key=lambda one: not one.default):
        options = f" ({', '.join(entry.options)})" if entry.options else ""
        gone = "a partition that is not in this image" if entry.target.startswith("partition ") else ""
        where = entry.device or gone or entry.target or "nothing"
        yield "Starts" if entry.default else "Or", f"{entry.description or entry.kind} on {where}{options}"


def few(names: Sequence[str], before: str = "") -> str:
    """Return names as far as there is room for them, and how many there are beside them."""
    text = before
    for number, name in enumerate(names):
        left = len(names) - number
        more = f" and {left} more" if left > 1 else ""
        comma = ", " if number else ""
        if number and len(text) + len(comma) + len(name) + len(more) > ROOM:
            return f"{text} and {left} more"
        text += comma + name
    return text if names else ""


def _known(*pairs: tuple[str, str]) -> Iterator[tuple[str, Cell]]:
    return ((name, value) for name, value in pairs if value)


def _counted(everything: Sequence[object], some: Sequence[object], what: str) -> str:
    return f"{len(everything)} ({len(some)} {what})" if everything else ""


def _started(found: WindowsRow) -> str:
    return _counted(
        found.services, [one for one in found.services if one.start in ("auto", "delayed")], "automatic"
    )


def _virtio(found: WindowsRow) -> str:
    there = {one.name: one.start for one in found.virtio if one.present}
    names = [f"{name} ({start})" if start else name for name, start in there.items()]
    if found.virtio and there.keys().isdisjoint(STORAGE):
        names.insert(0, f"no {' and no '.join(STORAGE)}")
    return few(names)


def _interfaces(interfaces: Iterable[WindowsInterface]) -> Iterator[str]:
    """Yield a line for each interface that has, or had, an address."""
    for one in interfaces:
        how = f"DHCP, last {one.lease.address}" if one.dhcp and one.lease else "DHCP" if one.dhcp else ""
        addresses = few(one.addresses) or how
        if addresses and (one.addresses or one.lease):
            yield f"{one.name or one.id}: {addresses}"


def _firewall(found: WindowsRow) -> str:
    on = [one.name for one in found.firewall.profiles if one.enabled]
    off = [one.name for one in found.firewall.profiles if one.enabled is False]
    parts = [f"{word} ({', '.join(names)})" for word, names in (("on", on), ("off", off)) if names]
    if found.firewall.service == "disabled":
        parts.append("its service is disabled")
    return ", ".join(parts)


def _state(enabled: bool | None) -> str:
    return {True: " (on)", False: " (off)", None: ""}[enabled]


def _volume(drive: str, device: str) -> str:
    return f"{drive}: ({device})" if drive else device


def _updates(found: WindowsRow) -> str:
    there = [one for one in found.hotfixes or () if one.state in ("installed", "permanent")]
    if not there:
        return ""
    last = max(there, key=lambda one: one.installed or 0)
    when = f", last {last.kb} of {format_time(last.installed)[:10]}" if last.installed else f", {last.kb}"
    return f"{len(there)}{when if last.installed or len(there) == 1 else ''}"

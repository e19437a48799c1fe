"""Checks of the kernel's modules: those that hardly anybody needs cannot be loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from imgtools.change.change import MakeDirectory, WriteFile
from imgtools.guest.boot.modprobe import (
    Modprobe,
    blocked_by_kernel,
    modules_of,
    plain_name,
    read_modprobe,
)
from imgtools.ops.boot_facts import default_kernel
from imgtools.ops.check import Flaw, Seen, always
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotThere

FOLDER = "/etc/modprobe.d"


@dataclass(frozen=True, slots=True)
class Modules:
    """The parameters of a check of modules. ``names`` are those that should not be loaded."""

    names: tuple[str, ...] = ()


def rules(examined: Examined) -> Modprobe:
    """What modprobe is told."""
    return read_modprobe(examined.files)


def _there(examined: Examined) -> frozenset[str]:
    kernel = examined.once(default_kernel)
    return modules_of(examined.files, kernel) if kernel else frozenset()


def modules_are_blocked(what: str) -> Callable[[Examined, Params], Iterable[Seen]]:
    """Return the look that wants those modules of the parameter ``names`` that the kernel has to be blocked.

    :param what: what they are: "filesystem", "network protocol".
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        there = examined.once(_there)
        if not there:
            yield NotThere("the kernel has no modules")
            return
        kernel = examined.once(default_kernel)
        blocked = examined.once(rules).blocked | blocked_by_kernel(kernel.cmdline if kernel else "")
        fstab = _mounted(examined)
        for name in params.names:
            if plain_name(name) in there - blocked and name not in fstab:
                yield _flaw(name, what, is_blacklisted=plain_name(name) in examined.once(rules).blacklisted)

    return look


def _flaw(name: str, what: str, *, is_blacklisted: bool) -> Flaw:
    path = f"{FOLDER}/imgtools-{name}.conf"
    text = f"# {what} that is not used\ninstall {name} /bin/false\nblacklist {name}\n"
    said = "blacklisted, which keeps only devices from asking for it" if is_blacklisted else ""
    fix = always(MakeDirectory(FOLDER), WriteFile(path, text.encode()))
    return Flaw(f"the {what} {name} can be loaded", subject=name, evidence=said, fix=fix)


def _mounted(examined: Examined) -> frozenset[str]:
    """The filesystems that the guest itself mounts."""
    from imgtools.guest.find.fstab import read_fstab

    return frozenset(one.type for one in read_fstab(examined.files).entries)

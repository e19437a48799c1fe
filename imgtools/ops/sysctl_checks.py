"""Checks of the kernel's parameters: what a boot sets them to, or what the kernel does where nothing sets them.

The kernel's own defaults are from its documentation (admin-guide/sysctl, networking/ip-sysctl) and, where they are
chosen when it is built, from the configuration of the guest's kernel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass

from imgtools.change.change import Change, MakeDirectory, WriteFile
from imgtools.files.tree import GuestReader
from imgtools.guest.services.started import is_enabled
from imgtools.guest.settings.sysctl import LIMIT, Assignment, Sysctl, plain_key, read_sysctl
from imgtools.ops.boot_facts import default_kernel, kernel_options
from imgtools.ops.check import Fix, Flaw, Seen
from imgtools.ops.operation import Params
from imgtools.ops.station import Examined
from imgtools.records.diagnosis import NotKnown, NotThere

DROP_IN = "/etc/sysctl.d/99-imgtools.conf"
# What a kernel does where nothing sets a parameter; None: nobody can tell from the disk.
Default = Callable[[Examined], int | None]
Look = Callable[[Examined, Params], Iterable[Seen]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter, the values that are as they should be, and the kernel's default.

    ``good`` begins with the value that a fix sets; with ``fixable`` False a person has to decide: ``advice``.
    """

    name: str
    good: Collection[int]
    default: int | Default
    fixable: bool = True
    advice: str = ""

    @property
    def best(self) -> int:
        """The value that a fix sets."""
        return next(iter(self.good))


@dataclass(frozen=True, slots=True)
class Found:
    """The value of a parameter after a boot, and the line that sets it; None: the kernel's default."""

    value: int
    line: Assignment | None = None


def sysctl_of(examined: Examined) -> Sysctl:
    """The parameters that the guest's files set."""
    return read_sysctl(examined.files)


def value_of(examined: Examined, name: str, default: int | Default) -> Found | None:
    """Return what a boot makes of a parameter; None if nobody can tell."""
    line = examined.once(sysctl_of).find(name)
    if line is not None and line.number is not None:
        return Found(line.number, line)
    told = default(examined) if callable(default) else default
    return None if told is None else Found(told)


def sysctl_is(
    *wanted: Wanted,
    text: str,
    one_is_enough: bool = False,
    unless: Callable[[Examined], str] = lambda examined: "",
) -> Look:
    """Return the look that wants parameters to have good values.

    :param text: what is wrong where one has not.
    :param one_is_enough: the kernel joins them, so that one good value does for all (ip-sysctl: "and", "max").
    :param unless: why the check is not for this guest; "" where it is.
    """

    def look(examined: Examined, params: Params) -> Iterator[Seen]:
        if reason := unless(examined):
            yield NotThere(reason)
            return
        found = [(one, value_of(examined, one.name, one.default)) for one in wanted]
        if one_is_enough and any(have is not None and have.value in one.good for one, have in found):
            return
        for one, have in found[:1] if one_is_enough else found:
            if have is None:
                yield NotKnown(f"no file sets {one.name}, and the kernel's own default is not known")
            elif have.value not in one.good:
                yield _flaw(one, have, text)

    return look


def _flaw(one: Wanted, have: Found, text: str) -> Flaw:
    line = have.line
    said = f"{one.name} = {have.value}" + ("" if line else ", the kernel's default")
    return Flaw(
        text,
        line.path if line else "",
        line.line if line else 0,
        subject=one.name,
        evidence=said,
        fix=setting(one) if one.fixable and _would_win(line) else None,
        advice=one.advice or f"set {one.name} = {one.best} in a file of /etc/sysctl.d",
    )


def _would_win(line: Assignment | None) -> bool:
    """Whether a drop-in is read after what sets it now; a file of the administrator is edited itself."""
    if line is None or line.path.startswith("/etc/"):
        return True
    return line.path.rpartition("/")[2] < DROP_IN.rpartition("/")[2]


def setting(one: Wanted) -> Fix:
    """Return the fix that sets a parameter: in the administrator's lines that say otherwise, else in a drop-in."""

    def fix(files: GuestReader) -> Iterator[Change]:
        sysctl = read_sysctl(files)
        have = sysctl.find(one.name)
        if have is not None and have.number in one.good:
            return
        lines = [each for each in sysctl.lines if each.key == plain_key(one.name)]
        mine = [
            each
            for each in lines
            if each.path.startswith("/etc/") and each.value is not None and each.number not in one.good
        ]
        for path in dict.fromkeys(each.path for each in mine):
            yield _rewritten(files, path, {each.line for each in mine if each.path == path}, one)
        if not mine:
            yield from _added(files, one)

    return fix


def _rewritten(files: GuestReader, path: str, numbers: set[int], one: Wanted) -> WriteFile:
    lines = files.read_text(path, limit=LIMIT).split("\n")
    edited = [
        f"{line.partition('=')[0].rstrip()} = {one.best}" if number in numbers and "=" in line else line
        for number, line in enumerate(lines, 1)
    ]
    return WriteFile(files.resolve(path), "\n".join(edited).encode("utf-8", "surrogateescape"))


def _added(files: GuestReader, one: Wanted) -> Iterator[Change]:
    text = files.read_text(DROP_IN, limit=LIMIT) if files.is_file(DROP_IN) else ""
    folder = DROP_IN.rpartition("/")[0]
    if not files.is_dir(folder):
        yield MakeDirectory(folder)
    end = "" if not text or text.endswith("\n") else "\n"
    line = f"{text}{end}{one.name} = {one.best}\n"
    yield WriteFile(DROP_IN, line.encode("utf-8", "surrogateescape"))


def built_with(option: str, yes: int, no: int) -> Default:
    """Return the default that an option of the kernel's configuration chooses; None where that does not say."""

    def default(examined: Examined) -> int | None:
        said = (examined.once(kernel_options) or {}).get(option)
        return None if said is None else yes if said == "y" else no

    return default


def built_as(option: str) -> Default:
    """Return the default that is the number of an option of the kernel's configuration; None where it has none."""

    def default(examined: Examined) -> int | None:
        try:
            return int((examined.once(kernel_options) or {}).get(option, ""), 0)
        except ValueError:
            return None

    return default


def since(version: tuple[int, int], new: int, old: int) -> Default:
    """Return the default that changed with a version of Linux; None if the guest's is not known.

    The Red Hat family brings what is new to old versions: of an older one of theirs nobody can tell.
    """

    def default(examined: Examined) -> int | None:
        kernel = examined.once(default_kernel)
        found = re.match(r"(\d{1,3})\.(\d{1,4})", kernel.version if kernel else "")
        if found is None or kernel is None:
            return None
        is_new = (int(found[1]), int(found[2])) >= version
        return new if is_new else None if ".el" in kernel.version or ".amzn" in kernel.version else old

    return default


# -- for which guests ------------------------------------------------------------------------------------------

# What the magic key may do without harm: anything but dumping registers and memory (8) and ending programs (64).
HARMLESS_KEYS = (176, 0, *(bits for bits in range(2, 512) if not bits & (8 | 64)))
ROUTER = "if the guest is no router, nor a host of containers, set it to 0"
FIXED_ADDRESSES = "if the guest has a fixed IPv6 address and route, set it to 0"


def is_router(examined: Examined) -> str:
    """Why checks of plain servers are not for this guest: it runs what needs packets to be passed on."""
    there = next((path for path in ROUTERS if examined.files.is_file(path)), "")
    return f"the guest passes packets on for others: {there}" if there else ""


# Programs whose containers, virtual machines or tunnels get their packets by way of the guest.
ROUTERS = (
    "/usr/bin/dockerd",
    "/usr/sbin/dockerd",
    "/usr/bin/podman",
    "/usr/bin/kubelet",
    "/usr/local/bin/k3s",
    "/usr/sbin/libvirtd",
    "/usr/bin/lxc-start",
    "/usr/bin/incusd",
    "/usr/sbin/bird",
    "/usr/lib/frr/zebra",
    "/usr/sbin/openvpn",
    "/usr/bin/wg-quick",
)


def no_ipv6_host(examined: Examined) -> str:
    """Why checks of hosts with IPv6 are not for this guest: it has none, or is a router of IPv6."""
    off = value_of(examined, "net.ipv6.conf.all.disable_ipv6", 0)
    kernel = examined.once(default_kernel)
    if (off is not None and off.value) or "ipv6.disable=1" in (kernel.cmdline.split() if kernel else ()):
        return "IPv6 is turned off"
    routes = value_of(examined, "net.ipv6.conf.all.forwarding", 0)
    return "the guest is a router of IPv6" if routes is not None and routes.value else ""


def without_redirects(examined: Examined) -> str:
    """Why it does not matter whose redirects are followed: none are."""
    names = ("net.ipv4.conf.all.accept_redirects", "net.ipv4.conf.default.accept_redirects")
    found = [value_of(examined, name, 1) for name in names]
    return "" if any(one is None or one.value for one in found) else "no redirects are followed"


def without_user_bpf(examined: Examined) -> str:
    """Why it does not matter how BPF programs of users are compiled: there are none."""
    off = value_of(
        examined, "kernel.unprivileged_bpf_disabled", built_with("CONFIG_BPF_UNPRIV_DEFAULT_OFF", 2, 0)
    )
    return "users load no BPF programs" if off is not None and off.value else ""


def with_kdump(examined: Examined) -> str:
    """Why a kernel has to be able to start another one: to save the memory of one that died."""
    names = ("kdump", "kdump-tools")
    return "the guest has kdump" if any(is_enabled(examined.files, one) for one in names) else ""


def yama_default(examined: Examined) -> int | None:
    """What Yama restricts where nothing sets it: Debian's kernels have it off, others without it restrict nothing."""
    if examined.system.os.distro in ("debian", "kalilinux"):
        return 0
    return built_with("CONFIG_SECURITY_YAMA", 1, 0)(examined)

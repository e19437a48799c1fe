"""Give the guest a host name, in every file where its distribution keeps one.

In /etc/hosts the name of the loopback's addresses changes with it. Where cloud-init is installed it is told to keep
the name, because a new machine would get the one that its cloud says. Of Windows it is the computer's name, of at most
15 letters, in the registry; a Windows that was generalised is told it for its setup, in unattend.xml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, EditLines, LineEdit, WriteFile
from imgtools.errors import UsageError
from imgtools.guest.find.linux import find_hostname
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init
from imgtools.guest.settings import cloud_init
from imgtools.guest.settings.variables import set_variables
from imgtools.ops.customize_plan import Order
from imgtools.ops.operation import LINUX_OR_WINDOWS, Operation
from imgtools.records.system import OsType

LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def plan(guest: Guest, order: Order) -> Iterator[Change]:
    """Yield the files that hold the name. The limit of 64 letters is Linux' HOST_NAME_MAX.

    :raises UsageError: it is no host name (RFC 1123), or no computer name of Windows.
    """
    name = order.text
    if guest.os.type is OsType.WINDOWS:
        from imgtools.guest.windows.computer_name import name_changes

        yield from name_changes(guest.files, guest.os, name)
        return
    if len(name) > 64 or not re.fullmatch(rf"{LABEL}(\.{LABEL})*", name):
        raise UsageError(f"not a host name: {name!r}", hint="letters, digits, hyphens and dots, at most 64")
    files = guest.files
    yield from _own_files(guest, name)
    if files.is_file("/etc/machine-info"):
        yield EditLines("/etc/machine-info", (LineEdit(r"^\s*PRETTY_HOSTNAME="),))
    if files.is_file("/etc/hosts"):
        text = files.read_text("/etc/hosts")
        named = in_hosts(text, guest.os.hostname, name, guest.os.is_family("debian"))
        if named != text:
            yield WriteFile("/etc/hosts", named.encode("utf-8", "surrogateescape"))
    if cloud_init.is_installed(files):
        # Else it gives a new machine the name that its cloud, or a seed, says.
        yield from cloud_init.tell(files, "preserve_hostname", True, "99-hostname-is-set")


def objection(guest: Guest, order: Order) -> str:
    """Say why the guest will not have the name that it was given."""
    if guest.os.type is OsType.WINDOWS:
        return ""
    if (name := find_hostname(guest.files)) != order.text:
        return f"the guest's files still say {name!r}"
    if cloud_init.is_installed(guest.files):
        keeps = cloud_init.read_setting(guest.files, "preserve_hostname")
        return "" if keeps is True else "cloud-init is told elsewhere to set the name"
    return ""


def _own_files(guest: Guest, name: str) -> Iterator[Change]:
    """The file that the guest's init reads; systemd's is /etc/hostname everywhere."""
    files, init = guest.files, find_init(guest.files)
    network = "/etc/sysconfig/network"
    red_hat = guest.os.is_family("rhel", "fedora") and init in (Init.UPSTART, Init.SYSVINIT)
    text = files.read_text(network) if files.is_file(network) else ""
    if red_hat or re.search(r"(?m)^\s*HOSTNAME=", text):
        yield from set_variables(files, network, {"HOSTNAME": name})
    if files.is_file("/etc/conf.d/hostname") and init is Init.OPENRC:
        yield from set_variables(files, "/etc/conf.d/hostname", {"hostname": name}, quote='"')
    if red_hat and not files.exists("/etc/hostname"):
        return
    is_old = files.lstat("/etc/HOSTNAME") is not None and not files.exists("/etc/hostname")
    yield WriteFile("/etc/HOSTNAME" if is_old else "/etc/hostname", f"{name}\n".encode())


def in_hosts(text: str, old: str, name: str, is_debian: bool) -> str:
    """Return /etc/hosts with the new name where the loopback's lines have the old one.

    Debian has a line of its own for the name, 127.0.1.1, and gets one: sudo and others look the name up.
    """
    names = [name] if "." not in name else [name, name.partition(".")[0]]
    short = old.partition(".")[0]
    lines = []
    found = False
    for line in text.splitlines(keepends=True):
        body, mark, comment = line.partition("#")
        words = body.split()
        is_ours = words and (words[0].startswith("127.") or words[0] == "::1")
        if is_debian and words[:1] == ["127.0.1.1"]:
            line, found = f"127.0.1.1\t{' '.join(names)}\n", True
        elif is_ours and short not in ("", "localhost") and _has(words[1:], short):
            kept = [word for word in words[1:] if not _is_name(word, short) and word not in names]
            at = next(number for number, word in enumerate(words[1:]) if _is_name(word, short))
            before = len([word for word in words[1 : at + 1] if word in kept])
            all_names = [*kept[:before], *names, *kept[before:]]
            line, found = (
                f"{words[0]}\t{' '.join(all_names)}{' ' + mark + comment.rstrip() if mark else ''}\n",
                True,
            )
        lines.append(line)
    if is_debian and not found and not any(name in line.split() for line in lines):
        lines.append(f"127.0.1.1\t{' '.join(names)}\n")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _has(words: list[str], short: str) -> bool:
    return any(_is_name(word, short) for word in words)


def _is_name(word: str, short: str) -> bool:
    """Whether a word is the old name, with a domain or without."""
    return word == short or word.startswith(f"{short}.")


OPERATION = Operation(
    summary="Set the host name",
    plan=plan,
    params=Order,
    families=LINUX_OR_WINDOWS,
    metavar="NAME",
    objection=objection,
)

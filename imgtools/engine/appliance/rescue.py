"""A shell or a command in the appliance, with a guest mounted where people look for it: at /sysroot.

libguestfs has no terminal. So QEMU gets a console and three channels more (``ports.py``), the daemon starts a script
that puts a shell on the console, and everything else goes on as ever: the layout, the keys, the mounts, the fence.
"""

from __future__ import annotations

import base64
import logging
import re
import secrets
import shlex
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from imgtools.engine.appliance.files import encode
from imgtools.engine.appliance.launch import Appliance, Drive, launch_appliance
from imgtools.engine.appliance.rescue_attach import plug_read_only
from imgtools.engine.appliance.rescue_talk import PortConsole, run_quietly
from imgtools.engine.appliance.session import (
    MOUNT_OPTIONS,
    SYSROOT,
    ApplianceSession,
    Booted,
)
from imgtools.engine.appliance.write import WRITE_OPTIONS
from imgtools.engine.direct.session import disk_device
from imgtools.engine.subvolumes import subvolume_option
from imgtools.errors import EngineFailed
from imgtools.records.disks import Declined, Mount
from imgtools.records.shell import Console, Ended, Order
from imgtools.volumes.volume_file import DiskServer

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("rescue_shell.sh")
HERE = "/run/imgtools"
# The kernel finds SCSI disks one after the other, on one processor, so that the first disk is /dev/sda: people and
# scripts name devices. The other processor joins when the disks have their names.
IN_ORDER = "scsi_mod.scan=sync maxcpus=1"
ALL_PROCESSORS = "for i in /sys/devices/system/cpu/cpu*/online; do echo 1 > $i; done 2>/dev/null"
DISK = re.compile(r"/\d+:0:(\d+):0/block/(sd[a-z]+)")
TRIES = 3  # of a boot that finds the disks in another order all the same
PIECE = (
    48 << 10
)  # bytes; a word of a command line has 128 KiB (MAX_ARG_STRLEN), and base64 makes four of three
# The appliance has no users; with one, programs know who they are. What is mounted now is not the guest's.
PREPARE = f"""
mkdir -p {HERE} /root; cat /proc/mounts > {HERE}/mounts; rmdir {SYSROOT}/v* 2>/dev/null
[ -e /etc/passwd ] || echo root:x:0:0:root:/root:/bin/bash > /etc/passwd
[ -e /etc/group ] || echo root:x:0: > /etc/group
echo rescue > /proc/sys/kernel/hostname
"""
TERMINFO = tuple(Path(one) for one in ("/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"))
LARGEST_TERMINFO = 32 << 10  # bytes (term(5))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def boot_for_rescue(
    servers: Sequence[DiskServer],
    drives: Sequence[Drive],
    memory: int,
    *,
    wanted_memory: int = 0,
    network: bool = False,
    append: str = "",
) -> Booted:
    """Boot an appliance for a shell: with a console, and with the disks under the names that the guest's order gives.

    :raises ApplianceFailed: it does not start.
    """
    for left in reversed(range(TRIES)):
        appliance = launch_appliance(
            drives,
            memory=max(memory, wanted_memory),
            network=network,
            monitor=True,
            ports=True,
            append=f"{IN_ORDER} {append}".strip(),
        )
        targets = _targets(appliance)
        if not left or all(targets.get(disk_device(n)[5:]) == n for n in range(len(drives))):
            break
        log.info("the appliance has met the disks in another order: again")
        appliance.close()
    appliance.shell(ALL_PROCESSORS)
    return Booted(appliance, 0, appliance.close, targets)


def _targets(appliance: Appliance) -> dict[str, int]:
    """Return the SCSI target of each disk by its kernel's name; only the shell itself is asked, which is quick."""
    told = appliance.shell("echo /sys/bus/scsi/devices/*/block/*").decode("ascii", "replace")
    return {found[2]: int(found[1]) for found in DISK.finditer(told)}


class Rescue:
    """A guest mounted in a booted appliance, and what runs there.

    :param session: an appliance that :func:`boot_for_rescue` has booted.
    :param writable: mount for writing what can be.
    """

    def __init__(self, session: ApplianceSession, *, writable: bool) -> None:
        self._session = session
        self._appliance = session.appliance
        self._writable = writable
        self._session.detach()  # what was looked into to find the guest
        self._appliance.shell(PREPARE)

    # -- before -----------------------------------------------------------------------------------------------

    def mount(self, mounts: Sequence[Mount]) -> tuple[Declined, ...]:
        """Mount a guest at /sysroot; returns what is not mounted, or not for writing, and why.

        :raises EngineFailed: its root cannot be mounted.
        """
        declined: list[Declined] = []
        for number, mount in enumerate(sorted(mounts, key=lambda one: one.path)):
            where = SYSROOT + mount.path.rstrip("/")
            answer = self._mount(mount, where, number, declined)
            if answer is not None and mount.path == "/":
                raise EngineFailed(
                    f"{answer.what} cannot be mounted: {answer.reason}",
                    hint="--no-mount gives a shell with nothing mounted",
                )
            declined += [answer] if answer is not None else []
        return tuple(declined)

    def _mount(self, mount: Mount, where: str, number: int, declined: list[Declined]) -> Declined | None:
        volume, subvolume = mount.volume, subvolume_option(mount.options)
        at = partial(self._session.mount_at, volume, subvolume)
        place = f"{HERE}/volume{number}" if mount.inner else where
        answer: Declined | None = None
        if self._writable:
            answer = at(WRITE_OPTIONS.get(volume.content, "rw,noatime"), place)
            if answer is not None:
                refused, answer = answer, at(MOUNT_OPTIONS.get(volume.content, "ro"), place)
                if answer is None:
                    declined.append(Declined(volume.device, f"mounted read-only: {refused.reason}"))
        else:
            answer = at(MOUNT_OPTIONS.get(volume.content, "ro"), place)
        if answer is None and mount.inner:
            words = shlex.join(["mount", "--bind", f"{place}/{mount.inner.strip('/')}", where])
            said = self._appliance.shell(encode(f"{words} 2>&1")).decode("utf-8", "replace").strip()
            answer = Declined(volume.device, said) if said else None
        return answer

    def _put(self, name: str, content: bytes) -> None:
        """Write a file into :data:`HERE`."""
        place = f"{HERE}/{name}"
        self._appliance.shell(f": > {place}; chmod 755 {place}")
        for start in range(0, len(content), PIECE):
            piece = base64.b64encode(content[start : start + PIECE]).decode()
            self._appliance.shell(f"echo {piece} | base64 -d >> {place}")

    def attach(self, servers: Sequence[DiskServer]) -> tuple[str, ...]:
        """Plug more disks in, read-only, and mount what is on them; returns a line a disk about where."""
        plug = partial(plug_read_only, self._appliance)
        return tuple(plug(number, server) for number, server in enumerate(servers, 1))

    # -- the shell ----------------------------------------------------------------------------------------------

    def run(self, order: Order, out: Callable[[bytes], None], err: Callable[[bytes], None]) -> Ended:
        """Run a command or a script to its end; its output is passed on as it comes.

        :raises ApplianceFailed: the appliance ended before it did.
        """
        mark = secrets.token_hex(16)
        self._prepare(order, mark)
        return run_quietly(self._appliance.folder, mark.encode(), self._start, out, err)

    def open(self, order: Order, talk: Callable[[Console], None]) -> Ended:
        """Open a shell for ``talk``, which passes on what is typed and shown until it returns.

        :raises ApplianceFailed: the appliance ended before the shell did.
        """
        self._prepare(order, "")
        with PortConsole(self._appliance.folder) as console:
            self._start()
            talk(console)
            return console.ended()

    def _prepare(self, order: Order, mark: str) -> None:
        window, term = order.window, _terminfo(order.window.term) if order.interactive else b""
        facts = (
            f"interactive={'1' if order.interactive else ''}\nrows={window.rows}\ncolumns={window.columns}\n"
        )
        small = {
            "order": f"{facts}mark={mark}\nwritable={'1' if self._writable else ''}\n".encode(),
            "shell": SCRIPT.read_bytes(),
            "command": encode(_command_file(order)),
            "bashrc": RC.encode(),
        }
        lines = [
            f"echo {base64.b64encode(text).decode()} | base64 -d > {HERE}/{name}"
            for name, text in small.items()
        ]
        if term:
            place = f"/etc/terminfo/{window.term[0]}"
            lines.append(
                f"mkdir -p {place}; echo {base64.b64encode(term).decode()} | base64 -d > {place}/{window.term}"
            )
        self._appliance.shell("\n".join([*lines, f"chmod 755 {HERE}/shell {HERE}/command"]))
        if not order.interactive:
            self._put("script", order.script or encode(order.command))

    def _start(self) -> None:
        # Not with &: a shell in the background ignores Ctrl-C, and all that it starts do so too.
        self._appliance.shell(f"setsid -f {HERE}/shell </dev/null >{HERE}/said 2>&1")


def _terminfo(term: str) -> bytes:
    """The host's description of a terminal: the appliance knows none."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.+_-]*", term) is None:
        return b""
    found = (path for folder in TERMINFO if (path := folder / term[0] / term).is_file())
    return next((path.read_bytes()[:LARGEST_TERMINFO] for path in found), b"")


# A shell that ends has done its work, whatever its last command's exit code was: only `exit 1` says otherwise.
RC = r"""
PS1='rescue:\w\$ '
HISTFILE=
exit() { rescue_code=${1:-0}; builtin exit "$rescue_code"; }
trap 'builtin exit "${rescue_code:-0}"' EXIT
"""

CHROOT = r"""
root=/sysroot
for pair in proc:/proc sysfs:/sys tmpfs:/run; do
  [ ! -d "$root${pair#*:}" ] || mount -t "${pair%%:*}" "${pair%%:*}" "$root${pair#*:}"
done
[ ! -d $root/dev ] || mount --rbind /dev $root/dev
[ ! -d $root/sys/firmware/efi/efivars ] || mount -t efivarfs efivarfs $root/sys/firmware/efi/efivars 2>/dev/null
mkdir -p $root/run/imgtools
cp -p /run/imgtools/script /run/imgtools/bashrc $root/run/imgtools/ 2>/dev/null
"""


def _command_file(order: Order) -> str:
    """What runs as the shell: a file that becomes the shell, the command or the script."""
    from imgtools.engine.appliance.chroot import NETWORK

    lines = ["#!/bin/bash"]
    environment = {"PATH": PATH, "HOME": "/root", "TERM": order.window.term, "LANG": "C.UTF-8"}
    enter: list[str] = []
    if order.chroot:
        lines += [CHROOT, "undo=", NETWORK if order.network else ""]
        enter = ["chroot", SYSROOT]
    if order.interactive:
        lines.append("shell=/bin/bash")
        if order.chroot:
            lines.append(f"[ -x {SYSROOT}/bin/bash ] || shell=/bin/sh")
        lines.append(f"rc='--rcfile {HERE}/bashrc'; [ $shell = /bin/bash ] || rc=")
        program = "$shell $rc -i"
    elif order.script.startswith(b"#!"):
        program = f"{HERE}/script"
    else:
        program = f"/bin/sh {HERE}/script"
    words = " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items())
    given = "LVM_SYSTEM_DIR=$LVM_SYSTEM_DIR" if not order.chroot else "DEBIAN_FRONTEND=noninteractive"
    lines.append(f"env -i {words} {given} {' '.join(enter)} {program}")
    lines += ["code=$?", '[ -z "$undo" ] || { umount "$undo"; rm -f "$undo"; } 2>/dev/null', "exit $code"]
    return "\n".join(lines) + "\n"

"""Scripts that the guest runs when it boots next, each once, in the order in which they were given.

A runner goes through ``scripts/``, moves each script to ``done/`` before it starts it (a script that reboots is not run
again), and writes what it says to a log. systemd, SysV init (Upstart too) and OpenRC start the runner.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from imgtools.change.change import Change, MakeDirectory, MakeLink, WriteFile
from imgtools.errors import UnsupportedGuest
from imgtools.files.tree import GuestReader
from imgtools.guest.guest import Guest
from imgtools.guest.services.started import Init, find_init

FOLDER = "/usr/lib/imgtools/firstboot"
RUNNER = f"{FOLDER}/run.sh"
LOG = "/var/log/imgtools-firstboot.log"
NAME = "imgtools-firstboot"
RUNNER_TEXT = f"""\
#!/bin/sh
# Runs each script in {FOLDER}/scripts once, in order.
umask 077
exec >> {LOG} 2>&1 < /dev/null
umask 022
cd /
mkdir -p {FOLDER}/done
for script in {FOLDER}/scripts/*; do
    [ -f "$script" ] || continue
    name=${{script##*/}}
    echo "=== $name begins: $(date)"
    mv "$script" "{FOLDER}/done/$name" || continue
    "{FOLDER}/done/$name"
    echo "=== $name ended with $?: $(date)"
done
exit 0
"""
UNIT = f"""\
[Unit]
Description=Scripts of the first boot
Wants=network-online.target
After=network-online.target
ConditionDirectoryNotEmpty={FOLDER}/scripts

[Service]
Type=oneshot
ExecStart=/bin/sh {RUNNER}
TimeoutStartSec=0

[Install]
WantedBy=multi-user.target
"""
OPENRC = f"""\
#!/sbin/openrc-run
description="Scripts of the first boot"

depend() {{
    need localmount
    use net
    after *
    keyword -timeout
}}

start() {{
    ebegin "Running the scripts of the first boot"
    /bin/sh {RUNNER}
    eend 0
}}
"""
SYSV = f"""\
#!/bin/sh
# chkconfig: 2345 99 01
### BEGIN INIT INFO
# Provides:          {NAME}
# Required-Start:    $all
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Scripts of the first boot
### END INIT INFO
case "$1" in
start) /bin/sh {RUNNER} ;;
esac
exit 0
"""


def at_first_boot(guest: Guest, name: str, content: bytes) -> Iterator[Change]:
    """Yield a script for the next boot, and what runs it; one that waits there with the same content is not doubled.

    :raises UnsupportedGuest: nothing is known that would start it.
    """
    files = guest.files
    starter = tuple(_starter(files))
    if not _waits(files, content):
        yield MakeDirectory(f"{FOLDER}/scripts")
        yield WriteFile(RUNNER, RUNNER_TEXT.encode(), 0o755)
        slug = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:40] or "script"
        yield WriteFile(f"{FOLDER}/scripts/{_next_number(files):04d}-{slug}", content, 0o755)
        yield from starter


def _waits(files: GuestReader, content: bytes) -> bool:
    waiting = [path for path in files.glob(f"{FOLDER}/scripts/*") if files.is_file(path)]
    return any(
        files.stat(path).size == len(content) and files.read_bytes(path) == content for path in waiting
    )


def _next_number(files: GuestReader) -> int:
    names = [path.rpartition("/")[2] for path in files.glob(f"{FOLDER}/{{scripts,done}}/*")]
    return max((int(name[:4]) for name in names if re.match(r"\d{4}-", name)), default=0) + 1


def _starter(files: GuestReader) -> Iterator[Change]:
    init = find_init(files)
    if init is Init.SYSTEMD:
        unit = f"/etc/systemd/system/{NAME}.service"
        yield MakeDirectory("/etc/systemd/system")
        yield WriteFile(unit, UNIT.encode())
        yield from _link("/etc/systemd/system/multi-user.target.wants", f"{NAME}.service", unit)
    elif init is Init.OPENRC:
        yield MakeDirectory("/etc/init.d")
        yield WriteFile(f"/etc/init.d/{NAME}", OPENRC.encode(), 0o755)
        yield from _link("/etc/runlevels/default", NAME, f"/etc/init.d/{NAME}")
    elif init in (Init.SYSVINIT, Init.UPSTART):
        folder = "/etc/rc.d/rc{}.d" if files.is_dir("/etc/rc.d/rc3.d") else "/etc/rc{}.d"
        yield MakeDirectory("/etc/init.d")
        yield WriteFile(f"/etc/init.d/{NAME}", SYSV.encode(), 0o755)
        for level in "2345":
            yield from _link(folder.format(level), f"S99{NAME}", f"/etc/init.d/{NAME}")
    else:
        raise UnsupportedGuest(
            "nothing is known that starts scripts in this guest",
            hint="first-boot scripts need systemd, SysV init or OpenRC",
        )


def _link(folder: str, name: str, target: str) -> Iterator[Change]:
    yield MakeDirectory(folder)
    yield MakeLink(f"{folder}/{name}", target)

"""The script that runs another script in a guest's own tree, inside the appliance."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LAST_WORDS = 40  # lines of its output that are brought back

# @...@ is filled in. What is mounted is unmounted whatever happens; what was started in the tree is ended.
# /run is a tmpfs, as on a running system, so nothing of this is left in the guest.
SCRIPT = r"""
root=@ROOT@
bind() { [ -d "$root$2" ] && mount "$1" "$3" "$root$2" 2>/dev/null; }
@BINDS@
bind -tproc /proc proc
bind -tsysfs /sys sysfs
bind --rbind /dev /dev
bind -ttmpfs /run tmpfs
mkdir -p "$root/run" 2>/dev/null
undo=
@NETWORK@
printf %s @TEXT@ > "$root/run/imgtools-script"
env -i PATH=@PATH@ HOME=/root TERM=dumb LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
  chroot "$root" /bin/sh /run/imgtools-script @ARGUMENTS@ </dev/null >/tmp/imgtools-output 2>&1
code=$?
for process in /proc/[0-9]*; do
  case $(readlink $process/root) in "$root"|"$root"/*) kill -9 ${process#/proc/} 2>/dev/null ;; esac
done
rm -f "$root/run/imgtools-script"
tac /proc/mounts | while read -r device place rest; do
  case $place in "$root"/*)
    place=$(printf %b "$place")
    umount "$place" 2>/dev/null || umount -l "$place" ;;
  esac
done
[ -z "$undo" ] || rm -f "$undo"
tail -n @LINES@ /tmp/imgtools-output
rm -f /tmp/imgtools-output
echo
echo @MARK@ $code
"""

# The guest's resolv.conf may be a file, a link into /run, or not there; none of them may keep what is written now.
NETWORK = r"""
resolv=$root/etc/resolv.conf
if [ -L "$resolv" ]; then
  target=$(readlink "$resolv")
  case $target in /run/*|*../run/*)
    target=$root/run/${target#*run/}
    mkdir -p "${target%/*}" && cp /etc/resolv.conf "$target" ;;
  esac
elif [ -d "$root/etc" ]; then
  [ -e "$resolv" ] || { : > "$resolv"; undo=$resolv; }
  mount --bind /etc/resolv.conf "$resolv"
fi
"""


def chroot_script(
    mounts: Sequence[tuple[str, str]],
    text: str,
    mark: str,
    arguments: Sequence[str] = (),
    *,
    network: bool,
) -> str:
    """Return the script for the appliance's shell.

    :param mounts: guest path and place in the appliance of every mounted volume; ``/`` comes first.
    :param text: shell text for the guest's /bin/sh.
    :param mark: a word that no guest can guess; it is printed before the exit code.
    :param arguments: what the text gets as its arguments.
    """
    root = mounts[0][1]
    binds = "\n".join(f"bind --bind {shlex.quote(path)} {shlex.quote(place)}" for path, place in mounts[1:])
    words = {
        "ROOT": shlex.quote(root),
        "BINDS": binds,
        "NETWORK": NETWORK if network else "",
        "TEXT": shlex.quote(text),
        "ARGUMENTS": shlex.join(arguments),
        "PATH": PATH,
        "LINES": str(LAST_WORDS),
        "MARK": mark,
    }
    script = SCRIPT
    for name, value in words.items():
        script = script.replace(f"@{name}@", value)
    return script


def failure_of(told: str, mark: str) -> str:
    """Return what went wrong, from what the script printed; empty: nothing."""
    words, found, rest = told.rpartition(mark)
    code = rest.strip()
    if found and code == "0":
        return ""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    last = lines[-1] if lines else "it said nothing"
    if not found:
        return f"the command in the guest did not end: {last}"
    return f"the command in the guest failed with exit code {code}: {last}"

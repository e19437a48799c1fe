"""Filesystems mended by their own checkers, in the appliance: what is run, and what its words mean.

Sources: e2fsck(8), xfs_repair(8), btrfs-check(8), fsck.fat(8), ntfsfix(8), each with its exit codes.
"""

from __future__ import annotations

import re

from imgtools.errors import EditFailed, UnsupportedGuest, WouldLoseData

POINT = "/run/imgtools-mend"
MOST_TOLD = 12  # lines of what a checker did that are brought back
FORCE = "make a copy first, then: --set filesystem-check.force=yes"
EXT = frozenset({"ext2", "ext3", "ext4"})
# What is checked once more, read only, when all is done. ntfsfix has Windows check the volume, so it stays marked.
CHECKED_AFTERWARDS = EXT | {"xfs", "btrfs", "vfat"}

# $d is the device. The log of XFS and btrfs is replayed by the kernel when it mounts; a checker does not do it.
_REPLAY = f"mkdir -p {POINT}; mount -t @KIND@ -o @OPTIONS@ $d {POINT} 2>/dev/null && umount {POINT}; "
_SCRIPTS = {
    "ext": "e2fsck -f -y $d; c=$?",
    "xfs": f"{_REPLAY}xfs_repair $d; c=$?",
    "xfs+force": f"{_REPLAY}xfs_repair $d; c=$?; [ $c -ne 2 ] || {{ xfs_repair -L $d; c=$?; }}",
    "btrfs": f"{_REPLAY}btrfs check --readonly $d; c=$?",
    "btrfs+force": f"{_REPLAY}btrfs check --readonly $d || btrfs check --repair --force $d; c=$?",
    "vfat": "fsck.fat -a -w $d; c=$?",
    "ntfs": "ntfs-3g.probe --readwrite $d; c=$?; [ $c -eq 14 ] || { ntfsfix $d; c=$?; }",
}
_OPTIONS = {"xfs": "nouuid,noatime", "btrfs": "noatime"}
# The exit codes that say: nothing was wrong, or it is mended.
_GOOD = {"vfat": (0, 1)} | dict.fromkeys(EXT, (0, 1, 2))
_NOISE = re.compile(
    r"Pass \d|e2fsck \d|fsck\.fat \d|Phase \d|- |\d+ (inodes|files)|Opening filesystem|Checking filesystem|UUID: |"
    r"\[\d+/\d+\]|.*: \d+/\d+ files|found \d+ bytes|total |file data|btree space|referenced|done$|Mounting volume|"
    r".*\*\*\*\*\*|$|.*: recovering journal$|Processing of|Checking for|.*: \d+ files, \d+/\d+ clusters|"
    r"(Fix|Clear)\? yes"
)
_TO_LOST = re.compile(
    r"Connect to /lost\+found\? yes|moving to lost\+found|moved to lost\+found", re.IGNORECASE
)


def mending_script(kind: str, device: str, mark: str, *, force: bool) -> str:
    """Return the script that has a filesystem mended.

    :param device: as the appliance's shell calls it, quoted.
    :param mark: a word that no filesystem can guess; it is printed before the exit code.
    :raises UnsupportedGuest: nobody mends this kind of filesystem.
    """
    name = "ext" if kind in EXT else kind
    script = _SCRIPTS.get(f"{name}+force" if force else name, _SCRIPTS.get(name, ""))
    if not script:
        raise UnsupportedGuest(f"nobody here mends a filesystem of the kind {kind or 'unknown'}")
    script = script.replace("@KIND@", kind).replace("@OPTIONS@", _OPTIONS.get(kind, ""))
    return f"d={device}; ( {script}; echo; echo {mark} $c ) </dev/null 2>&1 | tail -n 4000"


def uuid_script(device: str, uuid: str, mark: str) -> str:
    """Return the script that gives a filesystem that is not mounted a UUID; the mark is printed if it has it then.

    tune2fs changes only what was checked since it was mounted last. XFS keeps its old one in its metadata.
    """
    return f"""
d={device}
case $(blkid -p -o value -s TYPE $d) in
  ext*) e2fsck -f -y $d >/dev/null 2>&1; yes | tune2fs -f -U {uuid} $d 2>&1 ;;
  xfs) xfs_admin -U {uuid} $d 2>&1 ;;
  btrfs) btrfstune -f -U {uuid} $d 2>&1 ;;
  swap) swaplabel -U {uuid} $d 2>&1 ;;
  *) echo nobody here changes a UUID of this kind ;;
esac
udevadm settle
[ "$(blkid -p -o value -s UUID $d)" = {uuid} ] && echo {mark}
"""


def read_mending(kind: str, device: str, told: str, mark: str) -> tuple[str, ...]:
    """Return what a checker did, in at most :data:`MOST_TOLD` lines; nothing: the filesystem was in order.

    :raises WouldLoseData: only what may lose data would mend it.
    :raises EditFailed: it is not mended; the message has the checker's last words.
    """
    words, found, rest = told.rpartition(f"{mark} ")
    code = int(rest.strip()) if found and rest.strip().isdigit() else -1
    lines = [line.strip() for line in words.splitlines()]
    said = [line for line in dict.fromkeys(lines) if not _NOISE.match(line)]
    if code not in _GOOD.get(kind, (0,)):
        raise _not_mended(kind, device, code, said)
    is_changed = code != 0 or "xfs" in kind
    if not is_changed and kind not in ("ntfs", "btrfs"):
        return ()
    lost = sum(len(_TO_LOST.findall(line)) for line in lines)
    kept = said[:MOST_TOLD] if code or lost or kind == "ntfs" else _repairs_in(said)
    more = [f"and {len(said) - MOST_TOLD} things more"] if len(said) > MOST_TOLD and kept else []
    in_lost = [f"{lost} files and directories without a name are now in lost+found"] if lost else []
    return (*kept, *more, *in_lost)


def _repairs_in(said: list[str]) -> list[str]:
    """What xfs_repair and btrfs say that they did: their exit code is 0 either way."""
    verbs = re.compile(r"\b(correct|clear|reset|rebuil|fix|junk|repair|remov|mov|zero)", re.IGNORECASE)
    return [line for line in said if verbs.search(line)][:MOST_TOLD]


def _not_mended(kind: str, device: str, code: int, said: list[str]) -> EditFailed | WouldLoseData:
    if kind == "xfs" and code == 2:
        return WouldLoseData(
            f"the log of {device} cannot be replayed: what it holds would be lost", hint=FORCE
        )
    if kind == "btrfs":
        first = next((line for line in said if "error" in line.lower()), said[0] if said else f"code {code}")
        return WouldLoseData(
            f"btrfs check finds {device} damaged ({first}), and its repair may make that worse", hint=FORCE
        )
    if kind == "ntfs" and code == 14:
        return EditFailed(
            f"{device} is not mended: Windows is hibernated on it",
            hint="start it and shut it down, or: imgtools repair --only windows-hibernation",
        )
    last = said[-1] if said else f"it ends with {code}"
    return EditFailed(f"the checker does not mend {device}: {last}")

"""A copy of libguestfs' appliance that starts in two thirds of the time: the same kernel and programs, our own /init.

The copy is made once for each appliance that supermin builds, beside it in LIBGUESTFS_CACHEDIR. It is made only of an
appliance whose /init is one that ``quick_init.sh`` was written after; any other is launched as it is. See
docs/decisions/quick-appliance.md.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from imgtools.engine.kept import keep, recall
from imgtools.engine.process import HOST, Limits, run
from imgtools.engine.qemu.kernels import appliance_folder
from imgtools.errors import ImgtoolsError

log = logging.getLogger(__name__)

INIT = Path(__file__).with_name("quick_init.sh")
ASSEMBLE = Path(__file__).with_name("assemble.sh")  # a part of it
# SHA-256 of the /init that ours stands for.
KNOWN = frozenset(
    {"da9b8eda395aa3bb14ca2b6a0472d6634c4a06e788cceb889d3314683e405096"}  # libguestfs 1.48.6 (Debian 12)
)
PARTS = ("kernel", "initrd", "root")
MOST_FAILURES = 3
UNUSED = 24 * 3600.0  # seconds
README = "README.fixed"  # by this libguestfs knows an appliance that supermin is not asked about
SUPERMIN = Path("/usr/lib")  # LIBDIR/guestfs/supermin.d
LIMITS = Limits(seconds=120)
# Drivers that supermin's initrd loads one after the other before it finds its root, for devices that libguestfs never
# gives to QEMU. The root has them all, should one be wanted later.
NOT_NEEDED = frozenset(
    {
        "crc32-pclmul",
        "crc32c-intel",
        "crct10dif-pclmul",
        "libnvdimm",
        "nfit",
        "libata",
        "ata_piix",
        "failover",
    }
    | {"net_failover", "virtio_net", "nd_btt", "nd_pmem", "nd_virtio", "virtio_pmem", "virtio_balloon"}
    | {"virtio_input", "virtio_mem", "virtio_mmio", "fuse", "virtiofs", "crc-itu-t", "crc7"}
)
ROOM = 512 << 20  # bytes that a copy takes at most; it is sparse


def quick_appliance() -> Path | None:
    """Return the folder of the copy, for ``guestfs_set_path``, made now if need be; or None if there is to be none.

    Nothing here may keep an appliance from being launched, so whatever fails is a reason to do without.
    """
    if os.environ.get("LIBGUESTFS_PATH") or os.environ.get("IMGTOOLS_APPLIANCE") == "plain":
        return None
    try:
        return _current_copy()
    except (OSError, ImgtoolsError) as error:
        log.debug("no quick appliance: %s", error)
        return None


def note_failure(folder: Path) -> None:
    """Remember that a copy did not start, and the appliance that it was made of did; the third time is the last."""
    keep("appliance", folder.name, _failures(folder.name) + 1)


def forget_failures(folder: Path) -> None:
    """Remember that a copy starts: what kept it from starting before was not the copy."""
    if _failures(folder.name):
        keep("appliance", folder.name, 0)


def _failures(key: str) -> int:
    kept = recall("appliance", key)
    return kept if isinstance(kept, int) else 0


def _current_copy() -> Path | None:
    built = appliance_folder() / "appliance.d"
    if not (built / "root").exists() or not _is_current(built):
        return None  # libguestfs builds it at this launch; the next one is quick
    key = _key(built)
    if _failures(key) >= MOST_FAILURES:
        return None
    top = _own_folder()
    copy = top / key
    if not _is_whole(copy):
        with _locked(top):
            if not _is_whole(copy) and not _make(built, copy):
                keep("appliance", key, MOST_FAILURES)  # it will not be another tomorrow
                return None
            _remove_others(top, key)
    os.utime(copy)
    return copy


def _is_whole(copy: Path) -> bool:
    """Whether nothing is missing; cleaners of temporary files take away what was not read for long."""
    return all((copy / name).exists() for name in (*PARTS, README))


def _is_current(built: Path) -> bool:
    """Whether supermin would leave the appliance as it is; asked as libguestfs does (lib/appliance.c)."""
    parts = [path for path in SUPERMIN.glob("*/guestfs/supermin.d") if path.is_dir()]
    if len(parts) != 1:
        return False
    words = ["supermin", "--build", "--if-newer", "--lock", str(built.parent / "lock"), "--copy-kernel"]
    words += ["-f", "ext2", "--host-cpu", os.uname().machine, str(parts[0]), "-o", str(built)]
    before = _key(built)
    run(words, HOST, limits=LIMITS)
    return _key(built) == before


def _key(built: Path) -> str:
    """A name for what supermin has built: it replaces the files when it builds anew, and only touches them else."""
    facts = [
        f"{stat.st_ino} {stat.st_size} {stat.st_blocks}" for stat in ((built / name).stat() for name in PARTS)
    ]
    for path in (INIT, ASSEMBLE, Path(__file__)):
        facts.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return "appliance-" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]


def _own_folder() -> Path:
    """A folder that only this user can write to; what is in it becomes code in the appliance."""
    folder = appliance_folder().parent / f".imgtools-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o170077 != 0o040000:
        raise PermissionError(f"{folder} is not ours alone")
    return folder


@contextmanager
def _locked(top: Path) -> Iterator[None]:
    with (top / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(built: Path, copy: Path) -> bool:
    """Make the copy, whole or not at all; False if its /init is not one that we know."""
    if shutil.disk_usage(copy.parent).free < 2 * ROOM:
        log.debug("no room for a quick appliance")
        return False
    with tempfile.TemporaryDirectory(dir=copy.parent, prefix="making-") as scratch:
        folder = Path(scratch) / "copy"
        folder.mkdir()
        original = folder / "init.libguestfs"
        run(["debugfs", "-R", f'dump "/init" "{original}"', str(built / "root")], HOST, limits=LIMITS)
        if hashlib.sha256(original.read_bytes()).hexdigest() not in KNOWN:
            return False
        log.info("preparing a copy of the libguestfs appliance that starts faster; this is done once")
        for name in PARTS:
            run(
                ["cp", "--reflink=auto", "--sparse=always", str(built / name), str(folder / name)],
                HOST,
                limits=LIMITS,
            )
        script = Path(scratch) / "script"
        script.write_text(
            f'rm /init\nwrite "{INIT}" /init\nsif /init mode 0100755\n'
            f'write "{ASSEMBLE}" /init.assemble\n'
            f'write "{original}" /init.libguestfs\nsif /init.libguestfs mode 0100755\n'
        )
        run(["debugfs", "-w", "-f", str(script), str(folder / "root")], HOST, limits=LIMITS)
        _slim(folder / "initrd", Path(scratch) / "initrd")
        (folder / README).write_text("A copy of libguestfs' appliance with the /init of imgtools.\n")
        shutil.rmtree(copy, ignore_errors=True)
        folder.rename(copy)
    return True


def _slim(initrd: Path, scratch: Path) -> None:
    """Take drivers that are not needed out of supermin's initrd: ``modules`` lists what its init loads, in order."""
    scratch.mkdir()
    run(["cpio", "-idm", "--quiet"], HOST, stdin=initrd.read_bytes(), cwd=str(scratch), limits=LIMITS)
    listed = (scratch / "modules").read_text().splitlines()
    wanted = [name for name in listed if name.removesuffix(".ko") not in NOT_NEEDED]
    (scratch / "modules").write_text("".join(f"{name}\n" for name in wanted))
    for name in set(listed) - set(wanted):
        (scratch / name).unlink()
    names = "".join(f"{path.name}\n" for path in sorted(scratch.iterdir()))
    initrd.write_bytes(
        run(["cpio", "-o", "-H", "newc", "--quiet"], HOST, stdin=names.encode(), cwd=str(scratch)).stdout
    )


def _remove_others(top: Path, key: str) -> None:
    """Remove copies that nobody has used for a day: those of appliances that are no more."""
    for path in top.glob("appliance-*"):
        if path.name != key and time.time() - path.stat().st_mtime > UNUSED:
            shutil.rmtree(path, ignore_errors=True)

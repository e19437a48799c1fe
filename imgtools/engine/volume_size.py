"""Make a filesystem as large as its volume, or smaller, with its own program; the volume is a file on the host.

ext2, ext3 and ext4 with resize2fs, NTFS with ntfsresize, swap with mkswap, f2fs (which only grows) with resize.f2fs.
None of them needs a boot. A volume is checked first: these programs refuse, or do harm, where something is wrong.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from imgtools.engine.process import Completed, Fence, Kind, Limits, ToolFailed, run
from imgtools.errors import EditFailed, RolledBack, UnsupportedFormat

EXT = frozenset({"ext2", "ext3", "ext4"})
SHRINKABLE = EXT | {"ntfs", "swap"}
SIZEABLE = SHRINKABLE | {"f2fs"}
LIMITS = Limits(seconds=6 * 3600)
E2FSCK_GOOD = (0, 1, 2)  # clean, or repaired
SECTOR = 512


def least_size(host_path: Path, content: str) -> int:
    """Return the bytes below which a filesystem cannot shrink, as its own program estimates them.

    :raises UnsupportedFormat: the content is none that can shrink here.
    :raises EditFailed: the filesystem is not in order.
    """
    if content in EXT:
        _check_ext(host_path)
        done = _look(["resize2fs", "-P"], host_path)
        block = _look(["dumpe2fs", "-h"], host_path)
        return _number(r": *(\d+)", done.text) * _number(r"Block size: *(\d+)", block.text)
    if content == "ntfs":
        _check_ntfs(host_path)
        done = _look(["ntfsresize", "--info", "--force", "--no-progress-bar"], host_path)
        return _number(r"You might resize at (\d+) bytes", done.text)
    if content == "swap":
        return 40 << 10  # mkswap wants 10 pages
    raise UnsupportedFormat(f"{content or 'unknown content'} cannot be made smaller here")


def require_sizeable(host_path: Path, content: str) -> None:
    """Make sure that the filesystem's own program takes such a filesystem at all.

    :raises UnsupportedFormat: it does not.
    """
    if content not in EXT:
        return
    features = re.search(
        r"^Filesystem features: *(.*)$", _look(["dumpe2fs", "-h"], host_path).text, re.MULTILINE
    )
    if features is not None and "bigalloc" in features[1].split():
        raise UnsupportedFormat(
            f"{content} with the feature bigalloc is not resized: resize2fs has not been tested with it, and says so",
            hint="grow it in the guest while it is mounted (resize2fs there asks the kernel), or make a new filesystem",
        )


def _look(words: Sequence[str], host_path: Path) -> Completed:
    """Ask a program that writes nothing."""
    return run([*words, os.fspath(host_path)], Fence(Kind.CHECKER, writes=(host_path,)), limits=LIMITS)


def _writer(host_path: Path) -> Fence:
    return Fence(Kind.RESIZER, writes=(host_path,))


def set_size(
    host_path: Path, content: str, size: int | None = None, *, uuid: str = "", label: str = ""
) -> None:
    """Make a filesystem ``size`` bytes large, or as large as the file it lies in.

    :param uuid: of a swap area, which is made anew and keeps it; so does the label.
    :raises UnsupportedFormat: the content is none that can be resized here.
    :raises EditFailed: the filesystem is not in order.
    :raises RolledBack: its program fails.
    """
    try:
        if content in EXT:
            _check_ext(host_path)
            wanted = [f"{size // SECTOR}s"] if size is not None else []
            run(["resize2fs", os.fspath(host_path), *wanted], _writer(host_path), limits=LIMITS)
        elif content == "ntfs":
            _check_ntfs(host_path)
            words = ["--size", str(size)] if size is not None else []
            # Twice --force: no question, which nobody would answer.
            run(
                ["ntfsresize", "-ff", "--no-progress-bar", *words, os.fspath(host_path)],
                _writer(host_path),
                limits=LIMITS,
            )
        elif content == "swap":
            words = [*(["-U", uuid] if uuid else []), *(["-L", label] if label else [])]
            pages = [str(size >> 10)] if size is not None else []
            run(["mkswap", *words, os.fspath(host_path), *pages], _writer(host_path), limits=LIMITS)
        elif content == "f2fs" and size is None:
            run(["fsck.f2fs", "-f", os.fspath(host_path)], _writer(host_path), limits=LIMITS)
            run(["resize.f2fs", os.fspath(host_path)], _writer(host_path), limits=LIMITS)
        else:
            raise UnsupportedFormat(f"{content or 'unknown content'} cannot be resized here")
    except ToolFailed as error:
        raise RolledBack(f"{error.message}; nothing was kept") from None


def _check_ext(host_path: Path) -> None:
    done = run(["e2fsck", "-f", "-p", os.fspath(host_path)], _writer(host_path), limits=LIMITS, ok=range(256))
    if done.code not in E2FSCK_GOOD:
        raise EditFailed(
            f"e2fsck cannot repair the filesystem without being told how: {done.complaint}",
            hint="repair it first: e2fsck -f in the guest's rescue mode",
        )


def _check_ntfs(host_path: Path) -> None:
    try:
        _look(["ntfsresize", "--info", "--no-progress-bar"], host_path)
    except ToolFailed as error:
        text = error.done.text + error.done.stderr.decode("utf-8", "replace")
        if "scheduled for check" in text or "unclean" in text or "hibernat" in text:
            raise EditFailed(
                "Windows has not let go of the volume: it waits for a check, or Windows is hibernated",
                hint="boot Windows, let it check the disk, shut it down (shutdown /s), then try again",
            ) from None
        raise EditFailed(f"ntfsresize does not find the volume in order: {error.done.complaint}") from None


def _number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    if found is None:
        raise EditFailed("the filesystem's program does not say what size it needs")
    return int(found[1])

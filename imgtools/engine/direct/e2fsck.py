"""e2fsck, the checker of ext2, ext3 and ext4, on a volume that was written."""

from __future__ import annotations

from pathlib import Path

from imgtools.engine.process import Fence, Kind, Limits, run
from imgtools.errors import RolledBack

CHECK = Limits(seconds=3600)


def check_ext(host_path: Path, device: str) -> None:
    """Have the filesystem checked by its own checker, which only reads.

    :raises RolledBack: it finds something.
    """
    done = run(
        ["e2fsck", "-f", "-n", str(host_path)], Fence(Kind.CHECKER, (host_path,)), limits=CHECK, ok=range(256)
    )
    if done.code:
        lines = [
            line.strip() for line in done.text.splitlines() if line.strip() and not line.startswith("Pass ")
        ]
        finding = next(
            (line for line in lines if line.endswith("? no") or "error" in line.lower()), done.complaint
        )
        raise RolledBack(f"e2fsck does not find {device} clean after the edit: {finding}")

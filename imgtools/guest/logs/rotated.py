"""Tell a log that was put aside from the one that is being written, by its name."""

from __future__ import annotations

import re

# logrotate(8): a number, a date (dateext), "old", and what packs; savelog(8) and cronolog have the same. The last is
# what svlogd(8) and multilog(8) name by TAI64N.
ROTATED = re.compile(
    r"\.\d+$|(?<!\d)(19|20)\d\d([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)|[.-]old$"
    r"|\.(gz|xz|bz2|zst|lz4|lzma|Z|zip)$|^@[0-9a-f]{24}\.[stu]$"
)


def is_rotated(name: str) -> bool:
    """Whether a log of this name was put aside: nothing writes to it any more."""
    return ROTATED.search(name) is not None

"""virt-get-kernel: copy the newest kernel of a guest, and its initial RAM disk, to the host."""

from __future__ import annotations

import os
from pathlib import Path

from imgtools.compat.dispatch import report_warnings
from imgtools.compat.sources import KEYS, source
from imgtools.compat.standard import MACHINE, STANDARD, anywhere, no_more, once, one_guest, told_facts
from imgtools.compat.text import put
from imgtools.compat.words import Words, switch, valued

OPTIONS = (
    valued("--add", "-a"),
    valued("--blocksize"),
    valued("--connect", "-c"),
    valued("--domain", "-d"),
    valued("--format"),
    valued("--output", "-o"),
    valued("--prefix"),
    switch("--unversioned-names"),
    MACHINE,
    *KEYS,
    *STANDARD,
)
SINGLE_DASH = True


def run(words: Words) -> int:
    """Copy both; what is there under their names gives way."""
    from imgtools.workflows.get_kernel import get_kernel

    once(words, "--add", "--prefix")
    no_more(words)
    if told_facts(words, ("virt-get-kernel",)):
        return 0
    one_guest(words)
    folder = words.last("--output") or os.curdir
    report = get_kernel(
        source(anywhere(words), mounts=False),
        Path(folder),
        which="newest",
        unversioned=words.has("--unversioned-names"),
        prefix=words.last("--prefix") or "",
        overwrite=True,
    )
    if not words.has("--quiet"):
        before = folder if folder.endswith("/") else f"{folder}/"
        for kernel in report.kernels:
            for path, copy in zip(kernel.sources, kernel.files, strict=True):
                put(f"download: {path} -> {before}{Path(copy).name}\n")
    report_warnings(words, report.warnings)
    return 0

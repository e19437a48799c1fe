"""Hold imgtools against images of other projects: `make foreign`. No part of CI.

The source packages of e2fsprogs, util-linux and qemu hold some 340 images, many of them damaged, that of hivex some
hives. An answer of imgtools has to be the one of the kernel, of blkid, of qemu-img or of other readers of hives, or an
error by name; less goes with a warning.
"""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.foreign.formats import compare_formats
from tests.foreign.hives import compare_hives
from tests.foreign.sketches import compare_sketches
from tests.foreign.sources import CORPORA, Corpus, fetch, images
from tests.foreign.trees import compare_trees
from tests.foreign.verdicts import Finding, Verdict


def _e2fsprogs(folder: Path, pattern: str, scratch: Path) -> Iterator[Finding]:
    return compare_trees(list(images(folder, pattern, scratch)))


def _util_linux(folder: Path, pattern: str, scratch: Path) -> Iterator[Finding]:
    found = list(images(folder, pattern, scratch))
    yield from compare_sketches(iter(found), folder)
    yield from compare_trees(found)


def _qemu(folder: Path, pattern: str, scratch: Path) -> Iterator[Finding]:
    return compare_formats(images(folder, pattern, scratch), scratch)


CHECKS: dict[str, Callable[[Path, str, Path], Iterator[Finding]]] = {
    "e2fsprogs": _e2fsprogs, "util-linux": _util_linux, "qemu": _qemu, "hivex": compare_hives,
}  # fmt: skip


def main() -> int:
    """Run the corpora that are named, else all; 1 if an answer is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.foreign", description=__doc__)
    parser.add_argument("packages", nargs="*", metavar="PACKAGE", help=", ".join(CHECKS))
    parser.add_argument("--all", action="store_true", help="show every image, not only what is not the same")
    parser.add_argument("--image", default="*", metavar="PATTERN", help="only images of these names")
    asked = parser.parse_args()
    wrong = 0
    for corpus in CORPORA:
        if not asked.packages or corpus.package in asked.packages:
            wrong += _run(corpus, asked.image, show_all=asked.all)
    return int(wrong > 0)


def _run(corpus: Corpus, pattern: str, *, show_all: bool) -> int:
    folder = fetch(corpus, platform.freedesktop_os_release()["VERSION_CODENAME"])
    counts: Counter[Verdict] = Counter()
    with tempfile.TemporaryDirectory(prefix="imgtools-foreign-") as scratch:
        for finding in CHECKS[corpus.package](folder, pattern, Path(scratch)):
            counts[finding.verdict] += 1
            if show_all or finding.verdict not in (Verdict.SAME, Verdict.BOTH_REFUSE):
                print(f"{corpus.package}: {finding.image}: {finding.verdict}: {finding.reason}", flush=True)
    print(f"{corpus.package}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common()))
    return counts[Verdict.WRONG]


if __name__ == "__main__":
    sys.exit(main())

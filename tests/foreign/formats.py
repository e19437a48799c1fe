"""qemu's sample images: format, size and content, held against qemu-img."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import imgtools
from imgtools.errors import ImgtoolsError
from tests.foreign.verdicts import Finding, Verdict


def compare_formats(images: Iterator[Path], scratch: Path) -> Iterator[Finding]:
    """Yield what comes of each image."""
    for image in images:
        yield _compare(image, scratch)


def _compare(image: Path, scratch: Path) -> Finding:
    ours, theirs = scratch / "ours.raw", scratch / "theirs.raw"
    for place in (ours, theirs):
        place.unlink(missing_ok=True)
    said = _qemu_img("info", "--output=json", str(image))
    made = _qemu_img("convert", "-O", "raw", str(image), str(theirs))
    refused = (said.stderr or made.stderr).strip() if said.returncode or made.returncode else ""
    try:
        info = imgtools.info(image).disks[0]
        imgtools.convert(image, ours, output_format="raw")
    except ImgtoolsError as error:
        return Finding(image.name, Verdict.BOTH_REFUSE if refused else Verdict.REFUSED, error.message)
    if refused:
        return Finding(image.name, Verdict.MORE, refused)
    facts = json.loads(said.stdout)
    mine, its = (info.format, info.virtual_size), (facts["format"], facts["virtual-size"])
    if mine != its:
        return Finding(image.name, Verdict.WRONG, f"imgtools {mine}, qemu-img {its}")
    same = _qemu_img("compare", "-f", facts["format"], "-F", "raw", str(image), str(ours))
    return Finding(image.name, Verdict.WRONG if same.returncode else Verdict.SAME, same.stdout.strip())


def _qemu_img(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["qemu-img", *words], capture_output=True, text=True, timeout=300)

"""Ask fleets of linked clones, and write docs/fleet-scale.md: `python -m tests.bench.fleet_scale --folder FOLDER`."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.bench.__main__ import ROOT, environment, say
from tests.bench.fleet_images import clones
from tests.bench.fleet_page import Loop, Measured, Ran, Stub, write_page
from tests.bench.machine import facts
from tests.bench.measure import CommandFailed, time_command

PAGE = ROOT / "docs" / "fleet-scale.md"
GUESTS = ("real-plain", "debian")
KINDS = ("df", "inspect")
MOST, STUBS = 1000, 10_000
LOOPED = 10  # images of a shell's loop
PEER = 2  # of virt-inspector's


def main() -> int:
    """Measure; the page is written where all of it was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where the clones are kept for the next time")
    parser.add_argument(
        "--most", type=int, default=MOST, help=f"images of the largest fleet (default {MOST})"
    )
    parser.add_argument("--stubs", type=int, default=STUBS, help=f"stubs of the largest (default {STUBS})")
    parser.add_argument("--no-peer", action="store_true", help="without virt-inspector")
    options = parser.parse_args()
    with _folder(options.folder) as folder:
        fleets = {guest: _fleet(guest, options.most, folder) for guest in GUESTS}
        runs = [run for guest, images in fleets.items() for run in _runs(guest, images, folder)]
        stubs = [
            _stub(count, folder) for count in dict.fromkeys((max(1, options.stubs // 10), options.stubs))
        ]
        loops = [_loop(guest, "imgtools inspect", images[:LOOPED]) for guest, images in fleets.items()]
        if not options.no_peer:
            loops.append(_loop(GUESTS[0], "virt-inspector -a", fleets[GUESTS[0]][:PEER]))
    page = write_page(Measured(runs, stubs, loops), facts())
    if (options.most, options.stubs, options.no_peer) == (MOST, STUBS, False):
        PAGE.write_text(page, encoding="utf-8")
        say(f"{PAGE.relative_to(ROOT)} is written")
    else:
        sys.stdout.write(page)
    return 0


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="imgtools-fleet-scale-", dir="/var/tmp") as made:
        yield Path(made)


def _fleet(guest: str, count: int, folder: Path) -> list[Path]:
    say(f"{count} clones of {guest}")
    return clones(guest, count, folder / guest)


def _runs(guest: str, images: Sequence[Path], folder: Path) -> Iterator[Ran]:
    """Run each question on fleets that grow, with a worker for each processor; the largest also with one."""
    workers = len(os.sched_getaffinity(0))
    sizes = [count for count in (10, 100, 1000) if count < len(images)]
    _ask(
        guest, "inspect", images[:10], workers, folder
    )  # what is read of the guest is in the page cache then
    for kind in KINDS:
        for count in (*sizes, len(images)):
            yield _ask(guest, kind, images[:count], workers, folder)
        if workers > 1:
            yield _ask(guest, kind, images, 1, folder)


def _ask(guest: str, kind: str, images: Sequence[Path], workers: int, folder: Path) -> Ran:
    database, listed = folder / "scale.sqlite", folder / "images"
    for path in folder.glob("scale.sqlite*"):
        path.unlink()
    listed.write_text("".join(f"{path}\n" for path in images))
    words = ["imgtools", "fleet", "run", kind, "--database", str(database), "-P", str(workers)]
    seconds, memory = _measured([*words, "--images-from", str(listed)])
    with sqlite3.connect(database) as connection:
        answers = "SELECT min(answered), max(answered), count(*) FROM answers WHERE ok"
        first, last, count = connection.execute(answers).fetchone()
    if count != len(images):
        raise CommandFailed(f"{len(images)} images, {count} answers")
    between = (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
    ran = Ran(guest, kind, count, workers, seconds, between / max(1, count - 1), memory)
    say(
        f"{kind}, {guest}, {count} images, {workers} workers: {seconds:.1f} s, {ran.each * 1000:.0f} ms an image"
    )
    return ran


def _measured(words: Sequence[str]) -> tuple[float, int]:
    """Run a program; return its seconds, and the bytes of the largest resident set of it and of what it waited for."""
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, stdout=said, stderr=said, env=environment())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise CommandFailed(said.read().decode(errors="replace")[-500:])
    return time.perf_counter() - began, usage.ru_maxrss * 1024


def _stub(count: int, folder: Path) -> Stub:
    words = [sys.executable, "-m", "tests.bench.fleet_client", str(count), str(folder / "stubs")]
    said = json.loads(time_command(words, {**environment(), "PYTHONPATH": str(ROOT)}).output)
    say(f"{count} stubs: {said['seconds']:.1f} s, of the client's processor {said['processor']:.1f}")
    return Stub(count, said["seconds"], said["peak"])


def _loop(guest: str, words: str, images: Sequence[Path]) -> Loop:
    listed = " ".join(shlex.quote(str(path)) for path in images)
    script = f'for image in {listed}; do {words} "$image" >/dev/null || exit; done'
    seconds = time_command(["sh", "-c", script], environment()).seconds
    say(f"{words}, {guest}, {len(images)} images: {seconds:.1f} s")
    return Loop(guest, words, len(images), seconds)


if __name__ == "__main__":
    sys.exit(main())

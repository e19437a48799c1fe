"""Show imgtools at work on two small guests: `make demo`. What is printed is what the commands print."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from tools.terminal import run_on_terminal
from tools.transcript import guest_folder

STEPS = (
    ("Which system is on this disk?", "imgtools inspect debian.qcow2"),
    ("What does the disk hold, and how full is it?", "imgtools filesystems debian.qcow2"),
    ("", "imgtools df -h debian.qcow2 windows.qcow2"),
    ("Read files, without booting and without mounting anything.", "imgtools cat debian.qcow2 /etc/fstab"),
    ("", "imgtools ls -l debian.qcow2 /boot"),
    ("", "imgtools find debian.qcow2 / --perm 4000"),
    ("What happened before it went down?", "imgtools log debian.qcow2"),
    ("The same for Windows, with its own paths.", "imgtools inspect windows.qcow2"),
    ("", r"imgtools ls windows.qcow2 'C:\Windows\System32\config'"),
    ("For scripts: JSON, and an exit code for each kind of error.", "imgtools df --json windows.qcow2"),
    ("", "imgtools cat debian.qcow2 /etc/nothing || echo exit code $?"),
)


def main() -> int:
    """Run every step; none may fail, and whatever they do, the images stay as they are."""
    failed = []
    _say("Two small guests, built from recipes in fixtures/ and kept in the cache: a Debian and a Windows.")
    with guest_folder() as folder:
        before = _sums(folder)
        for title, line in STEPS:
            _say(f"\n# {title}\n$ {line}" if title else f"$ {line}")
            started = time.perf_counter()
            shown = run_on_terminal(line, folder, colour=sys.stdout.isatty())
            _say(f"{shown.text.rstrip()}\n# {time.perf_counter() - started:.2f} s")
            failed += [line] if shown.code else []
        unchanged = _sums(folder) == before
    _say(f"\n# Every image is {'as it was' if unchanged else 'CHANGED'}: reading never writes.")
    _say("".join(f"# FAILED: {line}\n" for line in failed))
    _say("# More: docs/tutorial.md, `imgtools --help`, and the tests: `make test`.")
    return 0 if unchanged and not failed else 1


def _sums(folder: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.qcow2"))
    }


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

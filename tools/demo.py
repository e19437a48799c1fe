"""Show imgtools at work on two small guests: `make demo`. What is printed is what the commands print."""

from __future__ import annotations

import hashlib
import sys
import time
from pathlib import Path

from tools.terminal import run_on_terminal
from tools.transcript import GUESTS, guest_folder

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
    (
        "Change a file: first the plan, with the difference. --write would do it.",
        "imgtools edit debian.qcow2 /etc/ssh/sshd_config -e 's/^PermitRootLogin.*/PermitRootLogin no/'",
    ),
    ("The main job: what has to go before a used guest can be cloned?", "imgtools sysprep debian.qcow2"),
    (
        "Do it, into a new image, which is then fit to be a template.",
        "imgtools sysprep debian.qcow2 --output template.qcow2 >report.txt",
    ),
    ("", "imgtools sysprep --verify template.qcow2 && echo nothing is left"),
    ("Clones of it, each with its own name.", "imgtools clone template.qcow2 -n web1 -n web2 --linked"),
    ("", "imgtools cat web2.qcow2 /etc/hostname"),
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
    _say(f"\n# Both guests are {'as they were' if unchanged else 'CHANGED'}: only --write changes an image.")
    _say("".join(f"# FAILED: {line}\n" for line in failed))
    _say("# More: docs/tutorial.md, `imgtools --help`, and the tests: `make test`.")
    return 0 if unchanged and not failed else 1


def _sums(folder: Path) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in GUESTS}


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Record what the real programs answer about the fixtures: ``python -m tests.peers.golden [NAME...]``.

Each call boots an appliance, some half a minute without KVM.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from fixtures import build
from tests.peers.cases import CASES, GOLDEN, Case, as_kept

LIMIT = 1800  # seconds of one call


def ask(case: Case, disks: tuple[Path, ...]) -> bytes:
    """Return what the real program answers: its exit code, a line end, its standard output."""
    env = os.environ | {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    done = subprocess.run(
        [f"/usr/bin/{case.program}", *case.argv(disks)], env=env, capture_output=True, timeout=LIMIT
    )
    return f"{done.returncode}\n".encode() + done.stdout


def main(names: list[str]) -> None:
    """Record the cases that are named, or those that have no answer yet."""
    GOLDEN.mkdir(exist_ok=True)
    for case in CASES:
        if case.name in names if names else not case.golden.exists():
            answer = ask(case, tuple(disk for name in case.fixtures for disk in build.fixture(name).disks))
            case.golden.write_text(as_kept(answer), encoding="utf-8")
            print(case.name, answer.partition(b"\n")[0].decode(), len(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

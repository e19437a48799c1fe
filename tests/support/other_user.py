"""Tests that become an ordinary user, where we may, and where he can read the checkout."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

NOBODY = 65534
BECOME = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def _problem() -> str:
    """Why nobody can be nobody here; empty if he can."""
    if os.geteuid() != 0:
        return "only root becomes another user"
    reads = [*BECOME, sys.executable, "-c", f"import imgtools; open({__file__!r})"]
    done = subprocess.run(reads, capture_output=True, check=False)
    return "the checkout is not readable for others" if done.returncode else ""


CAN_BECOME = pytest.mark.skipif(bool(_problem()), reason=_problem() or "-")

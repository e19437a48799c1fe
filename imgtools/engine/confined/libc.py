"""The C library of this process, opened once: each time costs a quarter of a millisecond of every command."""

from __future__ import annotations

import ctypes

LIBC = ctypes.CDLL(None, use_errno=True)

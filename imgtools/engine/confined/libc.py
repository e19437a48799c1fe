"""The C library of this process, opened once: each time costs a quarter of a millisecond of every command."""

from __future__ import annotations

import ctypes
import functools

LIBC = ctypes.CDLL(None, use_errno=True)


def buffer(size: int) -> ctypes.Array[ctypes.c_char]:
    """Return room for an answer of the kernel.

    ``ctypes.create_string_buffer`` makes a new type each time when no array of that length is left, which costs a third
    of a millisecond.
    """
    return _array(size)()


@functools.cache
def _array(size: int) -> type[ctypes.Array[ctypes.c_char]]:
    return ctypes.c_char * size

"""What programs load when it is wanted: libraries of the host, and QEMU's block drivers."""

from __future__ import annotations

import ctypes

from imgtools.engine.process import HOST, Limits, require, run
from imgtools.engine.qemu.nodes import bare_driver
from imgtools.errors import EngineFailed, EngineTimeout, ToolMissing

# Of libraries that are called without a binding, those that a host with QEMU and Python need not have.
LIBRARIES = ("libcryptsetup.so.12", "libcrypto.so.3", "libkeyutils.so.1", "libcrypt.so.1")
DRIVERS = ("iscsi", "rbd")  # of Debian's qemu-block-extra
SECONDS = 10.0


def library_problem(name: str) -> str:
    """Return why a library cannot be loaded; "" if it can."""
    try:
        ctypes.CDLL(name)
    except OSError as error:
        return str(error)
    return ""


def driver_problem(name: str) -> str:
    """Return why QEMU cannot load a block driver; "" if it can.

    A driver that is there complains of what it is not told; of one that is not, QEMU says that it is unknown.
    """
    try:
        argv = [require("qemu-img"), "info", "--image-opts", bare_driver(name)]
        said = run(argv, HOST, limits=Limits(seconds=SECONDS), ok=range(256)).stderr
    except (ToolMissing, EngineFailed, EngineTimeout, OSError) as error:
        return str(error)
    return f"QEMU has no driver {name}" if b"Unknown driver" in said else ""

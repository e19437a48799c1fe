"""How the kernel that a guest starts was configured: its .config, which distributions put beside it."""

from __future__ import annotations

from collections.abc import Mapping

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import Kernel

LIMIT = 4 << 20  # bytes; 250 kB in a distribution's kernel


def read_kernel_config(files: GuestReader, kernel: Kernel | None) -> Mapping[str, str] | None:
    """Return the options of a kernel, ``CONFIG_NET`` -> ``y``; those that are not set are left out.

    None if there is no kernel, or nobody put its configuration beside it.
    """
    if kernel is None:
        return None
    places = (kernel.config_file, f"{kernel.modules_path}/config" if kernel.modules_path else "")
    for path in places:
        if path and files.is_file(path) and files.stat(path).size <= LIMIT:
            lines = files.read_text(path, limit=LIMIT).split("\n")
            pairs = (line.strip().partition("=") for line in lines if line.startswith("CONFIG_"))
            return {name: value.strip('"') for name, _equals, value in pairs}
    return None

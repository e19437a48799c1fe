"""How the kernel that a guest starts was configured: its .config, which distributions put beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from imgtools.files.tree import GuestReader
from imgtools.guest.boot.kernels import Kernel

LIMIT = 4 << 20  # bytes; 250 kB in a distribution's kernel


def read_kernel_config(files: GuestReader, kernel: Kernel | None) -> Mapping[str, str] | None:
    """Return the options of a kernel, ``CONFIG_NET`` -> ``y``; those that are said not to be set are ``n``.

    What its version does not know, or what is cut off, is left out. None if there is no kernel, or nobody put its
    configuration beside it.
    """
    if kernel is None:
        return None
    places = (kernel.config_file, f"{kernel.modules_path}/config" if kernel.modules_path else "")
    for path in places:
        if path and files.is_file(path) and files.stat(path).size <= LIMIT:
            text = files.read_text(path, limit=LIMIT)
            off = dict.fromkeys(re.findall(r"(?m)^# (CONFIG_\w+) is not set$", text), "n")
            return off | {
                name: value.strip('"') for name, value in re.findall(r"(?m)^(CONFIG_\w+)=(.*)$", text)
            }
    return None

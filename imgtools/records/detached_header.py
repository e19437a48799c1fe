"""Where the header of an encrypted volume is that does not lie on the volume."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class DetachedHeader(NamedTuple):
    """The header of a LUKS volume that is not on the volume: in a file of the host, or on another device of the guest.

    ``selector`` is the volume's device, or its partition's UUID or name: itself, the volume is called nothing.
    """

    selector: str
    host_path: Path | None = None
    device: str = ""

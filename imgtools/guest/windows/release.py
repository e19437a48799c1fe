"""Which Windows it is, as far as its own settings depend on that.

The builds: "Windows 10 release information" and its neighbours (learn.microsoft.com).
"""

from __future__ import annotations

from typing import NamedTuple

VISTA = 6000
WIN7 = 7600
WIN8 = 9200
WIN81 = 9600
WIN1607 = 14393  # Windows 10 of summer 2016, and Server 2016
WIN1709 = 16299
WIN11_22H2 = 22621
WIN11_24H2 = 26100  # and Server 2025


class Release(NamedTuple):
    """A release, and which of its editions."""

    build: int  # 0: not known
    is_server: bool
    edition: str = ""  # Professional, ServerStandard ...

    @property
    def is_home(self) -> bool:
        """Whether it is the Home edition, which calls itself Core."""
        return self.edition.startswith("Core")

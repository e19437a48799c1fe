"""What a guest has installed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Application:
    """One installed package or program. Empty strings are facts not known."""

    name: str
    version: str = ""
    release: str = ""
    epoch: int = 0
    arch: str = ""
    display_name: str = ""
    install_path: str = ""
    publisher: str = ""
    url: str = ""
    source_package: str = ""
    summary: str = ""
    description: str = ""
    bits: int = (
        0  # Windows: the view of the registry that it stands in, 64 or 32; 0 for what a user has for himself
    )
    user: str = ""  # Windows: whose it is alone, by the folder of the profile

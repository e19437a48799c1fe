"""Names of logs that were put aside, and of those that are written."""

from __future__ import annotations

import pytest

from imgtools.guest.logs.rotated import is_rotated

ASIDE = (
    "syslog.1", "gc.log.00", "a.log.12", "messages-20250101", "a.log-20250101.gz", "catalina.2025-01-31.log",
    "a_2025_12_01.txt", "a.2025.12.01", "mongod.log.2025-01-01T00-00-00", "Xorg.0.log.old", "boot-old", "a.xz", "a.bz2",
    "a.zst", "a.lz4", "a.lzma", "a.Z", "a.zip", "@4000000065a1b2c3d4e5f607.s", "@4000000065a1b2c3d4e5f607.u",
)  # fmt: skip
WRITTEN = (
    "syslog", "Xorg.0.log", "port-8080.log", "a-20250100.log", "a-20250001.log", "120250101.log",
    "202501011.log", "a-2025-0101.log", "old", "gold", "a.gzip", "@4000000065a1b2c3d4e5f607.x", "current", "v1.log",
)  # fmt: skip


@pytest.mark.parametrize("name", ASIDE)
def test_put_aside(name: str) -> None:
    assert is_rotated(name)


@pytest.mark.parametrize("name", WRITTEN)
def test_being_written(name: str) -> None:
    assert not is_rotated(name)

"""What takes QEMU seconds to make, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.disks import MIB, qemu_img


@pytest.fixture(scope="session")
def luks_qcow2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty qcow2 of 8 MiB, encrypted with LUKS and the key ``sesame``; tests work on copies."""
    path = tmp_path_factory.mktemp("luks") / "luks.qcow2"
    qemu_img(
        "create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=sesame",
        "-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10", path, str(8 * MIB),
    )  # fmt: skip
    return path

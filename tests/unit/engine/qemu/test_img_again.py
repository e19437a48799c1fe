"""qemu-img sometimes cannot measure its processor; then it is run again."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgtools.engine.process import HOST
from imgtools.engine.qemu.img.running import work
from imgtools.errors import ImgtoolsError

pytestmark = pytest.mark.host

SCRIPT = (
    'echo >> {0}; [ $(wc -l < {0}) -ge {1} ] || {{ echo "Unable to get accurate CPU usage" >&2; exit 1; }}'
)


def test_the_next_try_counts(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    assert work(["sh", "-c", SCRIPT.format(tries, 3)], HOST).code == 0
    assert len(tries.read_text()) == 3


def test_it_is_not_tried_for_ever(tmp_path: Path) -> None:
    tries = tmp_path / "tries"
    with pytest.raises(ImgtoolsError):
        work(["sh", "-c", SCRIPT.format(tries, 100)], HOST)
    assert len(tries.read_text()) == 4

"""A name that is one disk to the guest and another one here is refused."""

from __future__ import annotations

import pytest

from imgtools.errors import UsageError
from imgtools.libvirt.device_words import refuse_unclear
from imgtools.records.domain import Domain


@pytest.mark.parametrize(
    ("targets", "word", "said"),
    [
        (("vda", "vdb"), "/dev/vdb1", ""),
        (("vda", "vdb"), "/dev/sdb1", ""),
        (("vda", "vdb"), "vdc1", "has no disk vdc"),
        (("vda", "vdc"), "/dev/vdc1", "not the disk that is called so here"),
        (("vda", "sda"), "/dev/sda1", "not the disk that is called so here"),
        (("vda", "sda"), "/dev/vda1", ""),
        (("hda",), "/dev/nvme0n1p1", ""),
        (("vda", "vdc"), "UUID=1", ""),
        (("vda", "vdc"), "/dev/vg/root", ""),
        (("vda", "vdc"), "", ""),
    ],
)
def test_a_name_that_is_another_disk(targets: tuple[str, ...], word: str, said: str) -> None:
    domain = Domain("web1", (), targets)
    if not said:
        refuse_unclear(domain, [word])
        return
    with pytest.raises(UsageError, match=said):
        refuse_unclear(domain, [word])

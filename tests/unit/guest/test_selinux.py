"""SELinux: mode, policy and the files that give labels."""

from __future__ import annotations

import pytest

from imgtools.guest.selinux import Selinux, find_selinux
from tests.support.memory import memory_files

TARGETED = "/etc/selinux/targeted/contexts/files"


def test_an_enforcing_guest_has_its_label_files_in_order() -> None:
    files = {
        "/etc/selinux/config": "# comment\nSELINUX=Enforcing\nSELINUXTYPE=targeted \n",
        "/etc/selinux/targeted/policy/policy.33": "x",
        f"{TARGETED}/file_contexts.local": "",
        f"{TARGETED}/file_contexts": "",
    }
    found = find_selinux(memory_files(files))
    assert found == Selinux(
        "enforcing", "targeted", True, (f"{TARGETED}/file_contexts", f"{TARGETED}/file_contexts.local")
    )
    assert found.labels_files


@pytest.mark.parametrize(
    ("config", "wanted"),
    [
        ("", Selinux()),
        ("SELINUX=disabled\nSELINUXTYPE=targeted\n", Selinux("disabled", "targeted")),
        ("SELINUX=permissive\nSELINUXTYPE=../../etc\n", Selinux("permissive")),
        ("SELINUX=permissive\nSELINUXTYPE=..\n", Selinux("permissive")),
    ],
)
def test_without_a_policy_nothing_is_labelled(config: str, wanted: Selinux) -> None:
    found = find_selinux(memory_files({"/etc/selinux/config": config}))
    assert found == wanted
    assert not found.labels_files

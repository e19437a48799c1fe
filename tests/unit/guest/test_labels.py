"""New files of a guest with SELinux get the label that the guest's own policy has for them."""

from __future__ import annotations

import pytest

from imgtools.change.change import MakeDirectory, Remove, SetMode, WriteFile
from imgtools.guest.labels import makes_files, needs_autorelabel, new_file_labeller
from imgtools.records.files import FileKind
from tests.support.memory import memory_files

CONTEXTS = "/etc/selinux/targeted/contexts/files/file_contexts"
POLICY = r"""
/.*	system_u:object_r:default_t:s0
/etc(/.*)?	system_u:object_r:etc_t:s0
/etc/ssh/ssh_host_.*_key	--	system_u:object_r:sshd_key_t:s0
/var/log(/.*)?	system_u:object_r:var_log_t:s0
/var/log	-d	system_u:object_r:var_log_dir_t:s0
/etc/motd	--	system_u:object_r:motd_t:s0
/proc/.*	<<none>>
"""
CONFIG = "SELINUX=enforcing\nSELINUXTYPE=targeted\n"
FILES = {
    "/etc/selinux/config": CONFIG,
    CONTEXTS: POLICY,
    f"{CONTEXTS}.homedirs": "/home/[^/]+/.*\tunconfined_u:object_r:user_home_t:s0\n",
    f"{CONTEXTS}.subs": "/srv/log /var/log\n",
}


@pytest.mark.parametrize(
    ("path", "kind", "label"),
    [
        ("/etc/new", FileKind.FILE, b"system_u:object_r:etc_t:s0\0"),
        ("/etc/motd", FileKind.FILE, b"system_u:object_r:motd_t:s0\0"),
        ("/etc/motd", FileKind.DIRECTORY, b"system_u:object_r:etc_t:s0\0"),
        ("/etc/ssh/ssh_host_rsa_key", FileKind.FILE, b"system_u:object_r:sshd_key_t:s0\0"),
        ("/var/log", FileKind.DIRECTORY, b"system_u:object_r:var_log_dir_t:s0\0"),
        ("/srv/log/x", FileKind.FILE, b"system_u:object_r:var_log_t:s0\0"),
        ("/home/anna/x", FileKind.LINK, b"unconfined_u:object_r:user_home_t:s0\0"),
        ("/opt/caf\udce9", FileKind.FILE, b"system_u:object_r:default_t:s0\0"),
        ("/proc/x", FileKind.FILE, None),
    ],
)
def test_the_guests_policy_decides(path: str, kind: FileKind, label: bytes | None) -> None:
    labeller = new_file_labeller(memory_files(FILES))
    assert labeller is not None
    assert labeller(path, kind) == label


@pytest.mark.parametrize(
    ("files", "has_labeller", "must_relabel"),
    [
        ({}, False, False),
        ({**FILES, "/etc/selinux/config": CONFIG.replace("enforcing", "disabled")}, False, False),
        ({**FILES, CONTEXTS: "this is (no policy\n"}, False, True),
        ({**FILES, CONTEXTS: b"\0" * 100}, False, True),
    ],
)
def test_without_a_policy_that_works_the_guest_labels_itself(
    files: dict[str, str | bytes], has_labeller: bool, must_relabel: bool
) -> None:
    guest = memory_files(files)
    assert (new_file_labeller(guest) is not None) == has_labeller
    assert needs_autorelabel(guest) == must_relabel


def test_only_what_is_new_needs_a_label() -> None:
    files = memory_files({"/etc/old": ""})
    assert not makes_files([WriteFile("/etc/old", b""), SetMode("/etc/old", 0), Remove("/etc/old")], files)
    assert makes_files([WriteFile("/etc/new", b"")], files)
    assert makes_files([MakeDirectory("/etc/old", replace=True)], files)
    assert makes_files([MakeDirectory("/etc/new")], files)

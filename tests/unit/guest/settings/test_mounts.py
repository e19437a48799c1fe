"""How places are mounted after a boot, and which restrictions are in force in the end."""

from __future__ import annotations

import pytest

from imgtools.guest.settings.mounts import mounted_at, restrictions
from tests.support.memory import Content, link, memory_files

UNIT = "[Mount]\nWhat=tmpfs\nWhere=/tmp\nOptions=nosuid\n"
SYSTEMD: dict[str, Content] = {"/usr/lib/systemd/systemd": ""}


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ("defaults", ""),
        ("nodev,nosuid,noexec", "nodev noexec nosuid"),
        ("nodev,dev", ""),
        ("dev,nodev", "nodev"),
        ("user", "nodev noexec nosuid"),
        ("users,exec", "nodev nosuid"),
        ("exec,user", "nodev noexec nosuid"),
        ("owner,suid", "nodev"),
        ("nodev,defaults", ""),
        ("subvol=@nodev,x-systemd.nodev", ""),
    ],
)
def test_later_options_count_before_earlier_ones(options: str, found: str) -> None:
    assert " ".join(sorted(restrictions(options))) == found


def test_the_last_line_for_a_place_is_on_top_and_noauto_is_not_mounted() -> None:
    files = memory_files({"/etc/fstab": "a /x ext4 nodev\nb /x ext4 nosuid\nc /x ext4 noauto,noexec\n"})
    found = mounted_at(files, "/x")
    assert found is not None
    assert (found.entry.spec, found.source, sorted(found.restrictions)) == ("b", "/etc/fstab", ["nosuid"])
    assert mounted_at(files, "/y") is None


def test_units_of_the_administrator_and_of_the_distribution() -> None:
    mine: dict[str, Content] = {
        **SYSTEMD,
        "/etc/systemd/system/tmp.mount": UNIT,
        "/etc/systemd/system/local-fs.target.wants/tmp.mount": link("../tmp.mount"),
    }
    found = mounted_at(memory_files(mine), "/tmp")
    assert found is not None
    assert found.source == "/etc/systemd/system/tmp.mount"
    theirs: dict[str, Content] = {**SYSTEMD, "/usr/lib/systemd/system/tmp.mount": UNIT}
    assert mounted_at(memory_files(theirs), "/tmp") is None  # nothing wants it
    theirs["/usr/lib/systemd/system/local-fs.target.wants/tmp.mount"] = link("../tmp.mount")
    assert mounted_at(memory_files(theirs), "/tmp") is not None
    theirs["/etc/systemd/system/tmp.mount"] = link("/dev/null")
    assert mounted_at(memory_files(theirs), "/tmp") is None


def test_shared_memory_is_mounted_by_systemd_alone() -> None:
    found = mounted_at(memory_files(SYSTEMD), "/dev/shm")
    assert found is not None
    assert (found.source, sorted(found.restrictions)) == ("", ["nodev", "nosuid"])
    assert mounted_at(memory_files({"/sbin/openrc": ""}), "/dev/shm") is None
